"""The library with which numpy multiplies matrices."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

_PREFIX: Final = "OPENBLAS_"
_SPELLINGS: Final = {"openblas": "OpenBLAS", "mkl": "MKL", "blis": "BLIS"}
_UNKNOWN: Final = "numpy's BLAS, unknown to threadpoolctl, number of threads not limited"
_INSTALL: Final = "numpy's BLAS, number of threads not limited (pip install threadpoolctl)"


@contextmanager
def one_thread() -> Iterator[str]:
    """Limit numpy's BLAS to one thread, if threadpoolctl can; yield its description."""
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        yield _INSTALL
        return
    with threadpool_limits(1, user_api="blas"):
        yield _describe(blas_facts())


def blas_facts() -> dict[str, Any] | None:
    """Return numpy's BLAS: name, version, kernels and threads; None if threadpoolctl is missing.

    None also for a library that threadpoolctl does not know.
    """
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return None
    libraries = [one for one in threadpool_info() if one["user_api"] == "blas"]
    if not libraries:
        return None
    # SciPy may have loaded its own library, too.
    library = max(libraries, key=lambda one: "numpy" in Path(one["filepath"]).parent.name)
    return {
        "name": _SPELLINGS.get(library["internal_api"], library["internal_api"]),
        "version": library["version"],
        "kernels": library.get("architecture"),
        "threads": library["num_threads"],
    }


def _describe(facts: dict[str, Any] | None) -> str:
    if facts is None:
        return _UNKNOWN
    parts = [f"{facts['name']} {facts['version']}, kernels for {facts['kernels'] or 'unknown'}"]
    parts += [f"{key}={os.environ[key]}" for key in sorted(os.environ) if key.startswith(_PREFIX)]
    return ", ".join((*parts, "one thread" if facts["threads"] == 1 else "several threads"))
