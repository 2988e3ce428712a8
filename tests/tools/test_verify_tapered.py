"""The comparison of posits and takums with their definitions, on formats of few bits."""

import pytest

import tapered_basis
import verify_tapered

GROUPS = ("pairs", "triples", "rationals", "unary", "functions")


@pytest.fixture(autouse=True)
def few_random_operands(monkeypatch):
    monkeypatch.setattr(verify_tapered, "RANDOM", 64)


def run(*words):
    return verify_tapered.main([*words, "--device", "python"])


@pytest.mark.parametrize("dtype", ["posit:4", "takum:5", "posit:5.1"])
@pytest.mark.parametrize("group", GROUPS)
def test_formats_of_few_bits_are_those_of_their_definitions(dtype, group, capsys):
    if group == "functions":
        pytest.importorskip("gmpy2", reason="functions are compared with MPFR's")
    if dtype != "posit:4" and group == "triples":
        assert run(dtype, group, "--pairs", "300") == 0
    else:
        assert run(dtype, group, *(("--pairs", "40") if group == "functions" else ())) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all("cases, 0 differences" in line for line in lines)


def test_the_parts_of_a_check_are_together_all_of_it(capsys):
    counts = []
    for part in ("1/1", "1/3", "2/3", "3/3"):
        assert run("posit:4", "pairs", "--operation", "add", "--part", part) == 0
        counts.append(int(capsys.readouterr().out.split()[1]))
    assert counts[0] == 256 == sum(counts[1:])


@pytest.mark.parametrize("group", ["pairs", "triples", "rationals", "unary"])
def test_a_result_that_differs_is_shown_and_counts(group, monkeypatch, capsys):
    tie = tapered_basis.Basis.codes
    monkeypatch.setattr(tapered_basis.Basis, "codes", lambda *given: tie(*given) ^ 1)
    code = tapered_basis.Basis.code
    monkeypatch.setattr(tapered_basis.Basis, "code", lambda self, q: code(self, q) ^ 1)
    assert run("posit:3", group) == 1
    assert ") is " in capsys.readouterr().out


def test_other_dtypes_are_refused(capsys):
    with pytest.raises(SystemExit):
        run("posit32", "pairs")
    assert "not a posit or takum of up to 16 bits" in capsys.readouterr().err
