"""What the system says about the processors of this machine."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Final

_CPUINFO: Final = Path("/proc/cpuinfo")

_FIELDS: Final = {
    "name": ("model name",),
    "vendor": ("vendor_id", "CPU implementer"),
    "family": ("cpu family", "CPU architecture"),
    "model": ("model", "CPU part"),
    "stepping": ("stepping", "CPU revision"),
}
"""What Linux calls the parts of a processor's description, on x86 and on ARM."""


def processor_name() -> str:
    """Return the name of the processor; that of its architecture if the system names no other."""
    return processor_identity()["name"] or platform.processor() or platform.machine()


def processor_identity() -> dict[str, str | None]:
    """Return name, vendor, family, model and stepping; None for what the system does not say."""
    given = _first_processor()
    return {
        ours: next((given[name] for name in names if name in given), None)
        for ours, names in _FIELDS.items()
    }


def physical_cores() -> int | None:
    """Return the number of cores of the machine; None if the system does not say.

    A core may count as several processors, one for each of its threads.
    """
    cores: set[tuple[str, str]] = set()
    package = ""
    for name, value in _cpuinfo():
        if name == "physical id":
            package = value
        elif name == "core id":
            cores.add((package, value))
    return len(cores) or None


def _first_processor() -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in _cpuinfo():
        found.setdefault(name, value)
    return found


def _cpuinfo() -> list[tuple[str, str]]:
    try:
        lines = _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    parts = (line.partition(":") for line in lines)
    return [(name.strip(), value.strip()) for name, separator, value in parts if separator]
