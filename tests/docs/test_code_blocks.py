"""The code in the README and the docs runs, and its excerpts are in the sources."""

import importlib.util
import re
import shlex
from pathlib import Path

import pytest

from numlean.cli.main import main
from numlean.tasks import NamedTask

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


def command_blocks():
    for page in PAGES:
        for block in blocks(page, "console"):
            lines = block.splitlines()
            commands = [line[2:] for line in lines if line.startswith("$ ")]
            output = [line for line in lines if not line.startswith("$ ")]
            yield pytest.param(commands, output, id=f"{page.name}: {commands[0]}")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_blocks_of_a_page_run_one_after_the_other(page):
    namespace = {"__name__": page.stem}
    for block in blocks(page, "python"):
        exec(compile(block, page.name, "exec"), namespace)


@pytest.mark.parametrize(("commands", "output"), list(command_blocks()))
def test_commands_of_a_block_succeed_and_print_its_output(
    commands, output, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    for command in commands:
        program, *arguments = shlex.split(command)
        assert program == "numlean"
        assert main(arguments) == 0
    if output:
        assert capsys.readouterr().out.splitlines() == output


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_excerpts_are_in_the_files_that_they_name(page):
    for block in blocks(page, "py"):
        first, excerpt = block.split("\n", 1)
        path = ROOT / first.removeprefix("# ")
        assert excerpt in path.read_text(), f"{page.name} quotes lines that {path} does not have"


SHORTER = {
    "bf16_mixed_or_uniform": {"STEPS": 30},
    "bf16_training": {"STEPS": 4, "EVERY": 2},
    "fp8_needs_scales": {"STEPS": 6},
    "narrow_optimizer_state": {"STEADY": 1500, "STEPS": 250},
}
"""Constants of examples that would train for long."""


def shorter(task, *, steps=None, seed=0, config=NamedTask.config):
    """Return the default configuration of a task with at most 20 steps."""
    return config(task, steps=steps or min(task.steps, 20), seed=seed)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_examples_are_short_and_run(example, monkeypatch, capsys):
    """Run an example in this process, for its kernels; trainings on digits make few steps."""
    assert len(example.read_text().splitlines()) < 80
    monkeypatch.setattr(NamedTask, "config", shorter)
    spec = importlib.util.spec_from_file_location(example.stem, example)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name, value in SHORTER.get(example.stem, {}).items():
        monkeypatch.setattr(module, name, value)
    assert module.main([]) in (None, 0)
    assert capsys.readouterr().out


def test_the_pages_link_only_to_files_that_exist():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
