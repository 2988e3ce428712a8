"""The C program of the how-to about block formats makes vectors that agree with ours."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from numlean.cli.main import main

PAGE = (Path(__file__).parents[2] / "docs/how-to.md").read_text()
MISSING = [name for name in ("cc", "sha256sum") if shutil.which(name) is None]


def block(language: str) -> str:
    """Return the block of the page in a language that is about the program."""
    found = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    return next(each for each in found if "theirs" in each or "e4m3" in each)


@pytest.mark.skipif(bool(MISSING), reason=f"needs the programs {' and '.join(MISSING)}")
@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("", "", "203 vectors, 0 different"),
        ("nearbyint(", "round(", "is at the boundary"),
        ("fabs(y), 448", "fabs(y), 416", "element 0 is 7d, ours 7e"),
    ],
)
def test_the_program_agrees_and_a_changed_one_does_not(
    old: str, new: str, expected: str, tmp_path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["vectors", "mxfp8_e4m3", "--rule", "floor", "-o", "ours.jsonl"]) == 0
    program, source = block("sh"), block("c")
    assert old in source
    Path("theirs.c").write_text(source.replace(old, new))
    *build, check = program.splitlines()
    subprocess.run(["sh", "-e", "-c", "\n".join(build)], check=True)
    assert main(check.split()[1:]) == (1 if old else 0)
    assert expected in capsys.readouterr().out
