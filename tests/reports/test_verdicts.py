"""Verdicts of crosschecks: whether a result is as specified, how close it is, and the cause."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

import numlean as nl

RNG = np.random.Generator(np.random.Philox(18))
MODEL = nl.nn.Sequential(nl.nn.Linear(24, 16), nl.nn.Tanh(), nl.nn.Linear(16, 4))
TASK = nl.Task.classification(MODEL)
DATA = nl.Dataset.of_arrays(RNG.standard_normal((16, 24)), np.eye(4)[RNG.integers(0, 4, 16)])
CONFIG = nl.TrainConfig(1, 16, nl.sgd(0.05))


def diverged(fault, *, dtype="ieee32exec"):
    faulty = nl.RunSpec.parse(dtype).with_fault(nl.Fault.parse(fault))
    (pair,) = nl.crosscheck(TASK, "float32", faulty, config=CONFIG, data=DATA).pairs
    return pair.divergence


class Library(nl.WrappedScalar):
    """A Scalar of a library that contracts products, and does not specify it."""

    library = "SomeBLAS"
    rounding = "unstated"

    def around(self, operation, call, operands, options):
        if operation == "matmul":
            options = {**options, "contraction": "fma"}
        return call(*operands, **options)


def library_run():
    scalar = Library(nl.get_scalar("float32"))
    return nl.RunSpec("blas", scalar, nl.Options())


def test_a_result_is_as_specified_or_differs_from_its_specification():
    found = diverged("flip:operation=tanh,call=0,element=5,bit=12")
    assert [each.verdict for each in found.assessments] == [
        "as specified",
        "differs from its specification",
    ]
    lines = str(found).splitlines()[-3:]
    assert lines[0].startswith("  A as specified, relative error ")
    assert lines[1].startswith("  B differs from its specification, relative error ")
    assert lines[1].endswith("as if bit 12 is flipped")
    assert lines[2] == "  A is closer to the exact result"
    for word in ("is right", "is wrong", "may be right"):
        assert word not in str(found)


def test_results_of_a_library_are_unspecified_and_named_after_it():
    (pair,) = nl.crosscheck(TASK, "float32", library_run(), config=CONFIG, data=DATA).pairs
    ours, theirs = pair.divergence.assessments
    assert (ours.verdict, theirs.verdict) == ("as specified", "unspecified (SomeBLAS)")
    assert "B unspecified (SomeBLAS), relative error" in str(pair.divergence)
    assert theirs.causes[0] == "products are contracted into fused multiply-adds"


def test_results_with_random_rounding_are_not_checked():
    runs = ("bfloat16:python", "bfloat16@round=stochastic,seed=3:python")
    (pair,) = nl.crosscheck(TASK, *runs, config=CONFIG, data=DATA).pairs
    verdict = pair.divergence.assessments[1].verdict
    assert verdict == "not checked (its rounding is random)"


def test_a_library_below_a_wrapper_is_still_unspecified():
    fault = nl.Fault.parse("flip:operation=tanh,call=0,element=0,bit=20")
    faulty = library_run().with_fault(fault)
    (pair,) = nl.crosscheck(TASK, "float32", faulty, config=CONFIG, data=DATA).pairs
    assert pair.divergence.assessments[1].verdict == "unspecified (SomeBLAS)"


def value(number):
    return Fraction(*np.uint32(number.bits).view(np.float32).item().as_integer_ratio())


def exact_product(found):
    a, b = (list(map(value, found.operands[label])) for label in "ab")
    return sum(p * q for p, q in zip(a, b, strict=True))


@pytest.mark.parametrize("kind", ["fma", "order"])
@pytest.mark.parametrize("call", range(5))
def test_the_closer_result_is_named_even_if_it_differs_from_its_specification(kind, call):
    found = diverged(f"{kind}:operation=matmul,call={call}")
    if found.operation != "matmul":
        pytest.skip("the fault changed no bit of this product")
    exact = exact_product(found)
    distances = [abs(value(result) - exact) for result in found.results]
    assert found.closer == {True: "a", False: "b"}[distances[0] < distances[1]] or (
        distances[0] == distances[1] and found.closer == "equal"
    )
    for result, each in zip(found.results, found.assessments, strict=True):
        expected = float((value(result) - exact) / abs(exact))
        assert each.relative_error == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("call", range(4))
@pytest.mark.parametrize(
    ("kind", "words"),
    [("fma", "products are contracted"), ("order", "terms are added from the last to the first")],
)
def test_a_structural_cause_comes_first_and_no_flipped_bit_next_to_it(kind, words, call):
    found = diverged(f"{kind}:operation=matmul,call={call}")
    causes = found.assessments[1].causes
    if found.operation == "matmul" and causes:
        assert causes[0].startswith(words)
        assert not any("flipped" in cause for cause in causes)


@pytest.mark.parametrize("bit", [0, 1, 20, 30])
@pytest.mark.parametrize("operation", ["matmul", "tanh"])
def test_a_flipped_bit_is_the_only_cause_if_all_other_elements_are_as_specified(operation, bit):
    found = diverged(f"flip:operation={operation},call=0,element=7,bit={bit}")
    assert found.assessments[1].causes == (f"bit {bit} is flipped",)


def test_rounding_in_a_direction_is_a_cause_that_all_elements_show():
    other = "ieee32exec@round=toward_zero"

    class Rounded(nl.WrappedScalar):
        """A Scalar that claims to round to nearest and rounds products toward zero."""

        def around(self, operation, call, operands, options):
            if operation == "mul":
                return nl.get_scalar(other, "python").mul(*operands)
            return call(*operands, **options)

    run = nl.RunSpec("rounded", Rounded(nl.get_scalar("ieee32exec")), nl.Options())
    (pair,) = nl.crosscheck(TASK, "ieee32exec", run, config=CONFIG, data=DATA).pairs
    found = pair.divergence
    assert found.operation == "mul"
    assert found.assessments[1].causes[0] == "the result is rounded toward_zero"
    assert not any("flipped" in cause for cause in found.assessments[1].causes)


def test_two_runs_as_specified_differ_by_their_arithmetics():
    (pair,) = nl.crosscheck(TASK, "float32", "float64", config=CONFIG, data=DATA).pairs
    assert str(pair.divergence).endswith("both are as specified: the runs use two arithmetics")
    assert pair.divergence.closer == "b"


def test_errors_in_ulps_name_their_format():
    (pair,) = nl.crosscheck(TASK, "bfloat16", "float64", config=CONFIG, data=DATA).pairs
    text = str(pair.divergence)
    assert " ulp of bfloat16 from the exact result" in text
    assert "A as specified, relative error" in text


def test_a_replaced_assessment_keeps_its_verdict():
    found = diverged("flip:operation=tanh,call=0,element=5,bit=12").assessments[1]
    assert replace(found, error=0.0).verdict == found.verdict
