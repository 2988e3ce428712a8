"""Tables in numpy archives (.npz): arrays by key."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Final

from numlean.data.input_file import read_input, shown_path
from numlean.data.npy_file import Array, array_of_bytes, one_line
from numlean.data.size_limit import check_size
from numlean.display_text import printable
from numlean.errors import DataError

_SUFFIX: Final = ".npy"
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""The ways to compress that numpy writes; zipfile cannot bound the memory of the others."""
_ENCRYPTED: Final = 1
"""The bit of a member's flags."""
_ENTRY: Final = b"PK\x01\x02"
_ENTRY_SIZE: Final = 1000
"""The memory that an entry of the archive's directory takes, about, in bytes."""
_SHOWN_KEYS: Final = 20


@dataclass(frozen=True)
class Archive:
    """An archive of arrays, of which only those are read that are asked for.

    Attributes:
        path: The file, for messages.
        content: Its bytes.
        keys: The names of the arrays.
    """

    path: str
    content: bytes
    keys: tuple[str, ...]

    @classmethod
    def open(cls, path: str) -> Archive:
        """Read a file, but none of its arrays.

        Raises:
            DataError: It cannot be read, or is no archive.
        """
        content, shown = read_input(path, pipes=True), shown_path(path)
        check_size(f"{shown}: the archive's directory", content.count(_ENTRY) * _ENTRY_SIZE)
        with _reading(shown), zipfile.ZipFile(BytesIO(content)) as archive:
            names = archive.namelist()
        return cls(shown, content, tuple(dict.fromkeys(n.removesuffix(_SUFFIX) for n in names)))

    def array(self, key: str) -> Array:
        """Return an array; never unpickle Python objects.

        Raises:
            DataError: The array is damaged, or holds neither numbers nor text.
        """
        place = f"{self.path}, key {key!r:.80}"
        array = array_of_bytes(self._member(key, place), place)
        if array.dtype.names:
            raise DataError(f"{place}: must hold real numbers or text, got {array.dtype!s:.80}")
        return array

    def _member(self, key: str, place: str) -> bytes:
        with _reading(place), zipfile.ZipFile(BytesIO(self.content)) as archive:
            names = set(archive.namelist())
            member = archive.getinfo(key + _SUFFIX if key + _SUFFIX in names else key)
            if member.flag_bits & _ENCRYPTED:
                raise DataError(f"{place}: the array is encrypted; save it without a password")
            if member.compress_type not in _METHODS:
                raise DataError(
                    f"{place}: the array is compressed by method {member.compress_type}, which is"
                    " not numpy's; save it with numpy.savez_compressed"
                )
            check_size(f"{place}: the array", member.file_size)
            with archive.open(member) as file:
                # Bounded, unlike a read without a size, even if the member contains more.
                return file.read(member.file_size)

    def input_key(self, target: str, key: str | None) -> str:
        """Return the key of the inputs: the given one, the only one besides the target, or ``x``.

        Raises:
            DataError: There is no such array, or the choice is ambiguous.
        """
        for chosen in (target, key):
            if chosen is not None and chosen not in self.keys:
                raise DataError(
                    f"{self.path}: there is no key {chosen!r:.80}; it has {_listed(self.keys)}"
                )
        if key == target:
            raise DataError(
                f"{self.path}: {key!r:.80} cannot be both the inputs and the target at once"
            )
        if key is not None:
            return key
        others = [name for name in self.keys if name != target]
        if len(others) == 1 or "x" in others:
            return "x" if "x" in others else others[0]
        raise DataError(
            f"{self.path}: which array holds the inputs is ambiguous: pass --input KEY; arrays"
            f" besides the target: {_listed(others)}"
        )


@contextmanager
def _reading(place: str) -> Iterator[None]:
    """Raise whatever the parser of archives stumbles over as an error of one line."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"{place}: not an array of a numpy archive: {one_line(error)}") from None


def _listed(names: Sequence[str]) -> str:
    shown = [printable(name) for name in names[:_SHOWN_KEYS]]
    more = ["..."] if len(names) > _SHOWN_KEYS else []
    return ", ".join(shown + more) or "none"
