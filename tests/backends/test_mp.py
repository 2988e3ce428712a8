"""mp: unbounded exponents, no state, and errors that show the rejected value."""

import os
import subprocess
import sys

import mpmath
import numpy as np
import pytest

from numlean import NumleanError, get_scalar
from numlean.scalar.registry import scalar_backends


def run(program, **variables):
    environment = {**os.environ, **variables}
    command = [sys.executable, "-W", "error", "-c", program]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)


@pytest.mark.parametrize("dtype", ["mp", "mp:", "mp:0", "mp:-3", "mp:abc", "mp:1.5", "mp:24:53"])
def test_an_invalid_precision_is_shown_with_a_valid_one(dtype):
    with pytest.raises(NumleanError) as caught:
        get_scalar(dtype)
    assert repr(dtype) in str(caught.value)
    assert "mp:200" in str(caught.value)


@pytest.mark.parametrize("dtype", ["mp:24@round=toward_zero", "mp:24@"])
def test_options_it_does_not_have_are_refused(dtype):
    with pytest.raises(NumleanError, match=r"round|name=value"):
        get_scalar(dtype)


def test_every_precision_from_one_bit_up_rounds_to_it():
    values = [3.0, 5.0, 6.0, 7.0, -3.0, 2.0, 0.75]
    for precision, expected in ((1, [4, 4, 8, 8, -4, 2, 1]), (2, [3, 4, 6, 8, -3, 2, 0.75])):
        s = get_scalar(f"mp:{precision}")
        assert s.to_float(s.from_float(values)).tolist() == expected


OPERATIONS = """
import mpmath
from mpmath.ctx_mp import MPContext
import numpy as np
from numlean import get_scalar

def refuse(*_):
    raise AssertionError("the global context was touched")

before = mpmath.mp.prec, mpmath.mp.dps, mpmath.mp._prec_rounding[:]
MPContext.prec = property(refuse, refuse)
MPContext.dps = property(refuse, refuse)
mpmath.mp._prec_rounding = None
for dtype in ("mp:30", "mp:200"):
    s = get_scalar(dtype)
    x = s.from_float([[0.5, 2.0], [-1.5, 3.0]])
    for name in ("add", "sub", "mul", "div", "minimum", "max_num", "matmul", "compare", "le"):
        getattr(s, name)(x, x)
    for name in ("neg", "abs", "sqrt", "exp", "log", "tanh", "sinh", "cosh", "sin", "cos", "sum"):
        getattr(s, name)(x)
    s.fma(x, x, x), s.matmul(x, x, contraction="fma"), s.sum(x, 0, reduction="pairwise")
    s.from_exact(s.to_exact(x)), s.to_int(x), s.to_float(x), s.to_bytes(x), s.from_int([1])
print("done")
"""


def test_no_operation_so_much_as_looks_at_the_global_context():
    result = run(OPERATIONS)
    assert result.stdout == "done\n", result.stderr[-600:]


def test_the_precision_and_rounding_of_the_global_context_survive_and_do_not_matter():
    s = get_scalar("mp:100")
    x = s.from_float([1.0, 2.0, 10.0])
    plain = [s.to_bytes(z) for z in (s.div(x, s.from_float(3.0)), s.exp(x), s.sin(x), s.sqrt(x))]
    with mpmath.workprec(11):
        again = [
            s.to_bytes(z) for z in (s.div(x, s.from_float(3.0)), s.exp(x), s.sin(x), s.sqrt(x))
        ]
        assert mpmath.mp.prec == 11
    assert again == plain


DIGEST = """
import hashlib
import mpmath.libmp
from numlean import TrainConfig, get_scalar, get_task, instantiate, value_digest
from numlean.optim import sgd
from numlean.training import run_steps

digest = hashlib.sha256()
task = get_task("xor")
for dtype in ("mp:24", "mp:200"):
    config = TrainConfig(3, task.batch_size, sgd(task.lr, task.momentum))
    runner = instantiate(task.task, get_scalar(dtype))
    run_steps(runner, config, task.load().train)
    digest.update(value_digest(runner.named_parameters).encode())
s = get_scalar("mp:150")
x = s.from_float([1e-40, 0.1, 1.0, 33.0, 1e6])
for name in ("exp", "log", "sin", "cos", "tanh", "sinh", "sqrt"):
    digest.update(s.to_bytes(getattr(s, name)(x)))
print(mpmath.libmp.BACKEND, digest.hexdigest())
"""


