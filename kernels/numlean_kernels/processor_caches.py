"""The caches of the processor, as the system describes them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

_CACHES: Final = Path("/sys/devices/system/cpu/cpu0/cache")


@dataclass(frozen=True)
class Cache:
    """A cache of the first processor.

    Attributes:
        level: 1 for the one next to the core.
        kind: ``Data``, ``Instruction`` or ``Unified``.
        size: Its bytes.
    """

    level: int
    kind: str
    size: int


def processor_caches() -> list[Cache]:
    """Return the caches of the first processor, near ones first; none if the system is silent."""
    found = []
    for folder in sorted(_CACHES.glob("index*")):
        try:
            level, kind, size = (
                (folder / name).read_text(encoding="ascii").strip()
                for name in ("level", "type", "size")
            )
            found.append(Cache(int(level), kind, int(size.removesuffix("K")) * 1024))
        except (OSError, ValueError):  # a virtual machine may leave some out
            continue
    return found
