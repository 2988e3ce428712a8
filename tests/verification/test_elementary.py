"""The reference of elementary functions against MPFR itself, and on faults that it must find."""

import json
import pickle
from fractions import Fraction
from functools import cache, partial
from math import inf, nan
from pathlib import Path

import gmpy2
import mpmath
import numpy as np
import pytest

from numlean import get_scalar
from numlean.cli.main import main
from numlean.scalar.kernel_scalar import KernelScalar
from numlean.verification.elementary import (
    FUNCTIONS,
    Certified,
    ElementaryComparison,
    Enclosures,
    Libm,
    Record,
    verify,
)
from numlean.verification.elementary.comparison import compare_batch
from numlean.verification.elementary.filtered_reference import FilteredReference
from numlean.verification.elementary.operands import elementary_operands
from numlean.verification.encoding import decode, encode
from numlean.verification.mpfr import ROUNDINGS as ROUNDINGS_OF_MPFR
from numlean.verification.mpfr import Mpfr
from numlean.verification.reference import Choices
from numlean_kernels.flags import DIVIDE_BY_ZERO, INEXACT, INVALID, OVERFLOW, UNDERFLOW
from numlean_kernels.formats import BINARY32, E5M2
from operand_batches import batches_of

DTYPES = ("binary16", "bfloat16", "ieee32exec")
MODES = ("ties_to_even", "ties_to_away", "toward_zero", "toward_positive", "toward_negative")
OF_MPFR = tuple(name for name in FUNCTIONS if name not in ("sigmoid", "softplus"))
NOWHERE = np.array([], np.int64)


@pytest.fixture(autouse=True)
def few_operands():
    """Make thousands of operands, as many as a test uses, not a million."""
    with batches_of(20_000):
        yield


@cache
def sample(dtype, name, count=1500):
    with batches_of(count):
        return elementary_operands(get_scalar(dtype), FUNCTIONS[name], 0, seed=7)


def plain(name, x, floats):
    """Return where MPFR's exponents suffice and there are no poles or zeros."""
    size = [np.where(np.isfinite(a), np.abs(a), 0) for a in floats]
    fine = np.all([(a > 0) & (a < 2.0**20) & (a != 1) for a in size], axis=0)
    if name == "pow":
        fine &= np.abs(floats[1] * np.log2(np.maximum(size[0], 2.0**-1000))) < 2.0**20
    return fine


OWN_MODES = ("ties_to_even", *MODES[2:])  # MPFR lacks the other


@pytest.mark.parametrize("mode", OWN_MODES)
@pytest.mark.parametrize("name", OF_MPFR)
def test_encodings_and_flags_are_those_of_mpfr_at_the_format_s_own_precision(name, mode):
    # Each function in each mode; each in each format; each mode in each format.
    dtype = DTYPES[(OF_MPFR.index(name) + OWN_MODES.index(mode)) % len(DTYPES)]
    format, choices = get_scalar(dtype).format, Choices(mode)
    x = sample(dtype, name)
    fine = plain(name, x, [decode(format, a) for a in x])
    x = [a[fine][::3] for a in x]
    z, raised = Mpfr(format, choices).compute("rec_sqrt" if name == "rsqrt" else name, x)
    ours = FilteredReference(format, choices).compute(FUNCTIONS[name], x, NOWHERE)
    assert len(x[0]) > 70
    assert np.array_equal(ours.z, z)
    assert np.array_equal(ours.raised, raised)


