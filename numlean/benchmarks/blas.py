"""The library that numpy multiplies matrices by."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

_PREFIX: Final = "OPENBLAS_"
_SPELLINGS: Final = {"openblas": "OpenBLAS", "mkl": "MKL", "blis": "BLIS"}
_UNKNOWN: Final = "numpy's BLAS, unknown to threadpoolctl, on as many threads as it takes"
_INSTALL: Final = "numpy's BLAS, on as many threads as it takes (pip install threadpoolctl)"


@contextmanager
def one_thread() -> Iterator[str]:
    """Hold numpy's BLAS to one thread, if threadpoolctl can; what it is bound to, in words."""
    try:
        from threadpoolctl import threadpool_info, threadpool_limits
    except ImportError:
        yield _INSTALL
        return
    with threadpool_limits(1, user_api="blas"):
        yield _described([one for one in threadpool_info() if one["user_api"] == "blas"])


def _described(libraries: list[dict[str, Any]]) -> str:
    if not libraries:
        return _UNKNOWN
    # SciPy may have loaded a library of its own.
    library = max(libraries, key=lambda one: "numpy" in Path(one["filepath"]).parent.name)
    name = _SPELLINGS.get(library["internal_api"], library["internal_api"])
    kernels = library.get("architecture") or "unknown"
    words = [f"{name} {library['version']}, kernels for {kernels}"]
    words += [f"{key}={os.environ[key]}" for key in sorted(os.environ) if key.startswith(_PREFIX)]
    return ", ".join((*words, "one thread" if library["num_threads"] == 1 else "several threads"))
