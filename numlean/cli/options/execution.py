"""Options that select how a run is executed, and the choice where they are not given.

Engines and kernels do not change a bit of a run, so a command takes the fastest that the run has:
the compiled engine, which records a step and replays it, and fast kernels. What a user asks for is
done, or an error.

Fast matrix products take some seconds to compile. A run of few operations does not repay them, so
it takes plain kernels.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Final, TypeVar

from numlean.errors import UnavailableError
from numlean.precision import Policy
from numlean.precision.resolved import resolve_policy
from numlean.scalar.contract import record
from numlean.scalar.protocol import Scalar
from numlean.tasks import NamedTask, Recipe
from numlean.training.config import TrainConfig
from numlean.training.options import BACKENDS, Options, resolve_part, resolve_scalar

if TYPE_CHECKING:
    from numlean.analysis.lockstep import RunSpec

Made = TypeVar("Made")

_SHORT: Final = 10**7
"""The products of a pass forward over all steps below which plain kernels are used."""

EAGER, COMPILED = BACKENDS


def add_execution_options(parser: argparse._ActionsContainer, *, uses_fast_kernels: bool) -> None:
    """Add the options that select the engine and the kernels.

    Args:
        parser: The parser of a command, or a group of it.
        uses_fast_kernels: Whether the command uses fast kernels unless it is told otherwise.
    """
    parser.add_argument(
        "--backend",
        choices=BACKENDS,
        help="engine that executes the steps: eager executes each operation, compiled records a"
        " step and replays it; the bits are the same (default: compiled; eager for runs that"
        " cannot be recorded)",
    )
    usual = (
        "where the dtype has them, unless the run is short"
        if uses_fast_kernels
        else "plain kernels"
    )
    parser.add_argument(
        "--fast-kernels",
        action=argparse.BooleanOptionalAction,
        help="use faster kernels (hardware arithmetic, vectors) that give the same bits, or not"
        f" (default: {usual})",
    )


def is_short(task: NamedTask, config: TrainConfig) -> bool:
    """Return whether a run has so few operations that fast kernels are not worth compiling."""
    weights = sum(prod(spec.shape) for spec in task.task.model.parameters)
    return config.steps * max(config.batch_size, 1) * weights < _SHORT


def train_options(
    arguments: argparse.Namespace,
    recipe: Recipe,
    *,
    uses_fast_kernels: bool = True,
    counts_flags: bool = False,
) -> Options:
    """Return how a run is executed; one that counts flags needs eager steps and plain kernels.

    Raises:
        NumleanError: The dtype is unknown, or does not have what the options ask for.
    """

    def scalars(options: Options) -> Iterable[Scalar]:
        if isinstance(recipe.policy, Policy) and not recipe.policy.is_uniform:
            return _scalars_of(recipe.policy, options)
        policy = recipe.policy
        return (resolve_scalar(recipe.dtype if policy is None else policy.parameters, options),)

    def checked(options: Options) -> Options:
        _check_recordable(options, scalars(options))
        return options

    if counts_flags:
        backends = (arguments.backend or EAGER,)
        return _first(arguments, checked, backends, (bool(arguments.fast_kernels),))
    return _first(arguments, checked, _backends(arguments), _kernels(arguments, uses_fast_kernels))


def run_spec(
    arguments: argparse.Namespace, text: str, *, uses_fast_kernels: bool = True
) -> RunSpec:
    """Return the run that a text specifies; the options apply to what it leaves open.

    Raises:
        NumleanError: The dtype is unknown, or does not have what the text or the options ask for.
    """
    from numlean.analysis.lockstep import RunSpec  # slow to import, and most commands need none

    def parsed(options: Options) -> RunSpec:
        spec = RunSpec.parse(text, options)
        own = spec.options
        scalars = (spec.scalar,) if spec.policy is None else _scalars_of(spec.policy, own)
        if arguments.backend is None:
            _check_recordable(own, scalars)
        return spec

    return _first(arguments, parsed, _backends(arguments), _kernels(arguments, uses_fast_kernels))


def reference_spec(
    arguments: argparse.Namespace, text: str, *, uses_fast_kernels: bool = True
) -> RunSpec:
    """Return the run that a text specifies as a reference, on the dtype's own device.

    The options say how the others are executed; the reference has fast kernels only if it can.

    Raises:
        NumleanError: The dtype is unknown.
    """
    wanted = argparse.Namespace(
        backend=arguments.backend,
        fast_kernels=None if arguments.fast_kernels else arguments.fast_kernels,
        device=None,
        seed=arguments.seed,
    )
    return run_spec(wanted, text, uses_fast_kernels=uses_fast_kernels)


def _first(
    arguments: argparse.Namespace,
    make: Callable[[Options], Made],
    backends: Iterable[str],
    kernels: Iterable[bool],
) -> Made:
    """Return what is made in the first of several ways in which it is available."""
    ways = list(product(backends, kernels))
    for backend, fast in ways[:-1]:
        try:
            return make(_options(arguments, backend, fast))
        except UnavailableError:
            continue
    return make(_options(arguments, *ways[-1]))


def _options(arguments: argparse.Namespace, backend: str, fast: bool) -> Options:
    return Options(backend, arguments.device, fast, arguments.seed or 0)


def _backends(arguments: argparse.Namespace) -> tuple[str, ...]:
    return (COMPILED, EAGER) if arguments.backend is None else (arguments.backend,)


def _kernels(arguments: argparse.Namespace, uses_fast: bool) -> tuple[bool, ...]:
    if arguments.fast_kernels is not None:
        return (arguments.fast_kernels,)
    return (True, False) if uses_fast else (False,)


def _scalars_of(policy: Policy, options: Options) -> tuple[Scalar, ...]:
    return resolve_policy(policy, lambda dtype: resolve_part(dtype, options)).everything


def _check_recordable(options: Options, scalars: Iterable[Scalar]) -> None:
    """Check that a compiled run can record its arithmetics.

    Raises:
        UnavailableError: It cannot.
    """
    for scalar in scalars:
        if options.backend == COMPILED:
            record(scalar, [])