def rounded_by_mpfr(format, mode, y):
    """Round the magnitude of a number of a thousand bits by MPFR; return its encoding."""

    def rounded(rounding):
        context = gmpy2.context(
            precision=format.precision,
            round=rounding,
            emax=format.emax + 1,
            emin=format.emin - format.trailing_bits + 1,
            subnormalize=True,
        )
        return context.plus(y)

    if mode == "ties_to_away":
        below, above = rounded(gmpy2.RoundToZero), rounded(gmpy2.RoundAwayZero)
        beyond = gmpy2.mpq(2) ** (format.emax + 1)
        ends = [abs(gmpy2.mpq(z)) if gmpy2.is_finite(z) else beyond for z in (below, above)]
        z = above if 2 * abs(gmpy2.mpq(y)) >= sum(ends) else below
    else:
        z = rounded(getattr(gmpy2, ROUNDINGS_OF_MPFR[mode]))
    (encoding,) = encode(format, np.array([float(z)]))
    return int(encoding) & format.magnitude_mask


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_direction_gives_a_thousand_bits_rounded_as_by_mpfr(dtype, mode):
    format = get_scalar(dtype).format
    reference = FilteredReference(format, Choices(mode))
    many = gmpy2.context(precision=1000, round=gmpy2.RoundToZero)
    for name in ("sqrt", "sin", "expm1", "pow", "hypot"):
        x = [a[:300] for a in sample(dtype, name)]
        floats = [decode(format, a) for a in x]
        fine = plain(name, x, floats)
        z = reference.compute(FUNCTIONS[name], x, NOWHERE).z
        for k in np.flatnonzero(fine):
            y = getattr(many, name)(*(gmpy2.mpfr(float(a[k])) for a in floats))
            if y.is_regular() and abs(gmpy2.get_exp(y)) < 300:
                expected = rounded_by_mpfr(format, mode, y)
                assert int(z[k]) & format.magnitude_mask == expected, (name, k)


@pytest.mark.parametrize("mode", MODES)
def test_sigmoid_and_softplus_are_mpmath_s_thousand_bits_rounded(mode):
    certified = Certified(BINARY32, Choices(mode))
    with mpmath.workprec(1000):
        for x in (1.5, -0.625, 2.0**-126, -(2.0**-30), 30.25, -100.5, 87.0, 2.0**-149):
            e = mpmath.exp(mpmath.mpf(x))
            for name, y in (("sigmoid", e / (1 + e)), ("softplus", mpmath.log1p(e))):
                z, raised = certified.rounded(certified.value(name, (x,)))
                q = Fraction(int(y.man)) * Fraction(2) ** y.exp
                many = gmpy2.mpfr(gmpy2.mpq(q.numerator, q.denominator), 1000)
                assert z & BINARY32.magnitude_mask == rounded_by_mpfr(BINARY32, mode, many), (
                    name,
                    x,
                )
                assert raised == INEXACT | (UNDERFLOW if q < Fraction(2) ** -126 else 0)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_all_decisions_of_the_filter_agree_with_mpfr(name, mode):
    # Each function in each mode; each in each format; each mode in each format.
    dtype = DTYPES[(list(FUNCTIONS).index(name) + MODES.index(mode)) % len(DTYPES)]
    reference = FilteredReference(get_scalar(dtype).format, Choices(mode))
    x = sample(dtype, name, 600)
    judgement = reference.compute(FUNCTIONS[name], x, np.arange(600))
    assert judgement.unsound is None
    assert 0 < judgement.worst < 2.0**-50
    assert judgement.referred < 300


