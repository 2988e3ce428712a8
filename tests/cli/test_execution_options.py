"""How commands execute runs: the fastest way unless told otherwise, with the same bits."""

import json

import pytest

from numlean.certificate import Certificate
from numlean.cli.main import main
from numlean.cli.options import execution

TRAIN = ("train", "xor", "--steps", "3", "--json")


def report(capsys, *words):
    assert main([*TRAIN, *words]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_run_is_compiled_with_fast_kernels_if_it_is_long_and_has_the_same_bits(
    capsys, tmp_path, monkeypatch
):
    digests = set()
    for short, words, expected in (
        (10**7, (), ("compiled", False)),
        (10**7, ("--fast-kernels",), ("compiled", True)),
        (1, (), ("compiled", True)),
        (1, ("--no-fast-kernels", "--backend", "eager"), ("eager", False)),
    ):
        monkeypatch.setattr(execution, "_SHORT", short)
        path = tmp_path / "run.json"
        found = report(capsys, "--certificate", str(path), *words)
        environment = Certificate.load(path).environment
        assert (environment["backend"], environment["fast_kernels"]) == expected
        assert found["backend"] == expected[0]
        digests.add(found["state_digest"])
    assert len(digests) == 1


def test_a_dtype_without_fast_kernels_takes_plain_ones_unless_fast_ones_are_asked_for(capsys):
    assert report(capsys, "--device", "python")["backend"] == "compiled"
    assert main([*TRAIN, "--device", "python", "--fast-kernels"]) == 2
    assert "has no fast kernels" in capsys.readouterr().err


def test_a_run_that_counts_flags_is_eager_unless_told_otherwise(capsys):
    words = ("--device", "python", "--flags")
    assert report(capsys, *words)["backend"] == "eager"
    assert main([*TRAIN, *words, "--backend", "compiled"]) == 2
    assert "eager execution only" in capsys.readouterr().err


@pytest.mark.parametrize("words", [(), ("--inject", "flip")])
def test_a_crosscheck_compares_plain_kernels_unless_told_otherwise(capsys, words):
    runs = ("--a", "ieee32exec:python", "--b", "ieee32exec:python:eager")
    status = main(["crosscheck", "xor", "--steps", "1", *runs, *words])
    assert status == bool(words)
    assert main(["crosscheck", "xor", "--steps", "1", *runs, "--fast-kernels"]) == 2
    assert "has no fast kernels" in capsys.readouterr().err


def test_a_comparison_takes_fast_kernels_of_the_dtypes_that_have_them(capsys):
    words = ("compare", "xor", "--steps", "1", "--no-operations", "--tests", "0")
    assert main([*words, "--dtypes", "ieee32exec:python,ieee32exec", "--truth", "mp:60"]) == 0
    assert main([*words, "--dtypes", "ieee32exec:python", "--fast-kernels"]) == 2
    assert "has no fast kernels" in capsys.readouterr().err
