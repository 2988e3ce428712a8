import numpy as np
import pytest

from numlean_kernels.formats import (
    BFLOAT16,
    BINARY16,
    BINARY32,
    BINARY64,
    E4M3,
    E5M2,
    TF32,
    parse_format,
)


@pytest.mark.parametrize(
    ("format", "dtype"),
    [(BINARY16, np.float16), (BINARY32, np.float32), (BINARY64, np.float64)],
    ids=lambda x: getattr(x, "name", ""),
)
def test_derived_constants_are_those_of_the_hardware(format, dtype):
    info = np.finfo(dtype)

    def value(bits):
        return np.array(bits, format.storage_dtype).view(dtype)[()]

    assert format.width == info.bits
    assert format.precision == info.nmant + 1
    assert format.emax + 1 == info.maxexp
    assert format.emin == info.minexp
    assert value(format.max_finite) == info.max
    assert value(format.implicit_bit) == info.smallest_normal
    assert value(1) == info.smallest_subnormal
    assert value(format.infinity) == np.inf
    assert value(format.one) == 1
    assert np.isnan(value(format.default_nan))
    assert np.isnan(value(format.infinity | 1))


def test_ocp_formats_have_the_published_ranges():
    assert (E5M2.emax, E5M2.emin, E5M2.max_finite, E5M2.infinity) == (15, -14, 0x7B, 0x7C)
    assert (E4M3.emax, E4M3.emin, E4M3.max_finite, E4M3.default_nan) == (8, -6, 0x7E, 0x7F)
    assert E4M3.max_number == E4M3.max_finite


def test_storage_is_the_narrowest_unsigned_integer():
    widths = {E4M3: 8, BFLOAT16: 16, TF32: 32, BINARY32: 32, BINARY64: 64}
    assert {f: f.storage_dtype.itemsize * 8 for f in widths} == widths


def test_a_format_written_by_its_widths_is_the_one_of_that_name():
    assert parse_format("e8m23") is BINARY32
    assert parse_format("e4m3").has_infinity
    assert parse_format("e3m4").name == "e3m4"
    assert parse_format("e3m5").name == "ieee:e3m5"


@pytest.mark.parametrize("text", ["", "e5", "e1m3", "e12m3", "e5m0", "e5m53", "m3e5", "e5m10 "])
def test_other_texts_are_refused_with_the_way_to_write_one(text):
    with pytest.raises(ValueError, match="eXmY"):
        parse_format(text)


def test_the_error_for_binary128_names_what_has_its_precision():
    with pytest.raises(ValueError, match=r"from 1 to 52.*mp:113 rounds each operation"):
        parse_format("e15m112")
