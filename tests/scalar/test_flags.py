import numpy as np
import pytest

from numlean import (
    CountingScalar,
    Flags,
    NumleanError,
    TrainConfig,
    get_scalar,
    get_task,
    instantiate,
    state_digest,
)
from numlean.cli.main import main
from numlean.optim import sgd
from numlean.training import run_steps

S = get_scalar("ieee32exec")


def test_an_operation_adds_the_flags_of_every_element():
    x = S.from_float([1.0, 0.1, 3e38, 1e-30, 0.0, 1.0])
    y = S.from_float([2.0, 0.2, 1e10, 1e-30, np.inf, 0.0])
    flags = Flags()
    z = S.mul(x, y, flags=flags)
    assert np.array_equal(z, S.mul(x, y))
    assert flags == Flags(invalid=1, overflow=1, underflow=1, inexact=3)
    S.div(x, y, flags=flags)
    assert flags.divide_by_zero == 1
    assert flags
    assert not Flags()


def test_hardware_and_mp_keep_no_flags_and_the_error_names_a_dtype_that_does():
    for dtype in ("float32", "mp:24"):
        with pytest.raises(NumleanError, match="such as ieee32exec"):
            CountingScalar(get_scalar(dtype))


@pytest.mark.parametrize("contraction", ["separate", "fma"])
def test_a_counting_scalar_has_the_bits_of_the_one_inside(contraction):
    counting = CountingScalar(S)
    rng = np.random.default_rng(83)
    a, b = S.from_float(rng.standard_normal((3, 7))), S.from_float(rng.standard_normal((7, 2)))
    z = counting.matmul(a, b, contraction=contraction)
    assert np.array_equal(z, S.matmul(a, b, contraction=contraction))
    multiplications = counting.counts["fma" if contraction == "fma" else "mul"]
    assert multiplications.inexact == 3 * 7 * 2
    for axis in (None, 0, -1, (0, 1)):
        assert np.array_equal(counting.sum(a, axis), S.sum(a, axis))
    assert counting.sum(a, 0, keepdims=True).shape == (1, 7)
    with pytest.raises(NumleanError, match=r"\(3, 7\) and \(3, 7\)"):
        counting.matmul(a, a)


def test_counting_changes_no_bit_of_a_run(capsys):
    task = get_task("xor")
    config = TrainConfig(3, task.batch_size, sgd(task.lr, task.momentum))
    digests = set()
    for scalar in (S, CountingScalar(S)):
        runner = instantiate(task.task, scalar)
        run_steps(runner, config, task.load().train)
        digests.add(state_digest(runner.named_parameters))
    assert len(digests) == 1


def test_a_run_totals_flags_by_operation_and_by_step(capsys):
    import json

    assert main(["train", "xor", "--steps", "3", "--dtype", "binary16", "--flags", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert len(report["flags_by_step"]) == 3
    for name in ("invalid", "inexact"):
        by_operation = sum(counts[name] for counts in report["flags"].values())
        assert by_operation == sum(step[name] for step in report["flags_by_step"])
    assert report["flags"]["mul"]["inexact"] > 0
    assert main(["train", "xor", "--steps", "1", "--flags"]) == 0
    assert "divide_by_zero" in capsys.readouterr().out


def test_a_run_by_a_policy_counts_flags_by_dtype(capsys):
    import json

    wide = ("parameters", "weight_gradients", "optimizer", "reductions")
    fields = ",".join(f"{name}=ieee32exec" for name in wide)
    policy = f"fp16-amp,accumulate=ordered(ieee32exec),{fields}"
    words = ["train", "xor", "--steps", "2", "--flags", "--device", "python", "--policy"]
    assert main([*words, policy, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    by_dtype = report["flags_by_dtype"]
    assert set(by_dtype) == {"ieee32exec", "binary16"}
    assert report["flags_not_counted"] == []
    assert by_dtype["binary16"]["cast_from"]["overflow"] > 0  # the scaled cotangent
    for name in ("inexact", "overflow"):
        total = sum(counts[name] for each in by_dtype.values() for counts in each.values())
        assert total == sum(step[name] for step in report["flags_by_step"])
        assert total == sum(counts[name] for counts in report["flags"].values())
    assert main([*words, "bf16-mixed"]) == 0
    found = capsys.readouterr()
    assert "bfloat16 cast_from" in found.out
    assert found.out.endswith("not counted: float32\n")
    assert "--flags counts in bfloat16 only: float32 keeps no flags" in found.err


def test_the_flags_of_exact_sums_are_those_of_their_one_rounding():
    counting = CountingScalar(get_scalar("binary16", "python"))
    a = counting.from_float([[1.0, 2.0**-11, -1.0], [1.0, 2.0**-11, 0.0], [2.0**15, 2.0**15, 0.0]])
    counting.exact_product(counting, a, counting, counting.from_float([[1.0], [1.0], [1.0]]))
    flags = counting.counts["exact_product"]
    # 2^-11 is exact although 1 + 2^-11 is not; then a tie, and an overflow
    assert (flags.inexact, flags.overflow, flags.invalid) == (2, 1, 0)
    assert "add" not in counting.counts


@pytest.mark.parametrize(
    ("dtype", "why"),
    [
        ("posit16", "posit:16 keeps no flags: the Posit Standard 2022 has none; "),
        ("takum8", "takum:8 keeps no flags: takums have none; "),
        ("lns:4.4", "lns:4.4 keeps no flags; "),
    ],
)
def test_a_dtype_without_flags_says_why_in_one_line(dtype, why, capsys):
    assert main(["train", "xor", "--device", "python", "--dtype", dtype, "--flags"]) == 2
    error = capsys.readouterr().err
    assert why in error
    assert error.count("\n") == 1
