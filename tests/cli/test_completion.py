"""Completion in real shells."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

BASH = r"""
source <(numlean completion bash)
for line in "$@"; do
  COMP_LINE="$line" COMP_POINT=${#line} COMP_TYPE=9 COMP_WORDBREAKS=$' \t\n"'"'"'><=;|&(:'
  COMPREPLY=()
  _python_argcomplete numlean 2> errors
  echo "${COMPREPLY[@]}"
done
"""
ZSH = r"""
compdef() { }
_describe() { echo ${completions%%:*}; }
eval "$(numlean completion zsh)"
for line in "$@"; do
  words=(numlean) BUFFER=$line CURSOR=${#line} _python_argcomplete
done
"""
FISH = r"""
numlean completion fish | source
for line in $argv
  echo (complete -C $line | string replace -r '\t.*' '')
end
"""
SCRIPTS = {"bash": ["-c", BASH, "bash"], "zsh": ["-fc", ZSH, "zsh"], "fish": ["-Nc", FISH]}

EXPECTED = {
    "numlean cros": {"crosscheck"},
    "numlean train x": {"xor"},
    "numlean train xor --dtype bfl": {"bfloat16"},
    "numlean train xor --policy nv": {"nvfp4"},
    "numlean train xor --sched": {"--schedule", "--scheduler", "--schedule-length"},
    "numlean train xor --resume some-ch": {"some-checkpoint"},
    "numlean compare xor --dtypes float32,bfl": {"float32,bfloat16"},
    "numlean verify stoc": {"stochastic"},
}


@pytest.mark.parametrize("shell", SCRIPTS)
def test_a_shell_completes_words(shell, tmp_path, monkeypatch):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    (tmp_path / "some-checkpoint").touch()
    program = tmp_path / "bin" / "numlean"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m numlean "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    monkeypatch.setenv("HOME", str(tmp_path))
    command = [shell, *SCRIPTS[shell], *EXPECTED]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    lines = [set(line.split()) for line in found.stdout.splitlines()]
    assert lines == list(EXPECTED.values()), found.stderr