SPECIAL = [
    ("exp", (-inf,), 0.0, 0),
    ("exp", (inf,), inf, 0),
    ("exp", (0.0,), 1.0, 0),
    ("exp", (200.0,), inf, OVERFLOW | INEXACT),
    ("exp", (-1e38,), 0.0, UNDERFLOW | INEXACT),
    ("exp2", (-3.0,), 0.125, 0),
    ("exp2", (-149.0,), 2.0**-149, 0),
    ("exp10", (0.0,), 1.0, 0),
    ("exp10", (10.0,), 1e10, 0),
    ("exp10", (11.0,), float(np.float32(1e11)), INEXACT),
    ("exp10", (-1.0,), float(np.float32(0.1)), INEXACT),
    ("exp10", (2.0**-60,), 1.0, INEXACT),
    ("exp10", (39.0,), inf, OVERFLOW | INEXACT),
    ("exp10", (-inf,), 0.0, 0),
    ("exp10", (inf,), inf, 0),
    ("expm1", (-0.0,), -0.0, 0),
    ("expm1", (-inf,), -1.0, 0),
    ("log", (0.0,), -inf, DIVIDE_BY_ZERO),
    ("log2", (-0.0,), -inf, DIVIDE_BY_ZERO),
    ("log10", (1000.0,), 3.0, 0),
    ("log", (-1.0,), nan, INVALID),
    ("log", (-inf,), nan, INVALID),
    ("log", (1.0,), 0.0, 0),
    ("log1p", (-1.0,), -inf, DIVIDE_BY_ZERO),
    ("log1p", (-2.0,), nan, INVALID),
    ("sqrt", (-0.0,), -0.0, 0),
    ("rsqrt", (0.0,), inf, DIVIDE_BY_ZERO),
    ("rsqrt", (-0.0,), -inf, DIVIDE_BY_ZERO),
    ("rsqrt", (inf,), 0.0, 0),
    ("rsqrt", (-1.0,), nan, INVALID),
    ("cbrt", (-27.0,), -3.0, 0),
    ("sin", (inf,), nan, INVALID),
    ("tan", (-inf,), nan, INVALID),
    ("sin", (-0.0,), -0.0, 0),
    ("asin", (1.5,), nan, INVALID),
    ("acos", (1.0,), 0.0, 0),
    ("acosh", (0.5,), nan, INVALID),
    ("acosh", (1.0,), 0.0, 0),
    ("atanh", (-1.0,), -inf, DIVIDE_BY_ZERO),
    ("atanh", (2.0,), nan, INVALID),
    ("tanh", (-inf,), -1.0, 0),
    ("tanh", (1e30,), 1.0, INEXACT),
    ("erf", (inf,), 1.0, 0),
    ("sigmoid", (-inf,), 0.0, 0),
    ("sigmoid", (0.0,), 0.5, 0),
    ("sigmoid", (1e38,), 1.0, INEXACT),
    ("softplus", (-inf,), 0.0, 0),
    ("softplus", (inf,), inf, 0),
    ("softplus", (1e38,), 1e38, INEXACT),
    ("pow", (nan, 0.0), 1.0, 0),
    ("pow", (1.0, nan), 1.0, 0),
    ("pow", (2.0, nan), nan, 0),
    ("pow", (-0.0, -3.0), -inf, DIVIDE_BY_ZERO),
    ("pow", (-0.0, -2.5), inf, DIVIDE_BY_ZERO),
    ("pow", (0.0, -inf), inf, 0),
    ("pow", (-0.0, 3.0), -0.0, 0),
    ("pow", (-1.0, inf), 1.0, 0),
    ("pow", (-8.0, 0.5), nan, INVALID),
    ("pow", (-inf, 3.0), -inf, 0),
    ("pow", (-3.0, 3.0), -27.0, 0),
    ("hypot", (nan, -inf), inf, 0),
    ("hypot", (nan, 1.0), nan, 0),
    ("hypot", (3.0, -4.0), 5.0, 0),
    ("atan2", (-0.0, 1.0), -0.0, 0),
    ("atan2", (0.0, 0.0), 0.0, 0),
    ("atan2", (1e-38, 1e38), 0.0, UNDERFLOW | INEXACT),
]


@pytest.mark.parametrize(("name", "operands", "value", "flags"), SPECIAL)
def test_special_values_and_their_flags_are_the_standard_s(name, operands, value, flags):
    x = [np.array([a], np.float32).view(np.uint32) for a in operands]
    judgement = FilteredReference(BINARY32, Choices()).compute(FUNCTIONS[name], x, NOWHERE)
    expected = np.array([value], np.float32).view(np.uint32)
    assert (hex(judgement.z[0]), judgement.raised[0]) == (hex(expected[0]), flags)


def test_a_signalling_nan_is_made_quiet_and_invalid_wherever_it_stands():
    one, infinity, signalling = 0x3F800000, 0x7F800000, 0x7F800003
    reference = FilteredReference(BINARY32, Choices())
    for name, operands in (
        ("sin", (signalling,)),
        ("pow", (one, signalling)),
        ("pow", (signalling, 0)),
        ("hypot", (infinity, signalling)),
    ):
        x = [np.array([a], np.uint32) for a in operands]
        judgement = reference.compute(FUNCTIONS[name], x, NOWHERE)
        assert (judgement.z[0], judgement.raised[0]) == (signalling | 1 << 22, INVALID)


def test_available_functions_are_right_at_structured_operands():
    comparison = ElementaryComparison("ieee32exec", seed=1)
    for name in ("exp", "log", "tanh", "sinh", "cosh", "sin", "cos", "sqrt"):
        findings = verify(comparison, name, 2000)
        assert findings.outcome.cases == 2000
        assert findings.outcome.first is None
        assert findings.unsound is None


def test_all_pairs_of_an_8_bit_format_are_tried(monkeypatch):
    def atan2(self, x, y):
        return Mpfr(E5M2, Choices()).compute("atan2", [x, y])[0]

    monkeypatch.setattr(KernelScalar, "atan2", atan2, raising=False)
    monkeypatch.setattr(ElementaryComparison, "supports_flags", lambda self, name: False)
    findings = verify(ElementaryComparison("e5m2@nan=canonical", exhaustive=True), "atan2", 1 << 40)
    assert findings.outcome.cases == 1 << 16
    assert findings.outcome.first is None
    assert findings.unsound is None


