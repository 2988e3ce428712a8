"""What runs on one side of a comparison: a dtype, where, and how a step is executed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from numlean.errors import NumleanError
from numlean.scalar.protocol import Scalar
from numlean.scalar.registry import get_scalar, scalar_backend_of
from numlean.scalar.wrappers.faulty import Fault, FaultyScalar
from numlean.training import Options, Runner, Task, instantiate
from numlean.training.options import BACKENDS

_FAST = "fast"


@dataclass(frozen=True)
class RunSpec:
    """A run to be compared with others.

    Attributes:
        name: What to call it: what it was asked for by.
        scalar: In which arithmetic it runs.
        options: How.
    """

    name: str
    scalar: Scalar
    options: Options

    @classmethod
    def parse(cls, text: str, options: Options | None = None) -> RunSpec:
        """A side from ``DTYPE[:DEVICE][:BACKEND][:fast]``, such as ``mp:24:python:compiled``.

        What the text does not say is as in the options.

        Raises:
            NumleanError: There is no such dtype, or not on that device, or not with fast kernels.
        """
        options = options or Options()
        dtype, *words = text.split(":")
        while words and not _is_option(dtype, words[0]):
            dtype = f"{dtype}:{words.pop(0)}"
        said = [_option(word) for word in words]
        for name in ("backend", "device", "fast_kernels"):
            if sum(name in each for each in said) > 1:
                raise NumleanError(f"a run has one {name.replace('_', ' ')}: {text!r}")
        for each in said:
            options = replace(options, **each)
        scalar = get_scalar(dtype, options.device, fast_kernels=options.fast_kernels)
        return cls(text, scalar, options)

    @classmethod
    def of(cls, spec: RunSpecLike, options: Options | None = None) -> RunSpec:
        """A side as it is, or from a text, or of a Scalar, which the options execute."""
        if isinstance(spec, RunSpec):
            return spec
        if isinstance(spec, str):
            return cls.parse(spec, options)
        # The Scalar is taken as it is, with whatever device and kernels it has.
        options = replace(options or Options(), device=None, fast_kernels=False)
        return cls(spec.name, spec, options)

    def with_fault(self, fault: Fault) -> RunSpec:
        """The same with a fault.

        Raises:
            NumleanError: The arithmetic cannot have it.
        """
        return replace(
            self, name=f"{self.name} with {fault}", scalar=FaultyScalar(self.scalar, fault)
        )

    def runner(self, task: Task, scalar: Scalar | None = None) -> Runner:
        """A runner of a task, in the side's arithmetic or in one that stands in for it."""
        options = replace(self.options, device=None, fast_kernels=False)
        return instantiate(task, scalar or self.scalar, options)


RunSpecLike: TypeAlias = "RunSpec | Scalar | str"


def _option(word: str) -> dict[str, Any]:
    """What a word after the dtype sets."""
    if word in BACKENDS:
        return {"backend": word}
    return {"fast_kernels": True} if word == _FAST else {"device": word}


def _is_option(dtype: str, word: str) -> bool:
    """Whether a word after a dtype's colon is no argument of the dtype."""
    if word in BACKENDS or word == _FAST:
        return True
    backend = scalar_backend_of(dtype)
    takes_argument = backend is not None and ":" in backend.pattern and ":" not in dtype
    return not takes_argument
