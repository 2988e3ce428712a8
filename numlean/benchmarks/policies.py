"""A compiled step of a network 64-64-10 by policies, and the memory that many steps take."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from numlean.benchmarks.backends import NETWORKS, Step, compiled_step

BASE: Final = "float32"
"""The run that others are compared with, in one dtype."""

_STATUS: Final = Path("/proc/self/status")


def steps(arithmetics: list[str]) -> dict[str, Step]:
    """Return a compiled step with fast kernels in ``BASE`` and in each arithmetic, by its name.

    An arithmetic is a dtype, or a policy as ``policy:POLICY``.
    """
    (activation, optimizer), *_ = NETWORKS
    names = dict.fromkeys((BASE, *arithmetics))
    return {name: compiled_step(activation, optimizer, name) for name in names}


def growth(step: Step, count: int) -> int | None:
    """Return by how many bytes resident memory grows over steps; None if the system does not say.

    As many steps before, a hundred at most, are not counted: they fill the pools of memory.
    """
    for _ in range(min(count, 100)):
        step()
    before = _resident()
    for _ in range(count):
        step()
    after = _resident()
    return None if before is None or after is None else after - before


def _resident() -> int | None:
    try:
        lines = _STATUS.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    sizes = [line.split()[1] for line in lines if line.startswith("VmRSS:")]
    return int(sizes[0]) * 1024 if sizes else None
