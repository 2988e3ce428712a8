"""TorchLean's functions against a transcription by fractions and the processor's binary32."""

import json
from fractions import Fraction
from math import factorial, floor

import numpy as np
import pytest

import numlean as nl
from numlean.cli.main import main
from numlean.errors import NumleanError, UnavailableError
from numlean.scalar.flags import Flags
from numlean.verification.operands import level_1, operands
from numlean_backends.torchlean_math import ROUTINES
from numlean_kernels.formats import BINARY32

TORCHLEAN = nl.get_scalar("ieee32exec@math=torchlean")
NAN = 0x7FC00000
COEFFICIENTS = (
    1985781,
    28648765,
    371982884,
    4293262892,
    43357083587,
    375306296874,
    2707262666570,
    15623017693776,
    67617750451595,
    195103586505167,
    281474976710656,
)
one, two, six, half = (np.float32(v) for v in (1, 2, 6, 0.5))


def real(bits):
    return np.uint32(bits).view(np.float32)


def bits_of(value):
    return int(np.float32(value).view(np.uint32))


def exact(bits):
    return Fraction(float(real(bits)))


def floor_log2(q):
    e = q.numerator.bit_length() - q.denominator.bit_length()
    return e - (q < Fraction(2) ** e)


def nearest(q, negative=False):
    """Round a fraction to binary32; Python rounds a fraction's ties to even."""
    if q == 0:
        return np.float32(-0.0 if negative else 0.0)
    e = max(floor_log2(abs(q)), -126)
    n = round(q / Fraction(2) ** (e - 23))
    if abs(n) * Fraction(2) ** (e - 23) >= Fraction(2) ** 128:
        return np.float32(np.inf if q > 0 else -np.inf)
    return np.float32(n) * np.float32(2.0 ** (e - 23)) if e > -126 else np.float32(n * 2.0**-149)


def fixed(q):
    return round(q * 2**48)


def product(a, b):
    return round(Fraction(a * b, 2**48))


def exp(x):
    if np.isinf(x):
        return np.float32(0) if x < 0 else x
    y = product(fixed(Fraction(float(x))), 406082553034800)
    k = round(Fraction(y, 2**48))
    f, p = y - k * 2**48, 0
    for c in COEFFICIENTS:
        p = c + product(f, p)
    if p <= 0 or k < -400:
        return np.float32(0)
    return np.float32(np.inf) if k > 400 else nearest(p * Fraction(2) ** (k - 48))


def log(x):
    if x == 0:
        return np.float32(-np.inf)
    if x < 0:
        return real(NAN)
    if np.isinf(x):
        return x
    q = Fraction(float(x))
    k = floor_log2(q)
    m = fixed(q / Fraction(2) ** k)
    t = round(Fraction((m - 2**48) * 2**48, m + 2**48))
    t2 = product(t, t)
    t3 = product(t, t2)
    t5 = product(t3, t2)
    t7 = product(t5, t2)
    t9 = product(t7, t2)
    t11 = product(t9, t2)
    t13 = product(t11, t2)
    t15 = product(t13, t2)
    terms = zip((t3, t5, t7, t9, t11, t13, t15), (3, 5, 7, 9, 11, 13, 15), strict=True)
    s = t + sum(round(Fraction(power, n)) for power, n in terms)
    return nearest(Fraction(2 * s + k * 195103586505167, 2**48))


def tanh(x):
    if np.isinf(x):
        return np.copysign(one, x)
    a = abs(x)
    r = one - two / (exp(a + a) + one)
    return -r if np.signbit(x) else r


def sinh(x):
    if np.isinf(x):
        return x
    if abs(x) < half:
        x2 = x * x
        x3 = x2 * x
        x5 = x3 * x2
        return (x + x3 / six) + x5 / np.float32(120)
    return (exp(x) - exp(-x)) * half


def cosh(x):
    return np.float32(np.inf) if np.isinf(x) else (exp(x) + exp(-x)) * half


