"""The processes and the ways in which a run by a policy must have one result."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, final

from numlean.training import Options
from numlean.training.options import BACKENDS
from numlean.verification.policies.cases import Case
from numlean_kernels.threads import VARIABLE


@final
@dataclass(frozen=True)
class Environment:
    """A process, and the runs that it makes.

    Attributes:
        name: The name.
        variables: Environment variables of the process.
        runs: The engines, devices and kernels of each training.
        module: A module that the process needs and that may be missing; "" for none.
    """

    name: str
    variables: Mapping[str, str]
    runs: Mapping[Case, tuple[Options, ...]]
    module: str = ""

    def runs_of(self, tasks: Collection[str]) -> dict[Case, tuple[Options, ...]]:
        """Return the runs of some tasks."""
        return {case: ways for case, ways in self.runs.items() if case.task in tasks}


REFERENCE: Final = Options("eager", "python")
"""The way that all others are compared with: operation by operation, by Python's interpreter."""

_ON_CPU: Final = tuple(
    Options(engine, "cpu", fast_kernels=fast) for engine in BACKENDS for fast in (False, True)
)
_ON_CUDA: Final = tuple(Options(engine, "cuda") for engine in BACKENDS)

_CASES: Final = (
    Case("xor", 4, 8),
    Case("digits", 16, 5),
    Case("digits-cnn", 4, 2),
    Case("char-transformer", 1, 2),
    Case("char-rnn", 1, 2, positions=8),
)

_SIMULATED: Final = {
    Case("xor", 2, 3): _ON_CUDA,
    Case("digits", 1, 1): _ON_CUDA,
    Case("digits-cnn", 1, 1): _ON_CUDA[1:],
    Case("char-transformer", 1, 1, positions=2): _ON_CUDA[1:],
    Case("char-rnn", 1, 1, positions=2): _ON_CUDA[1:],
}
"""Smaller trainings: each thread of the simulator is a slow one of Python's."""

TASKS: Final = tuple(case.task for case in _CASES)
"""The tasks of the trainings."""

ENVIRONMENTS: Final = (
    Environment(
        "one-thread",
        {VARIABLE: "1", "OMP_NUM_THREADS": "1"},
        dict.fromkeys(_CASES, (Options("compiled", "python"), *_ON_CPU)),
    ),
    Environment(
        "two-threads",
        {VARIABLE: "2", "OMP_NUM_THREADS": "2"},
        dict.fromkeys(_CASES, _ON_CPU),
    ),
    Environment("simulator", {"NUMBA_ENABLE_CUDASIM": "1"}, _SIMULATED, module="numba_cuda"),
)


def way_text(options: Options) -> str:
    """Return a text of an engine, a device and kernels, such as ``compiled cpu fast``."""
    return f"{options.backend} {options.device}{' fast' if options.fast_kernels else ''}"
