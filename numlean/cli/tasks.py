"""List the tasks."""

from __future__ import annotations

import argparse

from numlean.tasks import get_task, task_names


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes: nothing."""


def run(arguments: argparse.Namespace) -> int:
    """Print the table."""
    width = max(map(len, task_names()))
    for name in task_names():
        print(f"{name:<{width}}  {get_task(name).summary}")
    return 0
