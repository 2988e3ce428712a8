"""Tensors in several arithmetics, and gradients through casts."""

import pickle

import numpy as np
import pytest

import numlean as nl
from numlean.autograd import value_and_gradient
from numlean.autograd.indices import INDEX
from numlean.autograd.primitive import Primitive
from numlean.errors import MixedScalarError, UnavailableError

F32 = nl.get_scalar("float32", "python")


def test_a_cast_rounds_once_on_the_tensor_s_device():
    t = nl.Tensor.of(F32, [1.01, -0.0, 1e39])
    z = nl.cast(t, "bfloat16")
    assert (z.dtype, z.scalar.device) == ("bfloat16", "python")
    assert z.tolist() == t.to("bfloat16").tolist()
    assert nl.cast(z, F32).tolist() == z.tolist()
    assert nl.ops.cast(t, "mp:100").scalar.device == "python"


def test_a_tensor_of_the_same_arithmetic_is_returned_as_it_is():
    t = nl.Tensor.of(F32, [1.0])
    assert nl.cast(t, "float32") is t
    tape = nl.autograd.Tape()
    watched = tape.watch(t)
    assert nl.cast(watched, F32) is watched
    assert len(tape.nodes) == 1


def test_a_gradient_goes_straight_through_and_is_rounded_to_the_operand_s_arithmetic():
    x = nl.Tensor.of(F32, [1.01, 2.02, 3.03])
    scale = nl.Tensor.of(nl.get_scalar("bfloat16", "python"), [1.0, 0.5, 3.0])
    value, (g,) = value_and_gradient(
        lambda p: nl.cast((nl.cast(p[0], "bfloat16") * scale).sum(), "float32"), [x]
    )
    assert (value.dtype, g.dtype) == ("float32", "float32")
    assert g.tolist() == [1.0, 0.5, 3.0]

    def narrowed(p):
        return (nl.cast(p[0], "float32") * nl.Tensor.of(F32, [1 + 2.0**-20])).sum()

    y = nl.Tensor.of(nl.get_scalar("bfloat16", "python"), [1.0])
    _, (g,) = value_and_gradient(narrowed, [y])
    assert (g.dtype, g.tolist()) == ("bfloat16", [1.0])


def test_a_conversion_with_choices_is_a_tensor_of_the_dtype_itself():
    x = nl.Tensor.of(F32, [1.1, 1e9, -np.inf])
    z = nl.cast(x, "e4m3", rounding="toward_zero", overflow="saturate")
    assert (z.dtype, z.tolist()) == ("e4m3", [1.0, 448.0, -448.0])
    assert x.to("e4m3", rounding="RZ", overflow="saturate").tolist() == z.tolist()
    doubled, plain = z * 1.1, nl.Tensor.of(z.scalar, [1.0, 448.0, -448.0]) * 1.1
    assert doubled.data.tolist() == plain.data.tolist()  # operations round as those of e4m3
    assert nl.cast(x, "float32", rounding="RZ") is x
    assert nl.cast(x, "float32", overflow="saturate").tolist()[2] == -(2.0**128 - 2.0**104)
    with pytest.raises(nl.NumleanError, match="give rounding too"):
        nl.cast(x, "e4m3", seed=3)


def test_the_gradient_of_a_conversion_with_choices_goes_straight_through():
    x = nl.Tensor.of(F32, [1.1, 1e9])
    options = {"rounding": "toward_zero", "overflow": "saturate"}
    _, (g,) = value_and_gradient(
        lambda p: (nl.cast(nl.cast(p[0], "bfloat16", **options), "float32") * 1.01).sum(), [x]
    )
    _, (plain,) = value_and_gradient(
        lambda p: (nl.cast(nl.cast(p[0], "bfloat16"), "float32") * 1.01).sum(), [x]
    )
    assert (g.dtype, g.tolist()) == ("float32", plain.tolist())


def test_a_scalar_written_by_hand_may_have_its_own_rounding_alone():
    class Plain(nl.WrappedScalar):
        def cast_from(self, source, x, *, flags=None):
            return self.inner.cast_from(source, x, flags=flags)

    own = Plain(nl.get_scalar("e4m3", "python"))
    x = nl.Tensor.of(F32, [1.1])
    assert nl.cast(x, own).tolist() == [1.125]
    with pytest.raises(UnavailableError, match="its cast_from does not take rounding"):
        nl.cast(x, own, rounding="RZ")


def test_a_gradient_in_another_arithmetic_than_its_operand_is_refused_by_name():
    widen = Primitive(
        "widen",
        lambda scalar, x, *, to: to.cast_from(scalar, x),
        (lambda g, z, x, *, to: g,),
        result=lambda scalar, *, to: to,
    )
    x = nl.cast(nl.Tensor.of(F32, [1.0, 2.0]), "bfloat16")
    with pytest.raises(MixedScalarError) as caught:
        value_and_gradient(lambda p: widen(p[0], to=F32).sum(), [x])
    assert str(caught.value) == (
        "the gradient of widen by its input 0 and its tensor belong to different Scalars: float32"
        " on python and bfloat16 on python; cast it with nl.cast(g, x.scalar)"
    )


def test_a_sweep_starts_from_a_cotangent_in_the_arithmetic_of_its_value():
    tape = nl.autograd.Tape()
    value = tape.watch(nl.Tensor.of(F32, [1.0, 2.0])) + nl.Tensor.of(F32, [1.0, 2.0])
    with pytest.raises(MixedScalarError, match="starts and its tensor belong to different"):
        tape.cotangents(value, nl.cast(value.detach(), "bfloat16"))


def test_tensors_of_two_arithmetics_are_refused_with_the_cast_that_helps():
    a, b = nl.Tensor.of(F32, [1.0]), nl.cast(nl.Tensor.of(F32, [1.0]), "bfloat16")
    with pytest.raises(nl.NumleanError, match=r"float32.*bfloat16.*nl\.cast\(x, dtype\)"):
        a + b


def test_indices_and_unknown_dtypes_are_refused():
    with pytest.raises(nl.NumleanError, match="indices and numbers"):
        nl.cast(nl.Tensor.of(INDEX, [1, 2]), "float32")
    with pytest.raises(nl.NumleanError, match="bfloat16"):
        nl.cast(nl.Tensor.of(F32, [1.0]), "bfloat61")
    with pytest.raises(nl.NumleanError, match="cast"):
        nl.cast(np.ones(2), "float32")


def test_the_primitive_can_be_pickled():
    from numlean.autograd.primitives import casts

    assert pickle.loads(pickle.dumps(casts._cast)) is casts._cast
