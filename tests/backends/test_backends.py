import subprocess
import sys

import ml_dtypes
import mpmath
import numpy as np
import pytest

from numlean import NumleanError, get_scalar
from numlean_backends import softfloat32


def test_no_global_context_of_mpmath_is_read_or_written():
    s = get_scalar("mp:100")
    x = s.from_float([1.0, 2.0, 3.0])
    third = s.div(x, s.from_float(3.0))
    before = mpmath.mp.prec
    with mpmath.workprec(10):
        again = s.div(x, s.from_float(3.0))
        exponential = s.exp(x)
    assert mpmath.mp.prec == before
    assert s.to_bytes(again) == s.to_bytes(third)
    assert s.to_bytes(exponential) == s.to_bytes(s.exp(x))


PROGRAM = """
import hashlib
import numpy as np
import mpmath.libmp
from numlean import get_scalar

digest = hashlib.sha256()
for dtype in ("mp:24", "mp:53", "mp:300"):
    s = get_scalar(dtype)
    x = s.from_float(np.random.default_rng(3).standard_normal((6, 6)))
    for z in (s.matmul(x, x), s.div(x, x.T), s.sqrt(s.abs(x)), s.exp(x), s.tanh(x)):
        digest.update(s.to_bytes(z))
print(mpmath.libmp.BACKEND, digest.hexdigest())
"""


def test_gmpy2_changes_mpmath_s_speed_and_no_bit():
    results = []
    for variable in ({}, {"MPMATH_NOGMPY": "1"}):
        completed = subprocess.run(
            [sys.executable, "-c", PROGRAM], env=variable, capture_output=True, text=True
        )
        results.append(completed.stdout.split())
    (fast, digest), (plain, again) = results
    assert (fast, plain) == ("gmpy", "python")
    assert digest == again


def test_mp_has_no_encodings_and_the_error_names_the_alternative():
    s = get_scalar("mp:24")
    with pytest.raises(NumleanError, match="to_exact"):
        s.to_bits(s.from_float([1.0]))
    with pytest.raises(NumleanError, match="to_exact"):
        s.from_bits([0])


def test_mp_numbers_do_not_overflow_or_lose_bits_near_zero():
    s = get_scalar("mp:24")
    x = s.from_float([1e-300, 1e300])
    for _ in range(4):
        x = s.mul(x, x)
    tiny, huge = s.to_exact(x)
    assert 0 < tiny < mpmath.mpf(10) ** -4700
    assert mpmath.mpf(10) ** 4700 < huge < mpmath.inf


def test_a_missing_softfloat_package_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "softfloat", None)
    softfloat32.softfloat_table.cache_clear()
    with pytest.raises(NumleanError, match=r"numlean\[oracle\]"):
        softfloat32.softfloat_table()


def test_encodings_out_of_range_are_refused_and_shown():
    s = get_scalar("e5m2")
    with pytest.raises(NumleanError, match="256"):
        s.from_bits([0, 256])
    with pytest.raises(NumleanError, match="-1"):
        s.from_bits(np.array([-1]))
    with pytest.raises(NumleanError, match="8 bits"):
        s.from_bits([0.5])


def test_values_that_are_not_numbers_are_refused_on_entry():
    s = get_scalar("float32")
    for bad in ([1j], ["one"], [None]):
        with pytest.raises(NumleanError, match="from_float"):
            s.from_float(bad)
    with pytest.raises(NumleanError, match="int64"):
        s.from_int([2**63])
    with pytest.raises(NumleanError, match="from_int"):
        s.from_int([0.5])


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "minimum", "max_num"])
def test_float32_has_the_bits_of_ieee32exec_nan_payloads_included(name):
    rng = np.random.default_rng(71)
    x, y = (rng.integers(0, 1 << 32, 30_000, dtype=np.uint32) for _ in range(2))
    x[::3] |= np.uint32(0x7F800000)
    y[::5] |= np.uint32(0x7F800000)
    hardware, emulated = get_scalar("float32"), get_scalar("ieee32exec")
    z = getattr(hardware, name)(hardware.from_bits(x), hardware.from_bits(y))
    assert np.array_equal(hardware.to_bits(z), getattr(emulated, name)(x, y))


def test_saturating_and_rounding_options_have_the_stated_effect():
    big = [400.0, 1e6]
    plain, saturating = get_scalar("e4m3"), get_scalar("e4m3@overflow=saturate")
    assert plain.to_float(plain.from_float(big))[0] == 384
    assert np.isnan(plain.to_float(plain.from_float(big))[1])
    assert saturating.to_float(saturating.from_float(big))[1] == 448
    third = {
        mode: get_scalar(f"ieee32exec@round={mode}")
        .to_bits(get_scalar(f"ieee32exec@round={mode}").from_float(1 / 3))
        .item()
        for mode in ("toward_zero", "toward_positive", "ties_to_even", "to_odd")
    }
    assert third == {
        "toward_zero": 0x3EAAAAAA,
        "toward_positive": 0x3EAAAAAB,
        "ties_to_even": 0x3EAAAAAB,
        "to_odd": 0x3EAAAAAB,
    }
    flushing = get_scalar("ieee32exec@subnormal=flush")
    tiny = flushing.from_bits([1])
    assert flushing.to_bits(flushing.mul(tiny, flushing.from_float(2.0**30))).item() == 0


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("bfloat16", ml_dtypes.bfloat16),
        ("e5m2", ml_dtypes.float8_e5m2),
        ("e4m3", ml_dtypes.float8_e4m3fn),
        ("ieee:e4m3", ml_dtypes.float8_e4m3),
        ("ieee:e3m4", ml_dtypes.float8_e3m4),
    ],
)
def test_formats_are_those_of_ml_dtypes(name, dtype):
    s = get_scalar(name)
    storage = s.format.storage_dtype
    every = np.arange(1 << s.format.width, dtype=storage)
    with np.errstate(invalid="ignore"):  # signalling NaNs
        theirs = every.view(dtype).astype(np.float64)
    ours = s.to_float(s.from_bits(every))
    assert np.array_equal(ours, theirs, equal_nan=True)
    numbers = every[~np.isnan(theirs)]
    assert np.array_equal(s.from_float(numbers.view(dtype)), numbers)
