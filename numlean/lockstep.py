"""Do several arithmetics train alike, bit for bit? And if not, from which step on?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

from numlean.data import Dataset
from numlean.digest import Named, parameters_of, state_digest, value_digest
from numlean.errors import NumleanError
from numlean.runtime import Options, Stepper, Task, TrainConfig, instantiate, run_steps
from numlean.scalar import Scalar
from numlean.tensor import Tensor

OnProgress = Callable[[Scalar, int], None]
"""Told which Scalar has finished how many steps."""


@dataclass(frozen=True)
class Trace:
    """What a run looked like after each update, in digests.

    Attributes:
        scalar: In which arithmetic it ran.
        states: By step, the state digest of the loss and the new parameters.
        values: The same in value digests; empty if nobody needs them.
    """

    scalar: Scalar
    states: tuple[str, ...]
    values: tuple[str, ...]


@dataclass(frozen=True)
class Pair:
    """How two runs compare.

    Attributes:
        a: One arithmetic's name.
        b: The other's.
        compared: "state", encodings, within a format; "value", exact values, across formats.
        first_different_step: The first step, from 0, whose loss or resulting parameters differ;
            None if none does.
    """

    a: str
    b: str
    compared: str
    first_different_step: int | None

    @property
    def identical(self) -> bool:
        """Whether every step's loss and parameters are the same."""
        return self.first_different_step is None


@dataclass(frozen=True)
class Crosscheck:
    """How every two of several runs compare.

    Attributes:
        pairs: Each pair, in the order of the arithmetics given.
        steps: How many steps each run made.
    """

    pairs: tuple[Pair, ...]
    steps: int

    @property
    def identical(self) -> bool:
        """Whether all runs are the same."""
        return all(pair.identical for pair in self.pairs)


def crosscheck(
    task: Task,
    scalars: Sequence[Scalar],
    config: TrainConfig,
    dataset: Dataset | Callable[[Scalar], Dataset],
    options: Options | None = None,
    *,
    on_progress: OnProgress | None = None,
) -> Crosscheck:
    """Train a task in each arithmetic and compare every step's loss and parameters.

    Args:
        task: What to train.
        scalars: In which arithmetics.
        config: How.
        dataset: On what; or what makes of it the data of a run in a Scalar.
        options: How runners are instantiated.
        on_progress: Told of each step.

    Raises:
        NumleanError: There are fewer than two arithmetics.
    """
    if len(scalars) < 2:
        raise NumleanError(f"crosscheck compares at least two dtypes, not {len(scalars)}")
    by_value = len({scalar.format for scalar in scalars}) > 1 or scalars[0].format is None
    traces = [
        _trace(task, scalar, config, dataset, options, by_value, on_progress) for scalar in scalars
    ]
    return Crosscheck(tuple(_compare(a, b) for a, b in combinations(traces, 2)), config.steps)


def _trace(
    task: Task,
    scalar: Scalar,
    config: TrainConfig,
    dataset: Dataset | Callable[[Scalar], Dataset],
    options: Options | None,
    by_value: bool,
    on_progress: OnProgress | None,
) -> Trace:
    states: list[str] = []
    values: list[str] = []

    def record(stepper: Stepper, loss: Tensor) -> None:
        named: Named = [("loss", loss), *parameters_of(stepper.runner)]
        states.append(state_digest(named))
        if by_value:
            values.append(value_digest(named))
        if on_progress is not None:
            on_progress(scalar, len(states))

    runner = instantiate(task, scalar, options)
    data = dataset if isinstance(dataset, Dataset) else dataset(runner.scalar)
    run_steps(runner, config, data, on_step=record)
    return Trace(scalar, tuple(states), tuple(values))


def _compare(a: Trace, b: Trace) -> Pair:
    same_format = a.scalar.format is not None and a.scalar.format == b.scalar.format
    steps = zip(a.states, b.states, strict=True)
    if not same_format:
        steps = zip(a.values, b.values, strict=True)
    different = (step for step, (x, y) in enumerate(steps) if x != y)
    return Pair(
        a=a.scalar.name,
        b=b.scalar.name,
        compared="state" if same_format else "value",
        first_different_step=next(different, None),
    )
