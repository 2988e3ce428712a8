"""Every module can be imported first, no name hides a module, and no module imports itself."""

import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[1] / "tools"


def run(tool, *arguments, folder=TOOLS):
    command = [sys.executable, str(TOOLS / tool), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    return done.returncode, done.stdout + done.stderr


def test_every_module_can_be_imported_before_any_other_of_ours():
    assert run("import_alone.py") == (0, "")


def test_there_are_no_import_cycles():
    pytest.importorskip("grimp")
    assert run("import_cycles.py") == (0, "0 import cycles\n")


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Return a function that writes the modules of a package called ``example``."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def write(**modules):
        (tmp_path / "example").mkdir()
        for name, text in ({"__init__": ""} | modules).items():
            path = tmp_path / "example" / f"{name.replace('__of__', '/')}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        return tmp_path

    return write


def test_a_module_that_works_only_after_another_one_is_found(package):
    package(
        first="from example.second import b\na = 1", second="from example.first import a\nb = 1"
    )
    status, printed = run("import_alone.py", "example")
    assert status == 1
    assert "example.first cannot be imported first" in printed
    assert "example.second cannot be imported first" in printed


def test_a_function_that_hides_its_module_is_found(package):
    package(
        part__of____init__="from example.part.tasks import tasks", part__of__tasks="tasks = max"
    )
    assert run("import_alone.py", "example") == (
        1,
        "example.part.tasks is hidden behind <built-in function max>\n",
    )


def test_a_lazy_import_closes_a_cycle_and_one_for_type_checkers_does_not(package):
    pytest.importorskip("grimp")
    package(
        a="def f():\n    import example.b",
        b="import example.a",
        c="from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import example.d",
        d="import example.c",
    )
    status, printed = run("import_cycles.py", "example")
    assert status == 1
    assert "cycle of modules: example.a <-> example.b\n" in printed
    assert "example.c" not in printed


def test_packages_that_import_each_other_are_a_cycle_though_no_modules_are(package):
    pytest.importorskip("grimp")
    package(
        p__of____init__="",
        p__of__low="",
        p__of__high="import example.q.only",
        q__of____init__="",
        q__of__only="import example.p.low",
    )
    status, printed = run("import_cycles.py", "example")
    assert (status, printed) == (
        1,
        "cycle of parts of example: example.p <-> example.q\n1 import cycles\n",
    )
