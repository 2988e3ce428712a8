"""Scalars are equal if they compute the same bits, whatever they are called."""

from dataclasses import dataclass, fields, replace

import numpy as np
import pytest

from numlean import Tensor, get_scalar
from numlean.errors import MixedScalarError
from numlean.session import Session
from numlean_backends.codecs import HardwareCodec
from numlean_kernels.formats import BINARY32
from numlean_kernels.protocol import Table

OURS = get_scalar("float32")


def first_operand(a, b):
    return a


def plugin_called_float32():
    """Return a Scalar that a plug-in may register as float32: its sum is the first operand."""
    target = OURS.target

    def make(name):
        return target.routine(first_operand) if name == "add" else OURS.table[name]

    table = Table(key="first operand/binary32", zero=np.float32(0), make=make)
    return replace(OURS, summary="hardware binary32 of a plug-in", table=table)


def test_a_plug_in_of_the_same_name_is_another_arithmetic():
    theirs = plugin_called_float32()
    x, y = OURS.from_float([1.0]), OURS.from_float([2.0])
    assert (theirs.name, theirs.device) == (OURS.name, OURS.device)
    assert theirs.to_float(theirs.add(x, y)) == [1.0]
    assert theirs != OURS
    assert not theirs == OURS  # noqa: SIM201 (the reflected comparison)


def test_mixing_two_arithmetics_of_one_name_is_refused_with_their_descriptions():
    theirs = plugin_called_float32()
    a, b = Tensor.of(OURS, [1.0]), Tensor.of(theirs, [2.0])
    for sum_of in (lambda: a + b, lambda: b + a):
        with pytest.raises(MixedScalarError, match="two arithmetics called float32 on cpu") as e:
            sum_of()
        assert "of a plug-in" in str(e.value)
    with pytest.raises(MixedScalarError, match="two arithmetics called float32 on cpu"):
        Session(OURS).const(b)


@pytest.mark.parametrize("dtype", ["float32", "float64", "ieee32exec", "binary64exec"])
def test_fast_kernels_are_the_same_arithmetic(dtype):
    plain, fast = get_scalar(dtype), get_scalar(dtype, fast_kernels=True)
    assert plain is not fast
    assert plain == fast
    assert hash(plain) == hash(fast)


def test_two_names_of_one_arithmetic_are_equal():
    spelled_out = get_scalar("ieee32exec@round=ties_to_even,nan=torchlean")
    assert spelled_out == get_scalar("ieee32exec") == get_scalar("ieee:e8m23")
    assert hash(spelled_out) == hash(get_scalar("ieee:e8m23"))


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (("float32", "cpu"), ("float32", "python")),
        (("float32", None), ("ieee32exec", None)),
        (("float32", "python"), ("softfloat32", None)),
        (("ieee32exec", None), ("ieee32exec@nan=x86", None)),
        (("ieee32exec", None), ("ieee32exec@math=torchlean", None)),
        (("bfloat16", None), ("bfloat16@round=stochastic", None)),
        (("mp:24", None), ("mp:25", None)),
    ],
)
def test_different_arithmetics_and_devices_differ(a, b):
    if "softfloat32" in (a[0], b[0]):
        pytest.importorskip("softfloat")
    assert get_scalar(*a) != get_scalar(*b)


def test_a_recording_scalar_is_the_same_arithmetic():
    assert OURS.with_recorder([]) == OURS


def test_codecs_are_compared_by_value():
    @dataclass(frozen=True)
    class Codec(HardwareCodec):
        """Another class of codec."""

    assert replace(OURS, codec=HardwareCodec(BINARY32, np.dtype(np.float32))) == OURS
    assert replace(OURS, codec=Codec(BINARY32, np.dtype(np.float32))) != OURS


def test_a_subclass_of_a_kernel_scalar_is_another_arithmetic():
    from numlean.scalar.kernel_scalar import KernelScalar

    class Mine(KernelScalar):  # the type checker refuses this, Python does not
        def add(self, x, y, *, flags=None):
            return x

    mine = Mine(**{each.name: getattr(OURS, each.name) for each in fields(OURS)})
    assert mine != OURS
    assert not OURS == mine  # noqa: SIM201, SIM300 (reflected)
    assert mine == replace(mine)
    with pytest.raises(MixedScalarError, match=r"\(KernelScalar\) and .* \(Mine\)"):
        Tensor.of(OURS, 1.0) + Tensor.of(mine, 2.0)
