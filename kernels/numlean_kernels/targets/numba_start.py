"""Load the parts of numba that kernels need, once, without work that they never need.

numba loads the typings and lowerings of everything it supports when the first function is compiled
or loaded. Machine code from the cache needs none of them, only numba's runtime, so they are loaded
for compilations only. Two parts of that take most of the time and change nothing:

- To see whether ``numpy.dot`` could be compiled, it imports scipy.linalg, with dozens of modules.
  Kernels never call it. Here the presence of scipy decides; numba checks scipy itself when it
  compiles such a product.
- Each registered class loads everything again to find its registry. A single load, to the end, has
  the same result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from typing import Any

from numba.core.registry import cpu_target
from numba.core.runtime import rtsys


@cache
def load_runtime() -> None:
    """Load what compiled machine code refers to, once a process."""
    rtsys.initialize(cpu_target.target_context)


@cache
def load_registries() -> None:
    """Load the registries of numba's CPU target, once a process."""
    context = cpu_target.target_context
    with _without_check_of_scipy(), _replaced(context, "refresh", lambda: None):
        type(context).refresh(context)


@contextmanager
def _without_check_of_scipy() -> Iterator[None]:
    """Let numba take scipy's BLAS as present if scipy is installed, without importing it."""
    from numba.np import linalg

    def ensure_installed() -> None:
        if find_spec("scipy") is None:
            raise ImportError("scipy is not installed")

    with _replaced(linalg, "ensure_blas", ensure_installed):
        from numba.np import arraymath  # noqa: F401 (asks for BLAS once, when it is imported)

        yield


@contextmanager
def _replaced(owner: Any, name: str, function: Callable[[], None]) -> Iterator[None]:
    """Replace an attribute inside a ``with`` block."""
    is_own, before = name in vars(owner), getattr(owner, name)
    setattr(owner, name, function)
    try:
        yield
    finally:
        if is_own:
            setattr(owner, name, before)
        else:
            delattr(owner, name)
