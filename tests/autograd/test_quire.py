"""Quires against exact rationals."""

import copy
from fractions import Fraction

import numpy as np
import pytest

import numlean as nl
from numlean.errors import MixedScalarError, NumleanError, ShapeError, UnavailableError
from numlean.precision import Contraction, QuireAccumulation, accumulation_named, contract
from numlean.testing.tapered import TaperedReference, value_of
from numlean_kernels.tapered.formats import Posit, Takum

RNG = np.random.default_rng(16)
FORMATS = {
    "posit8": Posit(8),
    "posit16": Posit(16),
    "posit32": Posit(32),
    "posit:3": Posit(3),
    "posit:7.1": Posit(7, 1),
    "posit:20.0": Posit(20, 0),
    "posit:32.4": Posit(32, 4),
}


def scalar_of(dtype):
    return nl.get_scalar(dtype, "python")


def tensor(scalar, codes):
    return nl.Tensor(scalar, np.array(codes, scalar.storage_dtype))


def random(scalar, format, *shape):
    """Return posits of all codes but NaR, some of them the greatest and the least."""
    codes = RNG.integers(0, 1 << format.width, shape)
    ends = RNG.choice([0, 1, format.greatest, format.nar + 1, format.code_mask], shape)
    codes = np.where(RNG.random(shape) < 0.3, ends, codes)
    return tensor(scalar, np.where(codes == format.nar, 0, codes))


def fractions(format, x):
    """Return the exact values, by the definition of a posit."""
    found = np.empty(x.data.shape, dtype=object)
    for index, code in np.ndenumerate(x.data):
        found[index] = Fraction(0) if code == 0 else value_of(format, int(code))
    return found


@pytest.mark.parametrize("dtype", FORMATS)
def test_a_quire_holds_exact_sums_and_rounds_them_once(dtype):
    scalar, format = scalar_of(dtype), FORMATS[dtype]
    reference, quire, total = TaperedReference(scalar, format), nl.Quire(scalar), Fraction(0)
    for k in range(40):
        x, y = random(scalar, format), random(scalar, format)
        (a, b) = (fractions(format, each)[()] for each in (x, y))
        add = (quire.add, quire.subtract, quire.add_product, quire.subtract_product)[k % 4]
        total += (-1) ** k * (a if k % 4 < 2 else a * b)
        assert add(*((x,) if k % 4 < 2 else (x, y))) is quire
        assert quire.to_fraction() == total
        z = quire.to_posit()
        assert fractions(format, z)[()] == reference.rounded(total)
    assert nl.Quire.from_bits(scalar, quire.to_hex()) == quire
    assert nl.Quire.from_bits(scalar, quire.to_bits()).to_fraction() == total
    assert quire.copy().negate().to_fraction() == -total
    assert quire.copy().subtract(quire).to_bits() == 0


