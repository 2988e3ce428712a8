"""Consent to open the files that a checkpoint or a certificate names."""

from __future__ import annotations

import argparse

from numlean.tasks.recorded_recipe import PATH_OPTIONS


def add_trust_option(parser: argparse.ArgumentParser | argparse._ArgumentGroup, files: str) -> None:
    """Add the option that trusts the paths in ``files``."""
    parser.add_argument(
        "--trust-paths",
        action="store_true",
        help=f"open the data files that {files} names (default: only those given here)",
    )


def add_file_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that name the files to read in place of those that a certificate names."""
    parser.add_argument("--data", metavar="FILE", help="table of a run that was trained on one")
    parser.add_argument("--test-data", metavar="FILE", help="table of test data of such a run")
    parser.add_argument("--text", metavar="FILE", help="text of a run that was trained on one")
    parser.add_argument(
        "--target", metavar="FILE.npy", help="targets of a run whose targets are a file"
    )


def given_files(arguments: argparse.Namespace) -> dict[str, str]:
    """Return the files that are given, by the name of their option."""
    given = {name: getattr(arguments, name) for name in PATH_OPTIONS}
    return {name: path for name, path in given.items() if path is not None}
