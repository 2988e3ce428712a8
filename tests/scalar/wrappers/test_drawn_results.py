"""Kernels that draw their words have the bits of operations one by one, and draw as often."""

import pickle
from functools import partial

import numpy as np
import pytest

from numlean import Flags, TrainConfig, get_scalar
from numlean.certificate import certify
from numlean.errors import NumleanError, UnavailableError
from numlean.scalar.wrappers.composed import COMPOSED
from numlean_kernels.tables.philox import PHILOX, RESUME, START, philox_table
from numlean_kernels.targets.python import PYTHON

RNG = np.random.default_rng(26)


def plain_and_fast(dtype):
    return [get_scalar(dtype, fast_kernels=fast).with_reset_stream() for fast in (False, True)]


def codes(scalar, *shape):
    """Return encodings of numbers near one, and a row with specials; nothing is drawn."""
    scalar = scalar.inner
    x = scalar.from_float(RNG.standard_normal(shape) * 2.0 ** RNG.integers(-3, 4, shape))
    greatest = scalar.format.magnitude_mask
    x[..., 1, :] = RNG.integers(0, greatest, x[..., 1, :].shape)
    x[..., 2, 0] = greatest  # a NaN
    x[..., 3, 0] = scalar.format.sign_mask  # -0
    return x


def assert_equal_to_operations(dtype, *calls):
    plain, fast = plain_and_fast(dtype)
    a, b, batch = codes(plain, 6, 7), codes(plain, 7, 40), codes(plain, 2, 7, 5)
    for call in calls:
        expected, found = call(plain, a, b, batch), call(fast, a, b, batch)
        assert found.shape == expected.shape
        assert found.tobytes() == expected.tobytes()
        assert fast.stream == plain.stream


def test_products_and_sums_have_the_bits_of_their_operations():
    assert_equal_to_operations(
        "bfloat16@round=stochastic,seed=5",
        lambda s, a, b, batch: s.matmul(a, b),
        lambda s, a, b, batch: s.matmul(b.T, a.T, contraction="fma"),
        lambda s, a, b, batch: s.bmm(np.stack([a, a]), batch),
        lambda s, a, b, batch: s.bmm(np.stack([a, a])[:, ::2], batch, contraction="fma"),
        lambda s, a, b, batch: s.matmul(a[:, :0], b[:0]),
        *(lambda s, a, b, x, k=k: s.sum(x, k) for k in (None, 0, 1, 2, (0, 2), (1, 2), ())),
        lambda s, a, b, batch: s.sum(batch, -1, keepdims=True),
        lambda s, a, b, batch: s.sum(batch, 1, reduction="pairwise"),
        lambda s, a, b, batch: s.sum(batch[:, :0], 1),
    )


def test_products_with_few_random_bits_have_the_bits_of_their_operations():
    assert_equal_to_operations("tf32@round=stochastic_a:3", lambda s, a, b, batch: s.matmul(a, b))


def assert_equal_in_the_interpreter(dtype, *calls):
    plain, fast = plain_and_fast(dtype)
    interpreted = get_scalar(dtype, "python").with_reset_stream()
    x, y = codes(plain, 5, 40), codes(plain, 5, 40)
    for call in calls:
        found = [call(s, x, y).tobytes() for s in (interpreted, plain, fast)]
        assert found[0] == found[1] == found[2]
        assert interpreted.stream == plain.stream == fast.stream


def test_operations_have_the_bits_of_the_interpreter():
    values = np.linspace(-3, 3, 200, dtype="f4")
    assert_equal_in_the_interpreter(
        "bfloat16@round=stochastic",
        lambda s, x, y: s.add(x, y),
        lambda s, x, y: s.sub(x, y[0]),
        lambda s, x, y: s.mul(x, y),
        lambda s, x, y: s.sqrt(x),
        lambda s, x, y: s.fma(x, y, x),
        lambda s, x, y: s.from_float(values.astype(float)),
        lambda s, x, y: s.cast_from(get_scalar("float32"), values),
        lambda s, x, y: s.scaleb(x, -3),
    )


def test_operations_that_flush_and_saturate_have_the_bits_of_the_interpreter():
    assert_equal_in_the_interpreter(
        "e5m2@round=stochastic,subnormal=flush,overflow=saturate",
        lambda s, x, y: s.add(x, y),
        lambda s, x, y: s.div(x, y),
    )


def test_long_arrays_agree_whose_blocks_have_unknown_results():
    plain, fast = plain_and_fast("bfloat16@round=stochastic")
    x = plain.inner.from_float(RNG.standard_normal((3, 1700)))
    x[0, 700] = plain.format.infinity
    for name in ("add", "mul"):
        found = [getattr(s, name)(x, x[::-1].copy()).tobytes() for s in (plain, fast)]
        assert found[0] == found[1]


def test_flags_are_those_of_the_plain_kernels():
    plain, fast = plain_and_fast("bfloat16@round=stochastic")
    x, raised = codes(plain, 5, 40), []
    for s in (plain, fast):
        flags = Flags()
        z = s.mul(x, x, flags=flags)
        raised.append((z.tobytes(), flags.as_dict()))
    assert raised[0] == raised[1]


def test_a_stochastic_scalar_with_fast_kernels_is_pickled_as_such():
    plain, fast = plain_and_fast("bfloat16@round=stochastic")
    assert fast == plain
    fast.matmul(codes(fast, 5, 5), codes(fast, 5, 5))
    again = pickle.loads(pickle.dumps(fast))
    assert again.has_fast_kernels
    assert again.stream == fast.stream
    assert not pickle.loads(pickle.dumps(plain)).has_fast_kernels


def test_the_errors_are_those_of_composed_products():
    plain, fast = plain_and_fast("bfloat16@round=stochastic")
    x = codes(plain, 5, 4)
    for operation, operands, options in (
        ("matmul", (x, x), {}),
        ("bmm", (x[None], x[None]), {}),
        ("matmul", (x, x.T), {"contraction": "both"}),
        ("sum", (x, 3), {}),
        ("sum", (x, 0), {"reduction": "random"}),
    ):
        composed = partial(COMPOSED[operation], plain)
        messages = []
        for call in (composed, getattr(fast, operation)):
            with pytest.raises(NumleanError) as raised:
                call(*operands, **options)
            messages.append((type(raised.value), str(raised.value)))
        assert messages[0] == messages[1]


def test_formats_that_do_not_qualify_say_so():
    for dtype in ("binary64exec@round=stochastic", "ieee32exec@round=stochastic_a:29"):
        with pytest.raises(
            UnavailableError, match=r"26 significant and nine exponent bits.* 52 - N"
        ):
            get_scalar(dtype, fast_kernels=True)


def test_words_may_be_started_once_for_all_draws():
    table = philox_table(PYTHON)
    for _ in range(50):
        key, high = (int(n) for n in RNG.integers(0, 1 << 64, 2, np.uint64))
        low, other = (int(n) for n in RNG.integers(0, 1 << 32, 2))
        started = table[START](key, high, low)
        again = high >> 32 << 32 | other
        assert table[RESUME](key, again, *started) == table[PHILOX](key, again, low)


def test_a_run_has_one_certificate_with_plain_and_with_fast_kernels():
    name = "bfloat16@round=stochastic,seed=3"
    config = TrainConfig(steps=4)
    sides = (f"{name}:eager", f"{name}:eager:fast", f"{name}:compiled:fast")
    plain, *fast = (certify("xor", side, config=config) for side in sides)
    assert all(each.steps == plain.steps for each in fast)
