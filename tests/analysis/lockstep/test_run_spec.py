"""The specification of runs to compare."""

import pytest

import numlean as nl
from numlean.analysis.lockstep.run_spec import RunSpec


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("float32", ("float32", "cpu", "eager")),
        ("float32:python", ("float32", "python", "eager")),
        ("ieee32exec:cpu:compiled", ("ieee32exec", "cpu", "compiled")),
        ("ieee32exec:compiled:fast", ("ieee32exec", "cpu", "compiled")),
        ("mp:24", ("mp:24", "cpu", "eager")),
        ("mp:24:compiled", ("mp:24", "cpu", "compiled")),
        ("mp:24:python:compiled", ("mp:24", "python", "compiled")),
        ("ieee:e5m10", ("ieee:e5m10", "cpu", "eager")),
        ("bfloat16@round=stochastic,seed=7:compiled", (None, "cpu", "compiled")),
    ],
)
def test_a_run_spec_is_a_dtype_a_device_and_a_backend(text, expected):
    side = RunSpec.parse(text)
    name, device, backend = expected
    assert side.name == text
    assert side.scalar.name == (name or "bfloat16@round=stochastic,seed=7")
    assert (side.scalar.device, side.options.backend) == (device, backend)
    assert side.options.fast_kernels is text.endswith("fast")


def test_options_apply_to_everything_that_a_run_spec_leaves_out():
    options = nl.Options(backend="compiled", seed=3)
    assert RunSpec.parse("float32:eager", options).options.backend == "eager"
    side = RunSpec.of(nl.get_scalar("float64"), options)
    assert (side.name, side.options.backend, side.options.seed) == ("float64", "compiled", 3)
    assert RunSpec.of(side) is side


def test_fast_kernels_are_those_of_the_scalar():
    fast = RunSpec.parse("ieee32exec:fast").scalar
    assert fast.table is not RunSpec.parse("ieee32exec").scalar.table
    assert fast == RunSpec.parse("ieee32exec").scalar


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("float31", ["float31", "float32"]),
        ("float32:abacus", ["abacus", "known: cpu", "python"]),
        ("mp:24:cuda", ["cuda", "cpu, python"]),
        ("mp:24:fast", ["mp:24", "no fast kernels"]),
        ("mp", ["mp", "mp:200"]),
        ("float32:cpu:python", ["float32:cpu:python", "device"]),
        ("float32:eager:compiled", ["float32:eager:compiled", "backend"]),
        ("", ["dtype"]),
    ],
)
def test_an_invalid_run_spec_is_refused_in_one_line(text, words):
    with pytest.raises(nl.NumleanError) as error:
        RunSpec.parse(text)
    assert all(word in str(error.value) for word in words)
    assert "\n" not in str(error.value)
