"""Comparisons of whole runs, and the data that they take."""

import hashlib

import numpy as np
import pytest

from numlean import NumleanError, crosscheck, get_task


def compared(name, dtypes, steps):
    return crosscheck(name, *dtypes, config=get_task(name).config(steps=steps))


@pytest.mark.parametrize(("name", "steps"), [("xor", 25), ("sine", 6)])
def test_hardware_emulation_and_mp_agree_at_every_step(name, steps):
    result = compared(name, ("float32", "ieee32exec", "mp:24"), steps)
    assert result.identical
    assert [pair.compared for pair in result.pairs] == ["state", "value", "value"]
    assert (result.steps, len(result.pairs)) == (steps, 3)


@pytest.mark.parametrize(("name", "steps"), [("xor", 25), ("sine", 4)])
def test_binary64_and_53_bits_agree_at_every_step(name, steps):
    (pair,) = compared(name, ("float64", "mp:53"), steps).pairs
    assert (pair.a, pair.b, pair.compared) == ("float64", "mp:53", "value")
    assert pair.identical


def test_one_bit_of_precision_less_makes_the_runs_diverge():
    pairs = compared("xor", ("mp:24", "mp:23", "mp:25"), 3).pairs
    assert [pair.first_different_step for pair in pairs] == [0, 0, 0]


def test_zero_steps_are_identical_and_one_arithmetic_is_refused():
    assert compared("xor", ("float32", "float64"), 0).identical
    for dtypes in ((), ("float32",)):
        with pytest.raises(NumleanError, match=f"two runs, got {len(dtypes)}"):
            compared("xor", dtypes, 1)


def test_progress_is_reported_after_every_step():
    steps = []
    config = get_task("xor").config(steps=3)
    crosscheck("xor", "float32", "ieee32exec", config=config, on_step=steps.append)
    assert steps == [1, 2, 3]


def test_no_step_is_made_after_all_runs_have_diverged():
    steps = []
    result = crosscheck("xor", "float32", "float64", "mp:20", on_step=steps.append)
    assert (steps, result.steps) == ([1], 1)


def digest(*arrays):
    return hashlib.sha256(b"".join(a.astype("<f8").tobytes() for a in arrays)).hexdigest()


def test_the_digits_are_scikit_learn_s_split_once_and_for_all():
    from sklearn.datasets import load_digits

    bundle = load_digits()
    keys = np.random.Generator(np.random.Philox(0)).random(1797)
    order = np.argsort(keys, kind="stable")
    images, one_hot = bundle.images[order] / 16, np.eye(10)[bundle.target[order]]
    split = get_task("digits").load()
    assert (split.train.size, split.test.size) == (1437, 360)
    assert digest(split.test.x, split.test.y) == digest(images[:360], one_hot[:360])
    assert digest(split.train.x, split.train.y) == digest(images[360:], one_hot[360:])


def test_the_sine_s_targets_are_its_own_and_every_fourth_is_a_test():
    split = get_task("sine").load()
    x = np.array([[(2 * k + 1) / 240 - 1] for k in range(240)])
    test = np.arange(240) % 4 == 1
    assert np.abs(split.test.x - x[test]).max() < 1e-15
    assert np.abs(split.train.x - x[~test]).max() < 1e-15
    assert (split.train.size, split.test.size) == (180, 60)
    assert not {float(v) for v in split.train.x.flat} & {float(v) for v in split.test.x.flat}
