"""The shards of a run's steps, computed by the workers of a Dask cluster.

A worker gets the run once, the parameters once for each step, and the samples of the shards that
it computes. It returns the loss and the gradient of each. Which worker computes a shard, and how
often, changes no bit.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Final, final

from numlean.arguments import checked
from numlean.autograd.tensor import Tensor
from numlean.distributed.cluster import Cluster, connect
from numlean.distributed.on_worker import dumps, loads
from numlean.distributed.shared_value import SharedValue
from numlean.errors import NumleanError
from numlean.executors.worker_choice import check_workers
from numlean.training import Runner, Stepper
from numlean.training.engine.sharded import ShardedEngine
from numlean.training.engine.shards.cutting import Shard
from numlean.training.engine.shards.gradient import ShardProgram, ShardResult, shard_program
from numlean.training.engine.shards.pool import StepInputs
from numlean.training.precision import RunPrecision
from numlean_kernels.threads import available_processors

_MOST_RUNS: Final = 4
"""The runs that a worker keeps ready."""


@checked
@contextmanager
def shard_workers(
    stepper: Stepper,
    *,
    scheduler: str | None = None,
    workers: int | None = None,
    warn: Callable[[str], None] = print,
) -> Iterator[Cluster | None]:
    """Let workers compute the shards of a stepper's steps while the context lasts.

    Args:
        stepper: The stepper of a run with several shards (``nl.Options(shards=V)``).
        scheduler: The address of a Dask scheduler; None starts workers on this machine.
        workers: The number of processes on this machine (default: its processors, but not more
            than there are shards); 0 computes the shards in this process, without Dask, and yields
            None.
        warn: Called with a line if a worker is refused, or none is there.

    Raises:
        NumleanError: The run has one shard, both a scheduler and workers are given, there would be
            more than 1024 workers, Dask is not installed, or a worker has other versions.
    """
    engine, count = stepper.engine, stepper.runner.options.shards
    if not isinstance(engine, ShardedEngine):
        raise NumleanError("workers compute shards, and this run has one: set shards to 2 or more")
    check_workers(scheduler, workers)
    if workers == 0:
        yield None
        return
    wanted = min(available_processors(), count) if workers is None else workers
    before = engine.pool
    with connect(scheduler, wanted) as cluster:
        engine.pool = WorkerPool(cluster, stepper.runner, warn)
        try:
            yield cluster
        finally:
            engine.pool = before


@final
class WorkerPool:
    """Computes shards on workers; see :class:`ShardPool`."""

    def __init__(self, cluster: Cluster, runner: Runner, warn: Callable[[str], None]) -> None:
        self._cluster = cluster
        self._precision = runner.precision
        self._warn = warn
        content = dumps(runner)
        digest = hashlib.sha256(content).hexdigest()
        self._run = cluster.shared(_PackedRun(content, digest))
        self._inputs: StepInputs | None = None
        self._shared: list[SharedValue] = []

    def compute(
        self, shards: Sequence[Shard], inputs: StepInputs, known: Sequence[Tensor]
    ) -> list[ShardResult | Tensor]:
        """Return what each shard gives, or the rows it needs."""
        if inputs is not self._inputs:
            self._inputs, self._shared = inputs, [self._run, self._cluster.shared(inputs)]
        sent = len(self._shared) - 2
        self._shared += map(self._cluster.shared, known[sent:])
        found = self._cluster.computed(_compute, shards, self._shared, self._warn)
        return [_result_in(self._precision, each) for each in found]


@final
@dataclass(frozen=True)
class _PackedRun:
    """A run as workers keep and pass it on.

    Attributes:
        content: The runner, as bytes.
        digest: The digest of the bytes.
    """

    content: bytes
    digest: str


def _compute(
    shard: Shard, run: _PackedRun, inputs: StepInputs, *known: Tensor
) -> ShardResult | Tensor:
    """Compute a shard on a worker."""
    ready = _ready(run)
    with ready.lock:
        return ready.compute(shard, inputs, known)


@final
@dataclass
class _ReadyRun:
    """A run on a worker, whose recordings stay from step to step.

    Attributes:
        runner: The run.
        program: Computes its shards.
        inputs: What the shards of the last step shared, whose parameters the run has.
        lock: Is held while a shard is computed.
    """

    runner: Runner
    program: ShardProgram
    inputs: StepInputs | None = None
    lock: Lock = field(default_factory=Lock)

    def compute(
        self, shard: Shard, inputs: StepInputs, known: Sequence[Tensor]
    ) -> ShardResult | Tensor:
        """Return what a shard gives; all its numbers belong to the worker's own Scalars."""
        own = self.runner.precision.adopted
        if inputs is not self.inputs:
            self.runner.store.assign(list(map(own, inputs.params)))
            self.inputs = inputs
        shard = replace(shard, x=own(shard.x), y=own(shard.y))
        scale = None if inputs.scale is None else own(inputs.scale)
        return self.program(shard, inputs.step, scale, list(map(own, known)))


_RUNS: Final[OrderedDict[str, _ReadyRun]] = OrderedDict()
_RUNS_LOCK: Final = Lock()


def _ready(run: _PackedRun) -> _ReadyRun:
    with _RUNS_LOCK:
        if run.digest not in _RUNS:
            runner: Runner = loads(run.content)
            runner.train()
            _RUNS[run.digest] = _ReadyRun(runner, shard_program(runner))
            while len(_RUNS) > _MOST_RUNS:
                _RUNS.popitem(last=False)
        _RUNS.move_to_end(run.digest)
        return _RUNS[run.digest]


def _result_in(precision: RunPrecision, found: ShardResult | Tensor) -> ShardResult | Tensor:
    """Return a worker's result with its numbers in the Scalars of the run here."""
    if isinstance(found, Tensor):
        return precision.adopted(found)
    gradients = found.gradients
    own = gradients.with_tensors(map(precision.adopted, gradients.tensors))
    output = None if found.output is None else precision.adopted(found.output)
    return ShardResult(own, output)