def test_training_and_functions_have_the_same_bits_without_gmpy2():
    pytest.importorskip("gmpy2", reason="no extra fast")
    fast, plain = run(DIGEST), run(DIGEST, MPMATH_NOGMPY="1")
    assert fast.stdout.split()[0] == "gmpy", fast.stderr
    assert plain.stdout.split()[0] == "python", plain.stderr
    assert fast.stdout.split()[1] == plain.stdout.split()[1]


def test_exponents_are_unbounded_in_both_directions():
    s = get_scalar("mp:53")
    x = s.from_exact([mpmath.ldexp(3, 10**7), mpmath.ldexp(3, -(10**7))])
    (square, inverse) = s.to_exact(s.mul(x, x))
    assert (square._mpf_[1:3], inverse._mpf_[1:3]) == ((9, 2 * 10**7), (9, -2 * 10**7))
    assert s.to_float(x).tolist() == [np.inf, 0.0]
    assert s.to_float(s.div(x, x)).tolist() == [1.0, 1.0]


def test_there_is_no_minus_zero_and_one_nan():
    s = get_scalar("mp:24")
    zeros = s.from_float([0.0, -0.0])
    assert s.to_bytes(zeros[:1]) == s.to_bytes(zeros[1:])
    assert s.to_bytes(s.neg(zeros)) == s.to_bytes(zeros)
    nans = s.from_float([np.nan, -np.nan])
    assert s.to_bytes(nans[:1]) == s.to_bytes(nans[1:])
    assert s.to_float(s.div(s.from_float([1.0, -1.0]), zeros)).tolist() == [np.inf, -np.inf]


def test_an_addition_far_below_the_last_bit_breaks_a_tie_however_far():
    s = get_scalar("mp:24")
    one, half_ulp = mpmath.mpf(1), mpmath.ldexp(1, -24)
    x = s.from_exact([mpmath.mp.make_mpf((one + half_ulp)._mpf_)])
    assert s.to_exact(x).item() == one
    trace = s.from_exact([mpmath.ldexp(1, -5000)])
    product = s.fma(s.from_exact([one + mpmath.ldexp(1, -12)]), s.from_exact([one]), trace)
    assert s.to_exact(product).item() == one + mpmath.ldexp(1, -12)
    tie = s.from_exact([mpmath.ldexp(1, -24)])
    assert s.to_exact(s.fma(tie, s.from_exact([1]), s.from_exact([1]))).item() == one
    above = s.sub(s.from_exact([one]), trace)
    assert s.to_exact(above).item() == one


HUGE = """
import numpy as np
from numlean import NumleanError, get_scalar
s = get_scalar("mp:24")
x = s.exp(s.from_float([1e15]))
try:
    s.to_int(x)
except NumleanError as error:
    print("refused:", str(error)[:60])
"""


@pytest.mark.parametrize("variables", [{}, {"MPMATH_NOGMPY": "1"}])
def test_an_integer_beyond_all_memory_is_refused_and_does_not_end_the_process(variables):
    result = run(HUGE, **variables)
    assert result.stdout.startswith("refused: to_int"), (result.returncode, result.stderr[-300:])


TOO_LARGE = """
from numlean import NumleanError, get_scalar
s = get_scalar("mp:24")
x = s.exp(s.from_float([1e15]))
for name in ("exp", "sin", "cosh"):
    try:
        print(name, s.to_exact(getattr(s, name)(x)).item() is not None)
    except NumleanError as error:
        print(name, "refused")
"""


def test_functions_of_numbers_beyond_all_memory_are_refused_and_do_not_end_the_process():
    result = run(TOO_LARGE)
    assert len(result.stdout.splitlines()) == 3, (result.returncode, result.stderr[-300:])


def test_mp_runs_on_the_processor_and_in_the_interpreter():
    assert dict(scalar_backends())["mp"].devices == ("cpu", "python")
