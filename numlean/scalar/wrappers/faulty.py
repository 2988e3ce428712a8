"""Deliberate faults: a Scalar one of whose operations is computed differently, once or always.

They test whether a comparison finds known errors, and they simulate soft errors.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, final

import numpy as np

from numlean.arguments import checked
from numlean.errors import NumleanError, UnavailableError, UnknownNameError
from numlean.scalar.elementary import ARITIES
from numlean.scalar.operations import Kind, operations
from numlean.scalar.protocol import Scalar, Storage
from numlean.scalar.registry import get_variant, resolve_known
from numlean.scalar.wrappers.wrapper import WrappedScalar
from numlean_kernels.ieee.classify import CLASSES

PRODUCTS: Final = operations(kind=Kind.PRODUCT)

ARITHMETIC: Final = operations(computes=True)
"""The operations that compute numbers."""

_OTHER_MATH: Final = "torchlean"
_TEXT: Final = re.compile(r"([a-z]+)(?::(.*))?")
_DIGITS: Final = 18
_INTEGER: Final = re.compile(f"[0-9]{{1,{_DIGITS}}}")


@checked
@dataclass(frozen=True)
class Fault:
    """A fault, and the operations it is injected into.

    Attributes:
        kind: ``flip``: flip one bit of one element of the result. ``order``: add pairwise in sums,
            and from the last term to the first in products. ``fma``: contract products into fused
            multiply-adds. ``flush``: replace subnormal results by zeros. ``math``: use the
            elementary functions of the profile ``math=torchlean``.
        operation: The name of the operation; None for all that the kind can apply to.
        step: The zero-based step; None for all.
        call: The zero-based index of the call within the step; None for all.
        element: For ``flip``: the element, counted in C order, modulo the size of the result.
        bit: For ``flip``: the bit; 0 is the least significant.
        dtype: The dtype of the operations; None for all of the run.

    Raises:
        NumleanError: There is no such fault.
    """

    kind: str
    operation: str | None = None
    step: int | None = None
    call: int | None = None
    element: int = 0
    bit: int = 0
    dtype: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in _KINDS:
            raise UnknownNameError("fault", self.kind, tuple(_KINDS))
        possible = _KINDS[self.kind].operations
        if self.operation is not None and self.operation not in possible:
            raise UnknownNameError(f"operation of a {self.kind}", self.operation, possible)
        for name in ("step", "call", "element", "bit"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise NumleanError(f"the {name} of a fault must be at least 0, got {value}")
        if self.dtype is not None:
            object.__setattr__(self, "dtype", resolve_known(self.dtype).text)

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Parse ``KIND[:NAME=VALUE,...]``, such as ``flip:operation=mul,step=3,call=0,bit=7``.

        Raises:
            NumleanError: The text has another form, or there is no such fault.
        """
        match = _TEXT.fullmatch(text)
        if match is None:
            raise NumleanError(f"write a fault as KIND:NAME=VALUE,...; got {text!r}")
        settings: dict[str, Any] = {}
        for item in filter(None, (match[2] or "").split(",")):
            name, _, value = item.partition("=")
            if name not in _SETTINGS and "@" in settings.get("dtype", ""):
                settings["dtype"] += f",{item}"  # another option of the dtype
                continue
            if name not in _SETTINGS:
                raise UnknownNameError("setting of a fault", name, _SETTINGS)
            if name not in _TEXTS and not _INTEGER.fullmatch(value):
                raise NumleanError(
                    f"the {name} of a fault must be an integer from 0 to {10**_DIGITS - 1};"
                    f" got {item!r}"
                )
            settings[name] = value if name in _TEXTS else int(value)
        return cls(match[1], **settings)

    def __str__(self) -> str:
        given = {name: getattr(self, name) for name in _SETTINGS}
        if self.kind != "flip":
            given = {**given, "element": None, "bit": None}
        shown = ",".join(f"{name}={value}" for name, value in given.items() if value is not None)
        return f"{self.kind}:{shown}" if shown else self.kind

    def applies_to(self, operation: str, step: int, call: int) -> bool:
        """Return whether it applies to an operation, the ``call``-th candidate of a step."""
        return self.can_apply_to(operation) and (
            self.step in (None, step) and self.call in (None, call)
        )

    def can_apply_to(self, operation: str) -> bool:
        """Return whether it can apply to operations of a name."""
        if self.operation is not None:
            return operation == self.operation
        return operation in _KINDS[self.kind].operations

    def is_in(self, scalar: Scalar) -> bool:
        """Return whether it can apply to operations of a Scalar."""
        return self.dtype is None or resolve_known(scalar.name).text == self.dtype


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

    def __init__(self, inner: Scalar, fault: Fault, injected: Counter[str] | None = None) -> None:
        if not fault.is_in(inner):
            raise NumleanError(
                f"the fault {fault} is one of operations in {fault.dtype}, not in {inner.name}"
            )
        _KINDS[fault.kind].check(inner, fault)
        super().__init__(inner)
        self.fault = fault
        self.injected: Counter[str] = Counter() if injected is None else injected
        self._position = _Position()
        self._shares_position = False

    def sharing(self, other: FaultyScalar | None) -> FaultyScalar:
        """Return this Scalar, whose calls are from now on counted with those of another one."""
        if other is not None:
            self._position = other._position
            self._shares_position = other._shares_position = True
        return self

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
        position = self._position
        number, position.calls = position.calls, position.calls + 1
        if not self.fault.applies_to(operation, position.step, number):
            return call(*operands, **options)
        self.injected[operation] += 1
        return _KINDS[self.fault.kind].apply(self.inner, self.fault, operation, operands, options)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, FaultyScalar)
            and self.fault == other.fault
            and self.inner == other.inner
        )

    def __hash__(self) -> int:
        return hash((self.fault, self.inner))

    def start_step(self, step: int) -> None:
        """Start a step. Calls are counted from 0 in each."""
        super().start_step(step)
        self._position.step, self._position.calls = step, 0

    def with_reset_stream(self) -> FaultyScalar:
        """Return a Scalar with the same fault, before step 0.

        Scalars of one run that count their calls together continue to: each step starts anew.
        """
        fresh = super().with_reset_stream()
        if not self._shares_position:
            fresh._position = _Position()
        return fresh


