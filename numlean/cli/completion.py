"""Print a script with which a shell completes commands, options, dtypes, tasks, policies and files.

In bash, write eval "$(numlean completion bash)" into ~/.bashrc. In zsh, write eval "$(numlean
completion zsh)" into ~/.zshrc, after compinit. In fish, write the script into the folder
~/.config/fish/completions, as numlean.fish.

The script calls numlean at each Tab, so that it knows the formats of installed plugins. It
completes the last item of a list such as --dtypes float32,bf.
"""

from __future__ import annotations

import argparse
from typing import Final

from argcomplete.shell_integration import shellcode

SHELLS: Final = ("bash", "zsh", "fish")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "shell", metavar="SHELL", choices=SHELLS, help=f"the shell: {', '.join(SHELLS)}"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the script."""
    print(shellcode(["numlean"], shell=arguments.shell))
    return 0