def test_a_wrong_bit_is_found_and_shown(monkeypatch, capsys):
    right = KernelScalar.sqrt

    def wrong(self, x, *, flags=None):
        z = right(self, x)
        z[len(z) // 2] ^= np.uint32(1)
        return z

    monkeypatch.setattr(KernelScalar, "sqrt", wrong)
    monkeypatch.setattr(ElementaryComparison, "supports_flags", lambda self, name: False)
    argv = ["verify", "elementary", "--function", "sqrt", "--count", "1001", "--jobs", "1"]
    assert main(argv) == 1
    printed = capsys.readouterr().out
    assert "flags: not compared" in printed
    assert "      1 mismatches" in printed
    assert "expected" in printed


def test_a_wrong_flag_is_found(monkeypatch, capsys):
    right = KernelScalar.flagged

    def wrong(self, name, *x):
        z, raised = right(self, name, *x)
        raised[-1] ^= INEXACT
        return z, raised

    monkeypatch.setattr(KernelScalar, "flagged", wrong)
    argv = ["verify", "elementary", "--function", "sqrt", "--count", "1e3", "--jobs", "1"]
    assert main(argv) == 1
    assert "flags: compared\n" in capsys.readouterr().out


class InaccurateFilter(Libm):
    """A filter whose error exceeds the bound, though too small to change every result."""

    def enclose(self, function, x):
        right = super().enclose(function, x)
        return Enclosures(right.y * (1 + 2.0**-45), right.side)


class BiasedFilter(Libm):
    """A filter that claims that the exponential is below its estimate everywhere."""

    def enclose(self, function, x):
        right = super().enclose(function, x)
        return Enclosures(right.y, np.full_like(right.side, -1))


@pytest.mark.parametrize("filter_", [InaccurateFilter(), BiasedFilter()])
def test_a_wrong_filter_is_caught_by_measuring_it(filter_):
    reference = FilteredReference(BINARY32, Choices(), filter_)
    x = sample("ieee32exec", "exp")
    assert reference.compute(FUNCTIONS["exp"], x, np.arange(1000)).unsound is not None


def test_a_batch_may_be_compared_in_another_process():
    # in_order runs it there: see test_references.py.
    work = partial(compare_batch, ElementaryComparison("ieee32exec", seed=3), "sqrt", 30_000)
    assert pickle.loads(pickle.dumps(work))(1) == work(1)


def test_an_interrupted_run_is_taken_up_where_it_was_left(tmp_path):
    comparison, path, count = ElementaryComparison("binary16"), tmp_path / "state", 60_000
    record = Record.open(str(path), comparison.key())

    def interrupted(done, findings):
        record.keep("sqrt", done, findings)
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        verify(comparison, "sqrt", count, on_batch=interrupted)
    done, findings = Record.open(str(path), comparison.key()).of("sqrt")
    assert (done, findings.outcome.cases) == (2, 40_000)
    batches = []
    resumed = verify(
        comparison,
        "sqrt",
        count,
        done=done,
        findings=findings,
        on_batch=lambda *a: batches.append(a),
    )
    assert len(batches) == 1
    assert resumed == verify(comparison, "sqrt", count)


def test_the_command_writes_a_record_and_repeats_a_finished_one(tmp_path, capsys):
    path = tmp_path / "state.json"
    argv = ["verify", "elementary", "--function", "sqrt", "--count", "1e4", "--jobs", "1"]
    assert main([*argv, "--resume", str(path)]) == 0
    first = capsys.readouterr().out.splitlines()
    kept = json.loads(path.read_text())
    assert kept["functions"]["sqrt"]["findings"]["outcome"]["cases"] == 10_000
    assert main([*argv, "--resume", str(path)]) == 0
    again = capsys.readouterr().out.splitlines()
    assert [line.split(" mismatches")[0] for line in again] == [
        line.split(" mismatches")[0] for line in first
    ]
    assert main([*argv, "--resume", str(path), "--round", "toward_zero"]) == 2
    assert "dtype" in capsys.readouterr().err


def test_a_file_that_is_not_a_record_is_refused(tmp_path, capsys):
    path = tmp_path / "notes"
    entry = '{"subject": {}, "functions": {"sqrt": {"batches": "1", "findings": {}}}}'
    negative = entry.replace('"1"', "-1")
    for text in ("not JSON", "[]", "{}", "[" * 100_000, '{"a": 1, "a": 1}', entry, negative):
        path.write_text(text)
        assert main(["verify", "elementary", "--function", "sqrt", "--resume", str(path)]) == 2
        assert path.read_text() == text
        assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--count", "0"], ["count"]),
        (["--jobs", "0"], ["jobs"]),
        (["--seed", "-1"], ["seed"]),
        (["--function", "gamma"], ["gamma", "exp"]),
        (["--function", "hypot", "--exhaustive"], ["hypot", "--count"]),
        (["--exhaustive", "--function", "exp", "--dtype", "binary64exec"], ["exp", "--count"]),
        (["--dtype", "mp:24"], ["mp:24"]),
        (["--dtype", "e5m2@subnormal=flush"], ["subnormal"]),
        (["--round", "upward"], ["upward", "toward_positive"]),
        (["--round", "stochastic"], ["stochastic"]),
        (["--function", "sqrt", "--resume", "/nowhere/at/all"], ["/nowhere/at/all"]),
    ],
)
def test_invalid_requests_are_one_line_and_status_2(argv, words, capsys):
    assert main(["verify", "elementary", *argv]) == 2
    error = capsys.readouterr().err
    assert all(word in error for word in words)
    assert error.count("\n") == 1


