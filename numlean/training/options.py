"""Options of a task's instantiation: engine, device, kernels, seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from numlean.arguments import checked
from numlean.errors import NumleanError, UnavailableError, UnknownNameError
from numlean.scalar.contract import check_members
from numlean.scalar.protocol import Scalar
from numlean.scalar.registry import get_scalar

BACKENDS: Final = ("eager", "compiled")
"""The engines that can execute a step."""

SHARD: Final = "shard"
BATCH: Final = "batch"
STATISTICS: Final = (SHARD, BATCH)
"""Over what batch norm takes its statistics in training."""

MOST_SHARDS: Final = 4096
"""The most parts into which a batch is cut."""


@checked
@dataclass(frozen=True)
class Options:
    """Options of a task's instantiation.

    Attributes:
        backend: The engine: eager runs a step operation by operation on a tape; compiled plans the
            first step and replays it.
        device: The device; None selects the dtype's default device, or that of a given Scalar.
        fast_kernels: Whether to use faster kernels with the same bits, where they exist.
        seed: The seed of the initial parameters.
        shards: The number of parts into which each batch is cut; see ``engine.shards``.
        batch_statistics: Whether batch norm takes its statistics over a "shard" or the "batch".

    Raises:
        UnknownNameError: The engine is unknown.
        NumleanError: There are no shards, or too many.
    """

    backend: str = "eager"
    device: str | None = None
    fast_kernels: bool = False
    seed: int = 0
    shards: int = 1
    batch_statistics: str = SHARD

    def __post_init__(self) -> None:
        if self.backend not in BACKENDS:
            raise UnknownNameError("backend", self.backend, BACKENDS)
        check_shards(self.shards, self.batch_statistics)


def check_shards(shards: int, batch_statistics: str) -> None:
    """Check the number of parts of a batch, and over what batch norm takes its statistics.

    Raises:
        NumleanError: There are no parts, or too many.
        UnknownNameError: The statistics are unknown.
    """
    if not 1 <= shards <= MOST_SHARDS:
        raise NumleanError(f"shards must be from 1 to {MOST_SHARDS}, got {shards}")
    if batch_statistics not in STATISTICS:
        raise UnknownNameError("batch statistics", batch_statistics, STATISTICS)


def resolve_scalar(scalar: Scalar | str, options: Options) -> Scalar:
    """Return the given Scalar, or the Scalar of a dtype on the options' device.

    Raises:
        NumleanError: The dtype or the device is unknown, or the Scalar does not fit the options.
    """
    if isinstance(scalar, str):
        return get_scalar(scalar, options.device, fast_kernels=options.fast_kernels)
    check_members(scalar)
    if options.device not in (None, scalar.device):
        raise NumleanError(
            f"{scalar.name} is on {scalar.device}, but the options ask for {options.device}: pass"
            " the dtype's name, or no device"
        )
    if not options.fast_kernels:
        return scalar
    fast = get_scalar(scalar.name, scalar.device, fast_kernels=True)
    if fast != scalar:
        raise UnavailableError(f"{type(scalar).__name__} has no fast kernels")
    return fast


def resolve_part(dtype: str, options: Options) -> Scalar:
    """Return the Scalar of one dtype of a run in several, with fast kernels where it has them.

    Raises:
        NumleanError: The dtype or the device is unknown.
    """
    if options.fast_kernels:
        try:
            return get_scalar(dtype, options.device, fast_kernels=True)
        except UnavailableError:  # the other dtypes of the run may have them
            return get_scalar(dtype, options.device)
    return get_scalar(dtype, options.device)
