"""The command line."""

from numlean.cli.main import main

__all__ = ["main"]