def sine_and_cosine(x):
    q = Fraction(float(x))
    m = max(floor_log2(abs(q)) + 2, 0)
    y = q / 2**m
    z = y * y
    cs = (6227020800, -1037836800, 51891840, -1235520, 17160, -156, 1)
    cc = (479001600, -239500800, 19958400, -665280, 11880, -132, 1)
    s = nearest(y * sum(c * z**i for i, c in enumerate(cs)) / factorial(13), negative=y < 0)
    c = nearest(sum(c * z**i for i, c in enumerate(cc)) / factorial(12))
    for _ in range(m):
        s, c = two * (s * c), c * c - s * s
    return s, c


def sin(x):
    return real(NAN) if np.isinf(x) else x if x == 0 else sine_and_cosine(x)[0]


def cos(x):
    return real(NAN) if np.isinf(x) else one if x == 0 else sine_and_cosine(x)[1]


def power_of_magnitude(a, b, n):
    if abs(n) > 256:
        return exp(b * log(a))
    z = one
    for _ in range(int(abs(n))):
        z = a * z
    return one / z if n < 0 else z


def pow_of_numbers(a, b):
    if a == 1:
        return one
    if b == 1:
        return a
    is_integer = np.isfinite(b) and float(b) == floor(float(b))
    odd = is_integer and int(float(b)) % 2 == 1
    if a == 0:
        magnitude = np.float32(np.inf) if b < 0 else np.float32(0)
        return -magnitude if odd and np.signbit(a) else magnitude
    if a < 0:
        if not is_integer:
            return real(NAN)
        magnitude = power_of_magnitude(-a, b, int(float(b)))
        return -magnitude if odd else magnitude
    return power_of_magnitude(a, b, int(float(b))) if is_integer else exp(b * log(a))


def quieted(*operands):
    nans = [a for a in operands if np.isnan(real(a))]
    first = [a for a in nans if a >> 22 & 1 == 0] + nans
    return first[0] | 1 << 22 if nans else None


def expected(function, *operands):
    nan = quieted(*operands)
    if nan is not None:
        return nan
    with np.errstate(all="ignore"):
        z = function(*(real(a) for a in operands))
    # inf - inf, as in doubled sines that are too great, has a sign in the processor.
    return NAN if np.isnan(z) else bits_of(z)


UNARY = {f.__name__: f for f in (exp, log, tanh, sinh, cosh, sin, cos)}


def arguments():
    rng = np.random.default_rng(11)
    floats = np.concatenate(
        [rng.uniform(-2, 2, 300), rng.uniform(-110, 110, 400), rng.uniform(-0.51, 0.51, 100)]
    )
    near = np.array([0.5, 1, 88.72284, -87.33655, -103.97208, np.pi / 2, np.pi, 1e4, 3e38])
    floats = np.concatenate([floats, near, -near])
    chosen = floats.astype(np.float32).view(np.uint32)
    random = operands(BINARY32, 1, batch=0, seed=4)[0][:700]
    return np.concatenate([chosen, chosen[-18:] + np.uint32(1), random, level_1(BINARY32)[::3]])


@pytest.mark.parametrize("name", UNARY)
def test_functions_of_one_operand_are_the_transcription_bit_for_bit(name):
    x = arguments()
    z = getattr(TORCHLEAN, name)(x)
    right = np.array([expected(UNARY[name], a) for a in x.tolist()], np.uint32)
    wrong = np.flatnonzero(z != right)
    assert [(hex(x[k]), hex(z[k]), hex(right[k])) for k in wrong[:5]] == []


def pairs():
    rng = np.random.default_rng(12)
    base = np.concatenate([rng.uniform(0, 4, 300), rng.uniform(-4, 4, 300), [2, -2, 0.5, 1, -1]])
    exponents = np.concatenate(
        [rng.uniform(-9, 9, 300), rng.integers(-300, 300, 300), [256, 257, -256, -257, 2.5]]
    )
    chosen = [v.astype(np.float32).view(np.uint32) for v in (base, exponents)]
    special = np.array([0, 1, 2, 3, 0.5, 1e30, np.inf], np.float32)
    special = np.concatenate([special, -special]).view(np.uint32)
    special = np.append(special, np.array([0x7FC00005, 0xFF800001], np.uint32))
    grid = [a.ravel() for a in np.meshgrid(special, special)]
    random = [a[:600] for a in operands(BINARY32, 2, batch=0, seed=5)]
    return [np.concatenate(parts).tolist() for parts in zip(chosen, grid, random, strict=True)]


