"""How the kernels on numbers in limbs are compiled: when they are first called, and once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numlean_kernels.targets.kernel_compiler import compiled_kernel


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a kernel when it is first called, or load it from the disk."""
    return compiled_as(function, function.__name__)


def compiled_as(function: Callable[..., Any], name: str) -> Any:
    """Compile a kernel, of several that one function makes, under a name of its own."""
    return compiled_kernel(function, f"limbs {name}")