@pytest.mark.parametrize(
    ("dtype", "width", "unit"),
    [
        ("posit8", 128, -48),
        ("posit16", 256, -112),
        ("posit32", 512, -240),
        ("posit:16.1", 144, -56),
    ],
)
def test_the_width_and_the_unit_are_those_of_the_standard_where_there_are_two_exponent_bits(
    dtype, width, unit
):
    quire = nl.Quire(scalar_of(dtype))
    assert (quire.width, quire.unit_exponent) == (width, unit)
    least = tensor(quire.scalar, 1)
    assert quire.add_product(least, least).to_bits() == 1
    assert quire.subtract_product(least, least).subtract_product(least, least).to_hex() == (
        "0x" + "f" * (width // 4)
    )
    one = nl.Quire(quire.scalar).add(1.0)
    assert one.to_bits() == 1 << -unit


def test_a_quire_out_of_range_is_nar_and_stays_so_until_it_is_cleared():
    scalar = scalar_of("posit8")
    greatest, one = tensor(scalar, 0x7F), tensor(scalar, 0x40)
    last = (1 << 127) - 1
    quire = nl.Quire.from_bits(scalar, [last, last - 1, -last % (1 << 128), 1 << 127])
    assert quire.is_nar.tolist() == [False, False, False, True]
    quire.add(nl.Quire.from_bits(scalar, [0, 1, 0, 0]))
    assert quire.to_bits() == [last, last, -last % (1 << 128), 1 << 127]
    quire.add(nl.Quire.from_bits(scalar, [1, 0, (1 << 128) - 1, 0]))  # one unit up, one down
    assert quire.is_nar.tolist() == [True, False, True, True]
    quire.add_product(greatest, greatest)
    assert quire.is_nar.all()
    assert quire.to_posit().data.tolist() == [0x80] * 4
    assert quire.to_fraction() == [None] * 4
    quire.subtract(one)
    assert quire.is_nar.all()
    assert quire.clear().add(one).to_posit().data.tolist() == [0x40] * 4
    below = nl.Quire.from_bits(scalar, -last % (1 << 128)).subtract_product(greatest, greatest)
    assert below.to_hex() == "0x8" + "0" * 31


def test_nar_makes_a_quire_nar():
    scalar = scalar_of("posit16")
    nar, zero = tensor(scalar, 0x8000), tensor(scalar, 0)
    for quire in (
        nl.Quire(scalar).add(nar),
        nl.Quire(scalar).subtract(nar),
        nl.Quire(scalar).add_product(zero, nar),
        nl.Quire(scalar).subtract_product(nar, zero),
        nl.Quire(scalar).add_matmul(tensor(scalar, [0, 0x8000]), tensor(scalar, [0, 0])),
        nl.Quire(scalar).add(nl.Quire(scalar).add(nar)),
        nl.Quire(scalar).add(nar).negate(),
    ):
        assert quire.is_nar
        assert quire.to_posit().data == 0x8000


@pytest.mark.parametrize("device", ["python", "cpu"])
def test_products_of_matrices_in_quires_are_exact_products(device):
    scalar, format = nl.get_scalar("posit16", device), FORMATS["posit16"]
    a, b, c = (random(scalar, format, *shape) for shape in ((3, 7), (7, 2), (3, 2)))
    b.data[4], a.data[:, 4] = b.data[0], scalar.neg(a.data[:, 0])
    quire = nl.Quire(scalar, (3, 2)).add_matmul(a, b).add(c)
    exact = fractions(format, a) @ fractions(format, b) + fractions(format, c)
    assert quire.to_fraction() == exact.tolist()
    z = quire.to_posit().data
    reference = np.vectorize(TaperedReference(scalar, format).rounded)(exact)
    assert (fractions(format, quire.to_posit()) == reference).all()
    assert (
        z.tolist() == scalar.exact_product(scalar, a.data, scalar, b.data, scalar, c.data).tolist()
    )
    a.data[1, 2] = format.nar
    z = nl.Quire(scalar, (3, 2)).add_matmul(a, b).to_posit().data
    assert z.tolist() == scalar.exact_product(scalar, a.data, scalar, b.data).tolist()
    assert z[1].tolist() == [format.nar] * 2
    assert format.nar not in z[[0, 2]]


@pytest.mark.parametrize(
    "formats",
    [
        (Posit(8), Posit(16), Posit(32)),
        (Takum(8), Takum(17), Takum(32)),
        (Takum(32), Posit(16), Posit(8)),
    ],
)
def test_exact_products_of_codes_are_sums_of_rationals_rounded_once(formats):
    scalars = [scalar_of(dtype_of(format)) for format in formats]
    left, right, output = scalars
    a, b, c = (
        random(s, f, *shape)
        for s, f, shape in zip(scalars, formats, ((2, 9), (9, 2), (2,)), strict=True)
    )
    a.data[:, 5], b.data[5] = left.neg(a.data[:, 1]), b.data[1]
    sums = fractions(formats[0], a) @ fractions(formats[1], b)
    reference = np.vectorize(TaperedReference(output, formats[2]).rounded)
    for further, total in (((), sums), ((output, c.data), sums + fractions(formats[2], c))):
        z = output.exact_product(left, a.data, right, b.data, *further)
        assert (fractions(formats[2], tensor(output, z)) == reference(total)).all()
    with pytest.raises(UnavailableError, match="keeps no flags"):
        output.exact_product(left, a.data, right, b.data, flags=nl.Flags())


def dtype_of(format):
    if isinstance(format, Takum):
        return f"takum:{format.width}"
    return f"posit:{format.width}.{format.exponent_size}"


def test_an_exact_product_of_posits_is_recorded_and_compiled():
    scalar, operations = scalar_of("posit8"), []
    a, b = scalar.from_float([[1.5, 2.0]]), scalar.from_float([[3.0], [0.25]])
    z = scalar.with_recorder(operations).exact_product(scalar, a, scalar, b)
    assert scalar.to_float(z) == 5.0
    a[...] = scalar.from_float([[2.0, 4.0]])
    scalar.compile(operations)()
    assert scalar.to_float(z) == 7.0


def test_the_accumulation_quire_has_the_bits_of_exact_and_takes_posits_only():
    scalar, narrow = scalar_of("posit16"), scalar_of("posit8")
    a, b = (nl.Tensor.of(scalar, RNG.standard_normal(shape)) for shape in ((3, 5), (5, 2)))
    rule = accumulation_named("quire", scalar_of)
    assert (rule, str(rule)) == (QuireAccumulation(), "quire")
    found = [
        contract(a, b, Contraction(narrow, scalar, each, scalar)).data.tolist()
        for each in (rule, accumulation_named("exact", scalar_of))
    ]
    assert found[0] == found[1]
    with pytest.raises(NumleanError, match="quire of posit:8 does not hold products of posit:16"):
        contract(a, b, Contraction(scalar, scalar, rule, narrow))
    with pytest.raises(NumleanError, match="quire adds posits, and takum:8 has none"):
        contract(a, b, Contraction(scalar_of("takum8"), scalar, rule, scalar))


def test_operands_that_a_quire_does_not_take_are_refused_in_one_line():
    scalar = scalar_of("posit8")
    quire, pair = nl.Quire(scalar), nl.Quire(scalar, 2)
    vector = tensor(scalar, [1, 2, 3])
    for call, error, text in (
        (lambda: nl.Quire("takum8"), NumleanError, "dtype of posits, such as posit16, got takum:8"),
        (lambda: nl.Quire(scalar, (-1,)), ShapeError, "got shape"),
        (lambda: nl.Quire(scalar.with_recorder([])), UnavailableError, "accumulation exact"),
        (lambda: quire.add(tensor(scalar_of("posit16"), 1)), MixedScalarError, "nl.cast"),
        (lambda: quire.add(nl.Quire("posit16")), MixedScalarError, "one dtype"),
        (lambda: quire.add(pair), ShapeError, "one shape"),
        (lambda: quire.add(vector), ShapeError, "do not broadcast"),
        (lambda: pair.add_product(vector, 1.0), ShapeError, "do not broadcast"),
        (lambda: quire.add_matmul(vector, tensor(scalar, [1])), ShapeError, "add_matmul takes"),
        (lambda: pair.add_matmul(vector, vector), ShapeError, "sums of shape"),
        (lambda: nl.Quire.from_bits(scalar, 1 << 128), NumleanError, r"0 to 2\*\*128 - 1"),
        (lambda: nl.Quire.from_bits(scalar, -1), NumleanError, "got -1"),
        (lambda: nl.Quire.from_bits(scalar, "0xgg"), NumleanError, "0xgg"),
        (lambda: nl.Quire.from_bits(scalar, 1.0), NumleanError, "got 1.0"),
    ):
        with pytest.raises(error, match=text) as caught:
            call()
        assert "\n" not in str(caught.value)
    assert quire.to_bits() == 0
    assert repr(quire) == f"Quire(posit:8, 0x{'0' * 32})"
    assert repr(pair) == "Quire(posit:8, shape (2,))"


def test_copies_do_not_change_with_their_originals_and_empty_arrays_are_quires():
    quire = nl.Quire(scalar_of("posit8")).add(1.0)
    copies = [quire.copy(), copy.copy(quire), copy.deepcopy(quire)]
    quire.add(1.0)
    assert {each.to_fraction() for each in copies} == {1}
    empty = nl.Quire(scalar_of("posit8"), (2, 0)).add(1.0)
    assert empty.to_bits() == [[], []]
    assert empty.to_posit().shape == (2, 0)
    none = nl.Quire(scalar_of("posit8"), (2, 2)).add_matmul(np.zeros((2, 0)), np.zeros((0, 2)))
    assert none.to_bits() == [[0, 0], [0, 0]]
