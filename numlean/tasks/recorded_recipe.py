"""The recipe of a run as a file contains it, which nobody here has written.

A file may come from anybody, and its recipe may name any path. So a recorded recipe cannot be
resolved. It becomes a :class:`Recipe`, which can, when somebody here names the files to read in
place of its own, or agrees to open those that it names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from os import PathLike, fspath
from typing import Final

from numlean.data.input_file import is_given_pipe
from numlean.errors import NumleanError
from numlean.precision import Policy
from numlean.tasks.recipe import Recipe
from numlean.tasks.sources import option_of

PATH_OPTIONS: Final = ("data", "test_data", "text", "target")
"""The names of the options that may be the path of a file to read."""


class UntrustedPathError(NumleanError):
    """A path in a file that nobody here has named or agreed to open."""


@dataclass(frozen=True)
class RecordedRecipe:
    """The recipe in a checkpoint or a certificate, which cannot be resolved before it is trusted.

    Attributes:
        recorded: The recipe. Nothing but ``trust`` may open the files that it names.
    """

    recorded: Recipe

    @property
    def dtype(self) -> str:
        """The number format, as ``--dtype`` takes it."""
        return self.recorded.dtype

    @property
    def policy(self) -> Policy | None:
        """The policy of a run in several dtypes; else None."""
        return self.recorded.policy

    @property
    def paths(self) -> dict[str, str]:
        """The files that the recipe names, by the name of their option."""
        return self.recorded.task.paths

    def trust(
        self, files: Mapping[str, str | PathLike[str]] | None = None, *, trust_paths: bool = False
    ) -> Recipe:
        """Return the recipe, if all files to open are named here or trusted.

        Args:
            files: The files to read in place of those that the recipe names, by the name of their
                option: one of ``PATH_OPTIONS``.
            trust_paths: Whether to open the other files that the recipe names.

        Raises:
            UntrustedPathError: The recipe names another file, and ``trust_paths`` is False, or it
                names a pipe of this process.
            NumleanError: The recipe names no file for one of ``files``.
        """
        given = {name: fspath(path) for name, path in (files or {}).items()}
        source = self.recorded.task.with_paths(given)
        others = {name: path for name, path in source.paths.items() if name not in given}
        if others and not trust_paths:
            raise UntrustedPathError(_refusal(others))
        for name, path in others.items():
            if is_given_pipe(path):
                raise UntrustedPathError(
                    f"the recipe in this file names {path!r} for {option_of(name)}, which is no"
                    f" file, but a pipe of this process; pass {option_of(name)} FILE"
                )
        return replace(self.recorded, task=source)


def _refusal(paths: Mapping[str, str]) -> str:
    named = " and ".join(f"{path!r} for {option_of(name)}" for name, path in paths.items())
    again = " and ".join(f"{option_of(name)} FILE" for name in paths)
    return (
        f"the recipe in this file names {named}, and a file from elsewhere may name any path; pass"
        f" {again} again, or --trust-paths (in Python trust_paths=True) to open what it names"
    )
