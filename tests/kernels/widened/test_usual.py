"""Operations on finite operands have the bits of the routines in integers, and find the others."""

import numpy as np
import pytest

from numlean import get_scalar
from numlean_kernels.formats import BINARY16
from numlean_kernels.ieee import Arithmetic, Overflow, Rounding, Subnormal
from numlean_kernels.tables.ieee import ieee_table
from numlean_kernels.targets.cpu import CPU
from numlean_kernels.targets.python import PYTHON
from numlean_kernels.widened.builder import wide_builder
from numlean_kernels.widened.conditions import wide_format
from numlean_kernels.widened.usual import make_usual

ARITIES = {"add": 2, "sub": 2, "mul": 2, "div": 2, "sqrt": 1, "fma": 3}
RNG = np.random.default_rng(7)


def codes_near_the_ends(format):
    ends = (0, format.least_normal, format.one, format.max_finite, format.magnitude_mask)
    magnitudes = [end + d for end in ends for d in range(-3, 4)]
    kept = [m for m in magnitudes if 0 <= m <= format.magnitude_mask]
    drawn = RNG.integers(0, format.magnitude_mask, 30).tolist()
    return np.array([m | sign for m in kept + drawn for sign in (0, format.sign_mask)])


@pytest.mark.parametrize("subnormal", Subnormal)
@pytest.mark.parametrize("overflow", [Overflow.INFINITE, Overflow.SATURATE])
@pytest.mark.parametrize("rounding", [r for r in Rounding if r is not Rounding.STOCHASTIC])
@pytest.mark.parametrize("dtype", ["bfloat16", "binary16", "tf32", "e4m3", "e5m2"])
def test_usual_operands_have_the_bits_of_the_emulation(dtype, rounding, overflow, subnormal):
    format = get_scalar(dtype, "python").format
    arithmetic = Arithmetic(format, rounding, overflow=overflow, subnormal=subnormal)
    plain = ieee_table(arithmetic, PYTHON)
    for name, arity in ARITIES.items():
        wide = wide_format(arithmetic, name)
        if wide is None:
            continue
        case, count = make_usual(wide_builder(arithmetic, PYTHON, wide), name), 0
        for bits in RNG.choice(codes_near_the_ends(format), (40, arity)).tolist():
            if not case.is_usual(*bits):
                continue
            with np.errstate(all="ignore"):
                assert int(case.routine(*bits)) == int(plain[name](*bits)), (name, bits)
            count += 1
        assert count > 5


@pytest.mark.parametrize("dtype", ["e4m3", "e5m2"])
def test_all_pairs_of_a_format_of_eight_bits_agree_compiled(dtype):
    plain, fast = get_scalar(dtype), get_scalar(dtype, fast_kernels=True)
    a, b = (x.reshape(-1).astype(np.uint8) for x in np.indices((256, 256)))
    for name in ("add", "mul"):
        expected, found = (getattr(s, name)(a, b) for s in (plain, fast))
        assert np.array_equal(found, expected), name


@pytest.mark.parametrize("dtype", ["bfloat16", "binary16"])
def test_random_pairs_of_sixteen_bits_agree_compiled(dtype):
    plain, fast = get_scalar(dtype), get_scalar(dtype, fast_kernels=True)
    a, b = RNG.integers(0, 1 << 16, (2, 1 << 20), dtype=np.uint16)
    limit = plain.format.infinity
    a[: 1 << 19] &= np.uint16(0x8000 | (limit - 1))  # blocks of finite numbers, or nearly
    b[: 1 << 19] &= np.uint16(0x8000 | (limit - 1))
    for name in ("add", "mul"):
        expected, found = (getattr(s, name)(a, b) for s in (plain, fast))
        assert np.array_equal(found, expected), name
        z = a.copy()
        assert np.array_equal(getattr(fast, name)(z, b[:1]), getattr(plain, name)(a, b[:1]))


@pytest.mark.parametrize("dtype", ["tf32", "ieee:e3m9", "ieee:e2m10"])
def test_formats_that_do_not_fill_their_words_agree_compiled(dtype):
    plain, fast = get_scalar(dtype), get_scalar(dtype, fast_kernels=True)
    code = plain.codec.storage_dtype.type
    a, b = codes_near_the_ends(plain.format)[RNG.integers(0, 50, (2, 4096))].astype(code)
    assert np.array_equal(fast.div(a, b), plain.div(a, b))


@pytest.mark.skipif(CPU.half_conversions is None, reason="the processor converts no binary16")
def test_the_processor_converts_all_of_binary16_and_rounds_to_it():
    import numba

    to_single, to_half = CPU.half_conversions
    enter, leave = numba.njit(lambda a: to_single(a)), numba.njit(lambda x: to_half(x))
    codes = np.arange(1 << 16, dtype=np.uint16)
    codes = codes[(codes & BINARY16.magnitude_mask) <= BINARY16.infinity]
    values = codes.view(np.float16).astype(np.float32)
    assert [enter(c) for c in codes[::97]] == values[::97].tolist()
    assert [leave(x) for x in values[::97]] == codes[::97].tolist()
    ties = np.float32([2049, 2051, 65519.996, 65520, -65520, 2.0**-25, 3 * 2.0**-25, 1e-45])
    with np.errstate(over="ignore"):
        expected = ties.astype(np.float16).view(np.uint16)
    assert [leave(x) for x in ties] == expected.tolist()