@final
@dataclass
class InjectedFault:
    """A fault of a run, in all Scalars that can have it.

    Attributes:
        fault: The fault.
        injected: The number of operations it was injected into, by their names, in all runners.
    """

    fault: Fault
    injected: Counter[str] = field(default_factory=Counter)

    def __call__(self) -> Callable[[Scalar], Scalar]:
        """Return the function that wraps the Scalars of one runner, which count calls together."""
        first: list[FaultyScalar] = []

        def wrap(scalar: Scalar) -> Scalar:
            if not self.can_be_in(scalar):
                return scalar
            faulty = FaultyScalar(scalar, self.fault, self.injected)
            first.append(faulty)
            return faulty.sharing(first[0] if len(first) > 1 else None)

        return wrap

    def can_be_in(self, scalar: Scalar) -> bool:
        """Return whether a Scalar can have the fault."""
        try:
            FaultyScalar(scalar, self.fault)
        except NumleanError:
            return False
        return True


@dataclass
class _Position:
    """The position in a run: the step, and the number of calls that can have the fault so far."""

    step: int = 0
    calls: int = 0


@dataclass(frozen=True)
class _Kind:
    """A kind of fault: its operations, the Scalars that can have it, and its effect."""

    operations: tuple[str, ...]
    check: Callable[[Scalar, Fault], None]
    apply: Callable[[Scalar, Fault, str, tuple[Any, ...], dict[str, Any]], Any]


def _any_scalar(scalar: Scalar, fault: Fault) -> None:
    """Accept every Scalar."""


def _has_encodings(scalar: Scalar, fault: Fault) -> None:
    if scalar.format is None:
        raise UnavailableError(f"the fault {fault} needs encodings, and {scalar.name} has none")
    if fault.bit >= scalar.format.width:
        raise NumleanError(
            f"the fault {fault} needs a bit from 0 to {scalar.format.width - 1}, those of"
            f" {scalar.name}"
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
_SETTINGS: Final = ("operation", "step", "call", "element", "bit", "dtype")
_TEXTS: Final = ("operation", "dtype")
