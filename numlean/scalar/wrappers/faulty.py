"""Faults on purpose: an arithmetic one of whose operations does, once or always, something else.

They prove that a comparison finds what it is there to find, and they simulate soft errors.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np

from numlean.errors import NumleanError, UnavailableError, UnknownNameError
from numlean.scalar.elementary import ARITIES
from numlean.scalar.operations import Kind, operations
from numlean.scalar.protocol import Scalar, Storage
from numlean.scalar.registry import get_variant
from numlean.scalar.wrappers.wrapper import WrappedScalar
from numlean_kernels.ieee.classify import CLASSES

PRODUCTS: Final = operations(kind=Kind.PRODUCT)

ARITHMETIC: Final = operations(computes=True)
"""The operations that compute numbers."""

_OTHER_MATH: Final = "torchlean"
_TEXT: Final = re.compile(r"([a-z]+)(?::(.*))?")


@dataclass(frozen=True)
class Fault:
    """What goes wrong, and where.

    Attributes:
        kind: ``flip``: one bit of one element of the result is another. ``order``: a sum is a
            balanced tree, a product adds up from the last term to the first. ``fma``: a product is
            contracted into fused multiply-adds. ``flush``: results that are subnormal become zeros.
            ``math``: an elementary function is that of the profile ``math=torchlean``.
        operation: Which operation, by its name; None for each that the kind can befall.
        step: At which step, from 0; None for all.
        call: The how manieth of these operations in the step, from 0; None for all.
        element: Of ``flip``: the element, counted in C order; it counts round again at the end.
        bit: Of ``flip``: the bit, from the least significant, 0.

    Raises:
        NumleanError: There is no such fault.
    """

    kind: str
    operation: str | None = None
    step: int | None = None
    call: int | None = None
    element: int = 0
    bit: int = 0

    def __post_init__(self) -> None:
        if self.kind not in _KINDS:
            raise UnknownNameError("fault", self.kind, tuple(_KINDS))
        possible = _KINDS[self.kind].operations
        if self.operation is not None and self.operation not in possible:
            raise UnknownNameError(f"operation of a {self.kind}", self.operation, possible)
        for name in ("step", "call", "element", "bit"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise NumleanError(f"a fault's {name} counts from 0: {value}")

    @classmethod
    def parse(cls, text: str) -> Fault:
        """A fault from ``KIND[:NAME=VALUE,...]``: ``flip:operation=mul,step=3,call=0,bit=7``.

        Raises:
            NumleanError: The text reads otherwise, or there is no such fault.
        """
        match = _TEXT.fullmatch(text)
        if match is None:
            raise NumleanError(f"a fault reads KIND:NAME=VALUE,...: {text!r}")
        settings: dict[str, Any] = {}
        for item in filter(None, (match[2] or "").split(",")):
            name, _, value = item.partition("=")
            if name not in _SETTINGS:
                raise UnknownNameError("setting of a fault", name, _SETTINGS)
            if name != "operation" and not value.isdecimal():
                raise NumleanError(f"a fault's {name} is a number from 0 on: {item!r}")
            settings[name] = value if name == "operation" else int(value)
        return cls(match[1], **settings)

    def __str__(self) -> str:
        given = {name: getattr(self, name) for name in _SETTINGS}
        if self.kind != "flip":
            given = {**given, "element": None, "bit": None}
        shown = ",".join(f"{name}={value}" for name, value in given.items() if value is not None)
        return f"{self.kind}:{shown}" if shown else self.kind

    def applies_to(self, operation: str, step: int, call: int) -> bool:
        """Whether it happens to an operation, the ``call``-th that it can befall in a step."""
        return self.can_apply_to(operation) and (
            self.step in (None, step) and self.call in (None, call)
        )

    def can_apply_to(self, operation: str) -> bool:
        """Whether it happens to operations of a name."""
        if self.operation is not None:
            return operation == self.operation
        return operation in _KINDS[self.kind].operations


@final
class FaultyScalar(WrappedScalar):
    """A Scalar with a fault. Operations that the fault does not apply to are the inner Scalar's.

    A fault applies to operations of one step, but a record is of all steps, so it runs eagerly
    only.

    Attributes:
        inner: The Scalar without the fault.
        fault: The fault.
        injected: The number of operations it was injected into, by their names. Scalars that a run
            makes of this one share the counts.

    Raises:
        UnavailableError: The inner Scalar cannot have the fault.
    """

    def __init__(self, inner: Scalar, fault: Fault) -> None:
        _KINDS[fault.kind].check(inner, fault)
        super().__init__(inner)
        self.fault = fault
        self.injected: Counter[str] = Counter()
        self._step = 0
        self._calls = 0

    def around(
        self,
        operation: str,
        call: Callable[..., Any],
        operands: tuple[Any, ...],
        options: dict[str, Any],
    ) -> Any:
        """Carry out an operation, with the fault where it applies."""
        if not self.fault.can_apply_to(operation):
            return call(*operands, **options)
        number, self._calls = self._calls, self._calls + 1
        if not self.fault.applies_to(operation, self._step, number):
            return call(*operands, **options)
        self.injected[operation] += 1
        return _KINDS[self.fault.kind].apply(self.inner, self.fault, operation, operands, options)

    def start_step(self, step: int) -> None:
        """Start a step. Calls are counted from 0 in each."""
        super().start_step(step)
        self._step, self._calls = step, 0

    def with_reset_stream(self) -> FaultyScalar:
        """Return a Scalar with the same fault, before step 0."""
        fresh = super().with_reset_stream()
        fresh._step = fresh._calls = 0
        return fresh


@dataclass(frozen=True)
class _Kind:
    """A kind of faults: which operations it can befall, whose, and what it does to them."""

    operations: tuple[str, ...]
    check: Callable[[Scalar, Fault], None]
    apply: Callable[[Scalar, Fault, str, tuple[Any, ...], dict[str, Any]], Any]


def _any_scalar(scalar: Scalar, fault: Fault) -> None:
    """Every Scalar can have it."""


def _has_encodings(scalar: Scalar, fault: Fault) -> None:
    if scalar.format is None:
        raise UnavailableError(f"{scalar.name} has no encodings, and so no fault {fault}")
    if fault.bit >= scalar.format.width:
        raise NumleanError(
            f"{scalar.name} has bits 0 to {scalar.format.width - 1}, and so no fault {fault}"
        )


def _has_profile(scalar: Scalar, fault: Fault) -> None:
    get_variant(scalar, math=_OTHER_MATH)


def _flip(scalar: Scalar, fault: Fault, name: str, operands: Any, options: Any) -> Storage:
    bits = np.array(scalar.to_bits(getattr(scalar, name)(*operands, **options)))
    if bits.size:
        bits.reshape(-1)[fault.element % bits.size] ^= bits.dtype.type(1 << fault.bit)
    return scalar.from_bits(bits)


def _reorder(scalar: Scalar, fault: Fault, name: str, operands: Any, options: Any) -> Storage:
    if name == "sum":
        return scalar.sum(*operands, **{**options, "reduction": "pairwise"})
    a, b = operands
    backwards = scalar.copy(a[..., ::-1]), scalar.copy(b[..., ::-1, :])
    product: Storage = getattr(scalar, name)(*backwards, **options)
    return product


def _contract(scalar: Scalar, fault: Fault, name: str, operands: Any, options: Any) -> Storage:
    product: Storage = getattr(scalar, name)(*operands, **{**options, "contraction": "fma"})
    return product


def _flush(scalar: Scalar, fault: Fault, name: str, operands: Any, options: Any) -> Storage:
    z = getattr(scalar, name)(*operands, **options)
    kinds = scalar.classify(z)
    is_subnormal = np.isin(kinds, [k for k, kind in enumerate(CLASSES) if "subnormal" in kind])
    return np.where(is_subnormal, scalar.copy_sign(scalar.from_float(0.0), z), z)


def _other_math(scalar: Scalar, fault: Fault, name: str, operands: Any, options: Any) -> Storage:
    z: Storage = getattr(get_variant(scalar, math=_OTHER_MATH), name)(*operands, **options)
    return z


_KINDS: Final = {
    "flip": _Kind(ARITHMETIC, _has_encodings, _flip),
    "order": _Kind(("sum", *PRODUCTS), _any_scalar, _reorder),
    "fma": _Kind(PRODUCTS, _any_scalar, _contract),
    "flush": _Kind(ARITHMETIC, _has_encodings, _flush),
    "math": _Kind(tuple(ARITIES), _has_profile, _other_math),
}
_SETTINGS: Final = ("operation", "step", "call", "element", "bit")
