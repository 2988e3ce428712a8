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
        from threadpoolctl import threadpool_info, threadpool_limits
    except ImportError:
        yield _INSTALL
        return
    with threadpool_limits(1, user_api="blas"):
        yield _describe([one for one in threadpool_info() if one["user_api"] == "blas"])


def _describe(libraries: list[dict[str, Any]]) -> str:
    if not libraries:
        return _UNKNOWN
    # SciPy may have loaded its own library, too.
    library = max(libraries, key=lambda one: "numpy" in Path(one["filepath"]).parent.name)
    name = _SPELLINGS.get(library["internal_api"], library["internal_api"])
    kernels = library.get("architecture") or "unknown"
    parts = [f"{name} {library['version']}, kernels for {kernels}"]
    parts += [f"{key}={os.environ[key]}" for key in sorted(os.environ) if key.startswith(_PREFIX)]
    return ", ".join((*parts, "one thread" if library["num_threads"] == 1 else "several threads"))
