"""Which NaN an operation returns (clause 6.2, and the rule of TorchLean's IEEE32Exec)."""

from __future__ import annotations

from typing import Any

from numlean_kernels.ieee.kit import Kit
from numlean_kernels.targets.protocol import Routine


def make_is_nan(kit: Kit) -> Routine:
    """Return ``is_nan(a)``: true for quiet and signalling NaNs."""
    magnitude_mask, infinity = kit.words("magnitude_mask", "infinity")

    def is_nan(a: Any) -> Any:
        return (a & magnitude_mask) > infinity

    return is_nan


def make_is_signalling(kit: Kit) -> Routine:
    """Return ``is_signalling(a)``: true for NaNs whose quiet bit is clear."""
    is_nan = kit.routine(make_is_nan)
    (quiet_bit,) = kit.words("quiet_bit")

    def is_signalling(a: Any) -> Any:
        return is_nan(a) & ((a & quiet_bit) == 0)

    return is_signalling


def make_quiet(kit: Kit) -> Routine:
    """Return ``quiet(a)``: a, with a signalling NaN made quiet and all else untouched."""
    word, is_nan = kit.word, kit.routine(make_is_nan)
    zero, quiet_bit = kit.words("zero", "quiet_bit")

    def quiet(a: Any) -> Any:
        return word(a | (quiet_bit if is_nan(a) else zero))

    return quiet


def make_propagate(kit: Kit) -> Routine:
    """Return ``propagate(a, b)`` for operands of which at least one is a NaN.

    The first signalling NaN, made quiet; else the first quiet one.
    """
    word, is_nan = kit.word, kit.routine(make_is_nan)
    is_signalling = kit.routine(make_is_signalling)
    (quiet_bit,) = kit.words("quiet_bit")

    def propagate(a: Any, b: Any) -> Any:
        first = a if is_nan(a) else b
        signalling = b if is_signalling(b) else first
        return word((a if is_signalling(a) else signalling) | quiet_bit)

    return propagate


def make_propagate_ternary(kit: Kit) -> Routine:
    """Return ``propagate(a, b, c)`` for operands of which at least one is a NaN.

    The first signalling NaN, made quiet; else the first quiet one.
    """
    word, is_nan = kit.word, kit.routine(make_is_nan)
    is_signalling = kit.routine(make_is_signalling)
    (quiet_bit,) = kit.words("quiet_bit")

    def propagate(a: Any, b: Any, c: Any) -> Any:
        first = a if is_nan(a) else (b if is_nan(b) else c)
        signalling = b if is_signalling(b) else (c if is_signalling(c) else first)
        return word((a if is_signalling(a) else signalling) | quiet_bit)

    return propagate