def test_pow_is_the_transcription_bit_for_bit():
    for a, b in zip(*pairs(), strict=True):
        right = bits_of(one) if b << 1 & 0xFFFFFFFF == 0 else expected(pow_of_numbers, a, b)
        assert hex(ROUTINES["pow"](a, b)) == hex(right), (hex(a), hex(b))


def test_the_profile_is_part_of_the_name_and_of_equality():
    correct = nl.get_scalar("ieee32exec")
    assert TORCHLEAN.name == "ieee32exec@math=torchlean"
    assert correct != TORCHLEAN
    x = TORCHLEAN.from_float([2.0, 3.0])
    assert np.array_equal(TORCHLEAN.sqrt(x), correct.sqrt(x))
    x = TORCHLEAN.from_float([5.0, 30.0])
    assert not np.array_equal(TORCHLEAN.sin(x), correct.sin(x))


def test_both_devices_and_any_shape_give_the_same_bits():
    x = arguments()[:60].reshape(3, 4, 5)
    python = nl.get_scalar("ieee32exec@math=torchlean", "python")
    assert np.array_equal(python.exp(x), TORCHLEAN.exp(x))
    assert TORCHLEAN.exp(x).shape == (3, 4, 5)
    assert TORCHLEAN.exp(x[:0]).shape == (0, 4, 5)


def test_its_functions_keep_no_flags_and_say_so():
    x = TORCHLEAN.from_float([1.0])
    with pytest.raises(UnavailableError, match="exp of ieee32exec@math=torchlean"):
        TORCHLEAN.flagged("exp", x)
    flags = Flags()
    TORCHLEAN.div(x, TORCHLEAN.from_float([3.0]), flags=flags)
    assert flags.inexact == 1


@pytest.mark.parametrize(
    "dtype",
    [
        "binary16@math=torchlean",
        "ieee32exec@math=torchlean,round=toward_zero",
        "ieee32exec@math=torchlean,round=stochastic",
        "ieee32exec@math=torchlean,nan=canonical",
        "ieee32exec@math=fast",
        "float32@math=torchlean",
    ],
)
def test_other_formats_and_options_are_refused(dtype):
    with pytest.raises(NumleanError, match="math"):
        nl.get_scalar(dtype)


def test_correct_is_the_default():
    x = nl.get_scalar("ieee32exec").from_float([0.3, 2.0])
    by_name = nl.get_scalar("ieee32exec@math=correct")
    assert np.array_equal(by_name.exp(x), nl.get_scalar("ieee32exec").exp(x))


def trained(capsys, dtype, device):
    argv = ["train", "xor", "--steps", "20", "--dtype", dtype, "--device", device, "--json"]
    assert main(argv) == 0
    return json.loads(capsys.readouterr().out)


def test_torchlean_functions_change_a_run_in_the_same_way_on_each_device(capsys):
    correct = trained(capsys, "ieee32exec", "cpu")
    run = trained(capsys, "ieee32exec@math=torchlean", "cpu")
    assert run["dtype"] == "ieee32exec@math=torchlean"
    assert run["loss_after"] < run["loss_before"]
    assert run["state_digest"] != correct["state_digest"]
    again = trained(capsys, "ieee32exec@math=torchlean", "python")
    assert again["state_digest"] == run["state_digest"]


def test_functions_that_are_not_correctly_rounded_by_definition_are_not_verified(capsys):
    argv = ["verify", "elementary", "--dtype", "ieee32exec@math=torchlean"]
    assert main(argv) == 2
    assert "math=torchlean" in capsys.readouterr().err