def test_the_hardest_operands_are_those_nearest_to_a_turn():
    format = E5M2
    scalar = get_scalar("e5m2")
    x = [np.arange(256, dtype=scalar.storage_dtype)]
    reference = FilteredReference(format, Choices("ties_to_even"))
    reference.filter = None
    found = reference.compute(FUNCTIONS["exp"], x, NOWHERE).hard_cases
    assert len(found) == 16
    expected = {}
    with mpmath.workprec(300):
        for bits, value in enumerate(scalar.to_float(x[0])):
            if not 2.0**-12 <= abs(value) < inf:
                continue
            y = mpmath.exp(mpmath.mpf(value))
            e = int(mpmath.floor(mpmath.log(y, 2)))
            if format.emin <= e <= format.emax and abs(y - 1) >= 2.0**-12:
                halves = y / mpmath.mpf(2) ** (e - format.trailing_bits - 1)
                expected[bits] = float(abs(halves - mpmath.nint(halves)) / 2)
    nearest = sorted(expected, key=expected.get)[: len(found)]
    assert [case.operands for case in found] == [(bits,) for bits in nearest]
    assert [case.distance for case in found] == pytest.approx([expected[k] for k in nearest])


def test_a_record_keeps_the_hardest_operands(tmp_path, capsys):
    path = tmp_path / "state.json"
    argv = ["verify", "elementary", "--function", "log", "--count", "1e5", "--hard-cases"]
    for _ in range(2):
        assert main([*argv, "--jobs", "1", "--resume", str(path)]) == 0
        printed = capsys.readouterr().out.splitlines()
        lines = [line for line in printed if "from a rounding boundary" in line]
        kept = json.loads(path.read_text())["functions"]["log"]["findings"]["hard_cases"]
        assert [line.split(":")[0].strip() for line in lines] == [hex(c[1][0]) for c in kept]
        assert lines


@pytest.mark.parametrize("mode", MODES)
def test_the_hardest_operands_of_all_are_rounded_rightly_in_every_direction(mode):
    # Collected by `numlean verify elementary --exhaustive --hard-cases`, pairs by --count 1e8. The
    # interpreter runs the same routines, and has nothing to compile.
    path = Path(__file__).with_name("hard_cases.json")
    hardest = {name: np.array([row.split() for row in rows]) for name, rows in read(path).items()}
    assert set(hardest) == set(FUNCTIONS)
    scalar = get_scalar(f"ieee32exec@round={mode}", "python")
    certified = Certified(BINARY32, Choices(mode))
    for name, rows in hardest.items():
        x = [np.array([int(text, 16) for text in column], np.uint32) for column in rows.T]
        z, raised = scalar.flagged(name, *x)
        floats = zip(*(scalar.to_float(a).tolist() for a in x), strict=True)
        expected = [certified.rounded(certified.value(name, operands)) for operands in floats]
        assert list(zip(z.tolist(), raised.tolist(), strict=True)) == expected, name


def read(path):
    return json.loads(path.read_text())
