"""Certificates replayed in other environments: other processors, threads and kernels."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any, Final

import numpy as np

from numlean.executors.executor import HERE, Executor
from numlean.tasks.arithmetic import arithmetic_options
from numlean_kernels.threads import VARIABLE


@dataclass(frozen=True)
class Environment:
    """Environment variables of a process.

    Attributes:
        name: The name to report.
        variables: The values by variable; None removes the variable.
    """

    name: str
    variables: Mapping[str, str | None]

    def of_process(self) -> dict[str, str]:
        """Return all variables of a process in this environment."""
        both = {**os.environ, **self.variables}
        return {name: value for name, value in both.items() if value is not None}


@dataclass(frozen=True)
class ReplayOutcome:
    """The results of replaying certificates in an environment.

    Attributes:
        environment: The name of the environment.
        way: The options of ``numlean replay``.
        verdicts: One for each certificate that could be replayed; see ``numlean replay --json``.
        message: The text on standard error.
    """

    environment: str
    way: tuple[str, ...]
    verdicts: tuple[dict[str, Any], ...]
    message: str

    @property
    def identical(self) -> int:
        """Return the number of certificates that hold at all their steps."""
        return sum(verdict["identical"] for verdict in self.verdicts)


_TARGET: Final = "NUMBA_CPU_NAME"


def environments() -> tuple[Environment, ...]:
    """Return the environments: kernels for this processor and for any, threads, plain numpy."""
    import llvmlite.binding as llvm

    cpu = llvm.get_host_cpu_name()
    features = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    return (
        Environment("all of this processor, 1 thread", {_TARGET: None, VARIABLE: "1"}),
        Environment("all of this processor, 2 threads", {_TARGET: None, VARIABLE: "2"}),
        Environment(f"{cpu}, 1 thread", {_TARGET: cpu, VARIABLE: "1"}),
        Environment("generic, 1 thread", {_TARGET: "generic", VARIABLE: "1"}),
        Environment("generic, 2 threads", {_TARGET: "generic", VARIABLE: "2"}),
        Environment(
            "numpy's plain loops", {_TARGET: None, "NPY_DISABLE_CPU_FEATURES": " ".join(features)}
        ),
    )


def ways(dtypes: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return the options: every dtype, eager and compiled, with plain and with fast kernels."""
    kernels = ("--no-fast-kernels", "--fast-kernels")
    return tuple(
        (*arithmetic_options(dtype), "--backend", backend, kernel)
        for dtype, backend, kernel in product(dtypes, ("eager", "compiled"), kernels)
    )


def outcomes(
    files: Sequence[str],
    dtypes: Sequence[str],
    options: Sequence[str] = (),
    executor: Executor = HERE,
) -> Iterator[ReplayOutcome]:
    """Yield the outcome of each environment and way, each in a process of its own.

    Args:
        files: The certificates.
        dtypes: The dtypes to replay in, or policies as ``policy:POLICY``.
        options: Further options of ``numlean replay``.
        executor: Starts the processes; the files have the same paths wherever it does.
    """
    work = partial(_replayed_item, tuple(files), tuple(options))
    return executor.in_order(work, product(environments(), ways(dtypes)), "replays")


def _replayed_item(
    files: Sequence[str], options: Sequence[str], item: tuple[Environment, tuple[str, ...]]
) -> ReplayOutcome:
    return replayed(files, *item, options)


def replayed(
    files: Sequence[str],
    environment: Environment,
    way: tuple[str, ...],
    options: Sequence[str] = (),
) -> ReplayOutcome:
    """Replay certificates in an environment."""
    done = subprocess.run(
        [sys.executable, "-m", "numlean", "replay", "--json", *way, *options, "--", *files],
        env=environment.of_process(),
        capture_output=True,
        text=True,
        check=False,
    )
    verdicts = tuple(json.loads(line) for line in done.stdout.splitlines())
    return ReplayOutcome(environment.name, way, verdicts, done.stderr.strip())
