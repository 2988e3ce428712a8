"""List the arithmetics: how each is written, where it runs (the default first), what it is."""

from __future__ import annotations

import argparse

from numlean.registry import ALIASES, backends


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes: nothing."""


def run(arguments: argparse.Namespace) -> int:
    """Print the table."""
    rows = [(b.pattern, ", ".join(b.devices), b.summary) for _, b in backends()]
    rows += [(alias, "", f"another name of {name}") for alias, name in ALIASES.items()]
    rows.insert(0, ("dtype", "devices", "what a number is"))
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for pattern, devices, summary in rows:
        print(f"{pattern:<{widths[0]}}  {devices:<{widths[1]}}  {summary}")
    return 0
