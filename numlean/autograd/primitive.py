"""Primitives: the operations that a tape records, each with the rule for its gradient."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, NoReturn

from numlean.arguments import describe_value
from numlean.autograd.indices import INDEX
from numlean.autograd.tape import Node
from numlean.errors import DataError, MixedScalarError, NumleanError
from numlean.scalar.identity import name_both
from numlean.scalar.protocol import Scalar, Storage

if TYPE_CHECKING:
    from numlean.autograd.tensor import Tensor

_PACKAGE: Final = "numlean.autograd."


@dataclass(frozen=True)
class Primitive:
    """An operation on tensors of one Scalar, whose result may belong to another.

    Attributes:
        name: Its name in records and errors.
        forward: ``forward(scalar, *arrays, **parameters)``: the result, as a storage array.
        vjps: One vector-Jacobian product an input: ``vjp(g, z, *inputs, **parameters)`` takes the
            cotangent of the output z and returns that of its input, in terms of primitives, so
            that every Scalar has gradients. None for an input that has no gradient.
        result: ``result(scalar, **parameters)``: the Scalar of the result, given that of the
            inputs; None if it is the same.
    """

    name: str
    forward: Callable[..., Storage]
    vjps: tuple[Callable[..., Tensor] | None, ...]
    result: Callable[..., Scalar] | None = None

    def __call__(self, *inputs: Tensor, **parameters: Any) -> Tensor:
        """Apply the operation, and record it if an input is watched.

        Raises:
            MixedScalarError: The inputs are of several Scalars, or watched by several tapes.
        """
        if len(inputs) != len(self.vjps):
            self._refuse(inputs)
        try:
            watched = [x for x in inputs if x.tape is not None]
        except AttributeError:
            self._refuse(inputs)
        scalar = inputs[0].scalar
        for x in inputs:
            if x.scalar is not scalar:
                scalar = self._common_scalar(inputs)
                break
        z = self.forward(scalar, *[x.data for x in inputs], **parameters)
        result = scalar if self.result is None else self.result(scalar, **parameters)
        output = type(inputs[0])(result, z)
        if not watched:
            return output
        tapes = {id(x.tape): x.tape for x in watched if x.tape is not None}
        if len(tapes) > 1:
            raise MixedScalarError(f"{self.name} takes tensors watched by two different tapes")
        (tape,) = tapes.values()
        return tape.record(Node(self, inputs, parameters, output))

    def _common_scalar(self, inputs: tuple[Tensor, ...]) -> Scalar:
        scalar = inputs[0].scalar
        for x in inputs[1:]:
            if x.scalar is scalar or x.scalar is INDEX:
                continue
            if x.scalar != scalar:
                raise MixedScalarError(
                    f"{self.name} takes numbers of one Scalar, not"
                    f" {name_both(scalar, x.scalar)}; cast one with nl.cast(x, dtype)"
                )
            if x.scalar.recorder is not None:
                scalar = x.scalar  # the other one is a constant of the recorded program
        return scalar

    def _refuse(self, inputs: tuple[object, ...]) -> NoReturn:
        count = len(self.vjps)
        if len(inputs) != count:
            raise NumleanError(f"{self.name} takes {count} tensors, got {len(inputs)} arguments")
        wrong = next(x for x in inputs if not hasattr(x, "tape"))
        raise NumleanError(
            f"{self.name} takes a Tensor, got {describe_value(wrong)}; make one with"
            " nl.Tensor.of(scalar, values)"
        )

    def __repr__(self) -> str:
        return f"Primitive({self.name})"

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, str]]:
        for module in _modules():
            for name, value in vars(module).items():
                if value is self:
                    return primitive_named, (module.__name__.removeprefix(_PACKAGE), name)
        raise NumleanError(
            f"the primitive {self.name!r} cannot be pickled, because it is not one of numlean's:"
            " put it in a function of your module, and use that"
        )

    def __copy__(self) -> Primitive:
        return self

    def __deepcopy__(self, memo: object) -> Primitive:
        return self


def primitive_named(module: str, name: str) -> Primitive:
    """Return the primitive that ``pickle`` kept by its name in a module of numlean.autograd.

    Raises:
        NumleanError: There is none of this name.
    """
    for each in _modules():
        found = vars(each).get(name)
        if each.__name__ == f"{_PACKAGE}{module}" and isinstance(found, Primitive):
            return found
    raise NumleanError(f"numlean has no primitive {module}.{name}")


def _modules() -> list[ModuleType]:
    return [each for name, each in sys.modules.items() if name.startswith(_PACKAGE)]


def scalar_method(name: str) -> Callable[..., Storage]:
    """Return a forward operation that is the Scalar's method of that name."""

    def forward(scalar: Scalar, *arrays: Storage, **parameters: Any) -> Storage:
        if scalar is INDEX:
            raise DataError(f"{name} takes numbers of a Scalar, got indices")
        result: Storage = getattr(scalar, name)(*arrays, **parameters)
        return result

    return forward
