"""Certificates replayed in other environments: other processors, threads and kernels."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

import numpy as np


@dataclass(frozen=True)
class Environment:
    """In what surroundings a process runs.

    Attributes:
        name: What to call it.
        variables: The environment variables that make it; one that is None is not set.
    """

    name: str
    variables: Mapping[str, str | None]

    def of_process(self) -> dict[str, str]:
        """All variables of a process in it."""
        both = {**os.environ, **self.variables}
        return {name: value for name, value in both.items() if value is not None}


@dataclass(frozen=True)
class Outcome:
    """How certificates fared in an environment.

    Attributes:
        environment: Its name.
        way: How they were replayed: the options of ``numlean replay``.
        verdicts: One for each that could be replayed; see ``numlean replay --json``.
        message: What was said on standard error.
    """

    environment: str
    way: tuple[str, ...]
    verdicts: tuple[dict[str, Any], ...]
    message: str

    @property
    def identical(self) -> int:
        """How many certificates hold at all their steps."""
        return sum(verdict["identical"] for verdict in self.verdicts)


_TARGET: Final = "NUMBA_CPU_NAME"
_THREADS: Final = "NUMBA_NUM_THREADS"


def environments() -> tuple[Environment, ...]:
    """Those that are tried: kernels for this processor and for any, threads, plain numpy."""
    import llvmlite.binding as llvm

    cpu = llvm.get_host_cpu_name()
    features = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    return (
        Environment("all of this processor, 1 thread", {_TARGET: None, _THREADS: "1"}),
        Environment("all of this processor, 2 threads", {_TARGET: None, _THREADS: "2"}),
        Environment(f"{cpu}, 1 thread", {_TARGET: cpu, _THREADS: "1"}),
        Environment("generic, 1 thread", {_TARGET: "generic", _THREADS: "1"}),
        Environment("generic, 2 threads", {_TARGET: "generic", _THREADS: "2"}),
        Environment(
            "numpy's plain loops", {_TARGET: None, "NPY_DISABLE_CPU_FEATURES": " ".join(features)}
        ),
    )


def ways(dtypes: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Every dtype, eager and compiled, with plain and with fast kernels."""
    kernels = ("--no-fast-kernels", "--fast-kernels")
    return tuple(
        ("--dtype", dtype, "--backend", backend, kernel)
        for dtype, backend, kernel in product(dtypes, ("eager", "compiled"), kernels)
    )


def outcomes(files: Sequence[str], dtypes: Sequence[str]) -> Iterator[Outcome]:
    """Each environment and way in turn, in a process of its own."""
    for environment, way in product(environments(), ways(dtypes)):
        yield replayed(files, environment, way)


def replayed(files: Sequence[str], environment: Environment, way: tuple[str, ...]) -> Outcome:
    """Certificates replayed in an environment."""
    done = subprocess.run(
        [sys.executable, "-m", "numlean", "replay", "--json", *way, *files],
        env=environment.of_process(),
        capture_output=True,
        text=True,
        check=False,
    )
    verdicts = tuple(json.loads(line) for line in done.stdout.splitlines())
    return Outcome(environment.name, way, verdicts, done.stderr.strip())
