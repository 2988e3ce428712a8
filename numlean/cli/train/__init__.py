"""Train a task in one arithmetic."""

from numlean.cli.train.command import add_arguments, run

__all__ = ["add_arguments", "run"]
