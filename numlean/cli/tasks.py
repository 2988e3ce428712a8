"""List the tasks."""

from __future__ import annotations

import argparse

from numlean.tasks import get_task, task_names
from numlean.text_table import align_rows


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add no arguments."""


def run(arguments: argparse.Namespace) -> int:
    """Print the table."""
    for line in align_rows((name, get_task(name).summary) for name in task_names()):
        print(line)
    return 0
