"""The specification of a run: an arithmetic, a device and a backend."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from numlean.arguments import checked
from numlean.errors import NumleanError
from numlean.scalar.protocol import Scalar
from numlean.scalar.registry import get_scalar, scalar_backend_of
from numlean.scalar.wrappers.faulty import Fault, FaultyScalar
from numlean.training import Options, Runner, Task, initial_parameters, instantiate
from numlean.training.initial_values import InitialValues, Value, starting_values
from numlean.training.options import BACKENDS

_FAST = "fast"


@checked
@dataclass(frozen=True)
class RunSpec:
    """A run to compare with others.

    Attributes:
        name: The name of the run: the text that specifies it.
        scalar: The arithmetic.
        options: Its engine, device and kernels.
        initial: Its initial values; None draws them with the options' seed.
    """

    name: str
    scalar: Scalar
    options: Options
    initial: InitialValues | None = field(default=None, compare=False, repr=False)

    @classmethod
    def parse(cls, text: str, options: Options | None = None) -> RunSpec:
        """Return a run from ``DTYPE[:DEVICE][:BACKEND][:fast]``, such as ``mp:24:python:compiled``.

        The options apply to everything that the text does not specify.

        Raises:
            NumleanError: The dtype is unknown, or unavailable on that device or with fast kernels.
        """
        options = options or Options()
        dtype, *words = text.split(":")
        while words and not _is_option(dtype, words[0]):
            dtype = f"{dtype}:{words.pop(0)}"
        given = [_option(word) for word in words]
        for name in ("backend", "device", "fast_kernels"):
            if sum(name in each for each in given) > 1:
                raise NumleanError(
                    f"a run can have only one {name.replace('_', ' ')}, got {text!r}"
                )
        for each in given:
            options = replace(options, **each)
        scalar = get_scalar(dtype, options.device, fast_kernels=options.fast_kernels)
        return cls(text, scalar, options)

    @classmethod
    def of(cls, spec: RunSpecLike, options: Options | None = None) -> RunSpec:
        """Return a run from a run, a text, a runner, or a Scalar, which the options execute.

        The run of a runner starts from its current parameters, and has its own options.
        """
        if isinstance(spec, RunSpec):
            return spec
        if isinstance(spec, Runner):
            return cls(spec.scalar.name, spec.scalar, spec.options, dict(spec.named_parameters))
        if isinstance(spec, str):
            return cls.parse(spec, options)
        # A Scalar keeps its own device and kernels.
        options = replace(options or Options(), device=None, fast_kernels=False)
        return cls(spec.name, spec, options)

    def with_fault(self, fault: Fault) -> RunSpec:
        """Return the same run with a fault.

        Raises:
            NumleanError: The arithmetic does not support the fault.
        """
        return replace(
            self, name=f"{self.name} with {fault}", scalar=FaultyScalar(self.scalar, fault)
        )

    def runner(self, task: Task, scalar: Scalar | None = None) -> Runner:
        """Return a runner of a task, in the run's arithmetic or in a wrapper of it."""
        options = replace(self.options, device=None, fast_kernels=False)
        return instantiate(task, scalar or self.scalar, options, initial=self.initial)

    def starting_from(self, initial: InitialValues | None) -> RunSpec:
        """Return the same run with these initial values, unless it has its own or none is given."""
        return (
            self if initial is None or self.initial is not None else replace(self, initial=initial)
        )

    def starting_values(self, task: Task) -> list[Value]:
        """Return the values from which the parameters of a task are converted."""
        return starting_values(task, self.initial, initial_parameters(task, self.options.seed))


RunSpecLike: TypeAlias = "RunSpec | Runner | Scalar | str"


def _option(word: str) -> dict[str, Any]:
    """Return the option that a word after the dtype sets."""
    if word in BACKENDS:
        return {"backend": word}
    return {"fast_kernels": True} if word == _FAST else {"device": word}


def _is_option(dtype: str, word: str) -> bool:
    """Return whether a word after a dtype's colon is an option instead of a dtype argument."""
    if word in BACKENDS or word == _FAST:
        return True
    backend = scalar_backend_of(dtype)
    takes_argument = backend is not None and ":" in backend.pattern and ":" not in dtype
    return not takes_argument
