"""The cache of compiled kernels under attack."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from numlean.verification.attacks.attack import Attack, Outcome, Setting


def _run(setting: Setting) -> Iterator[Outcome]:
    from numlean.verification.attacks.caches.attack import run  # imports numba

    return run(setting)


CACHES: Final = Attack(
    "caches", "kernel caches with damaged, replaced and hostile files", 200, _run
)
"""Damaged caches of compiled kernels."""

__all__ = ["CACHES"]
