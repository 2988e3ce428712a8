"""How an ablation changes the text of a field: to a wider format, or to a narrower one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias, final

from numlean.errors import NumleanError
from numlean.precision.accumulation_text import unit_named, with_dtypes
from numlean.precision.policy import NO_SCALING, Policy
from numlean.precision.scaling import scaling_named
from numlean.precision.scaling.scaling import ROW, Current
from numlean.precision.widening import widens
from numlean.scalar.dtype import Dtype
from numlean.scalar.protocol import Scalar

Resolve: TypeAlias = Callable[[str], Scalar]
"""Returns the Scalar of a dtype's text."""

PROMOTED: Final = "promoted"
DEMOTED: Final = "demoted"

_EXACT: Final = "exact"


@final
@dataclass(frozen=True)
class Direction:
    """A change of the texts of fields.

    Attributes:
        name: ``promoted`` or ``demoted``.
        dtype: The dtype of the changed fields.
        resolve: Returns the Scalar of a dtype's text.
        is_forced: Whether formats change that are neither wider nor narrower than ``dtype``, too.
    """

    name: str
    dtype: str
    resolve: Resolve
    is_forced: bool = False

    @property
    def promotes(self) -> bool:
        """Whether formats become wider."""
        return self.name == PROMOTED

    def change(self, field: str, text: str) -> str:
        """Return the changed text of a field, or the same text if there is nothing to change.

        Promoted scales of a tensor follow from its own numbers; those that do so already serve
        single rows instead. Demoted scales are dropped. A matrix unit makes way for ordered sums.
        """
        name = field.rpartition(".")[2]
        if name == "loss_scaling":
            return text if self.promotes else NO_SCALING
        if name.endswith("scaling"):
            return _finer(text) if self.promotes else NO_SCALING
        if name != "accumulate":
            return self._dtype(text)
        if text == _EXACT:
            return text if self.promotes else f"ordered({self.dtype})"
        if unit_named(text) is not None:
            return f"ordered({self.dtype})"
        return with_dtypes(text, self._dtype)

    def _dtype(self, text: str) -> str:
        narrow, wide = (text, self.dtype) if self.promotes else (self.dtype, text)
        if self.is_forced:
            return text if has_all(narrow, wide, self.resolve) else self.dtype
        return self.dtype if is_wider(wide, narrow, self.resolve) else text


def is_wider(wide: str, narrow: str, resolve: Resolve) -> bool:
    """Return whether a dtype has all numbers of another one, and more."""
    return has_all(wide, narrow, resolve) and not has_all(narrow, wide, resolve)


def has_all(wide: str, narrow: str, resolve: Resolve) -> bool:
    """Return whether a dtype has all numbers of another one."""
    return widens(resolve(narrow), resolve(wide))


def low_format(policy: Policy, high: str, resolve: Resolve) -> str | None:
    """Return the dtype that a policy computes in where it is narrower than ``high``.

    It is that of the operands of the forward product, without its rounding, or else of the first
    field that is narrower; None if none is.
    """
    own = policy.to_fields()
    own.pop("loss_scaling")
    first = own.pop("forward.operands")
    dtypes = [text for name, text in own.items() if not name.endswith(("scaling", "accumulate"))]
    for text in (first, *dtypes):
        if is_wider(high, text, resolve):
            return Dtype.parse(text).without_rounding().text
    return None


def check_narrower(low: str, high: str, resolve: Resolve) -> None:
    """Check that one dtype is narrower than another.

    Raises:
        NumleanError: It is not.
    """
    if not is_wider(high, low, resolve):
        raise NumleanError(f"low must be narrower than high, {high}; got {low}")


def _finer(text: str) -> str:
    """Return the text of scales that follow the numbers more closely."""
    if text == NO_SCALING:
        return text
    scaling = scaling_named(text)
    if scaling.is_delayed:
        return str(replace(scaling, method=Current()))
    if scaling.granularity.is_tensor:
        return str(replace(scaling, granularity=ROW))
    return str(replace(scaling, power_of_two=False))
