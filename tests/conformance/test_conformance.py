"""The conformance suite on every Scalar, and on Scalars with a fault that it must find."""

import re

import numpy as np
import pytest

from faulty_scalar import Faulty
from numlean import get_scalar
from numlean.testing import CHECKS, check_scalar, reference_of
from numlean.testing.conformance import NotApplicableError, Subject


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name.replace(" ", "_"))
def test_a_scalar_keeps_the_promise(scalar, check):
    try:
        check.run(Subject(scalar, reference_of(scalar)))
    except NotApplicableError as reason:
        pytest.skip(str(reason))


def test_a_scalar_is_unavailable_for_a_reason(unavailable):
    pytest.skip(unavailable)


def broken_promises(**replaced):
    report = check_scalar(Faulty("float32", **replaced))
    return {re.split(":", failure.check)[0] for failure in report.failures}


def test_a_scalar_without_a_fault_breaks_no_promise():
    report = check_scalar(Faulty("float32"))
    assert report.failures == ()
    assert len(report.passed) + len(report.not_applicable) == len(CHECKS)
    assert "0 broken" in str(report)


S = get_scalar("float32", "python")


@pytest.mark.parametrize(
    ("replaced", "promise"),
    [
        ({"fma": lambda x, y, z: S.add(S.mul(x, y), z)}, "fma rounds the product and sum once"),
        (
            {"sum": lambda x, *a, **k: S.sum(x, *a, **{**k, "reduction": "ordered"})},
            "sums of every",
        ),
        ({"sqrt": lambda x: S.next_up(S.sqrt(x))}, "square roots are the exact roots"),
        (
            {"exact_product": lambda left, a, right, b: S.matmul(a, b, contraction="fma")},
            "an exact product rounds each sum",
        ),
        (
            {"unit_product": lambda *x, unit: S.unit_product(*x[:4], unit=unit)},
            "a unit product is the chain",
        ),
        ({"lt": lambda x, y: S.le(x, y)}, "comparisons are those of the exact values"),
        ({"to_float": lambda x: S.to_float(x).astype(np.float16).astype(float)}, "floats come out"),
        ({"neg": lambda x: x}, "results share no memory with arguments"),
        ({"minimum": lambda x, y: S.min_num(x, y)}, "extrema order zeros by sign"),
        ({"to_string": lambda x: [f"{v:.5g}" for v in S.to_float(x)]}, "texts are rounded once"),
    ],
)
def test_a_fault_breaks_the_promise_it_should(replaced, promise):
    assert any(name.startswith(promise) for name in broken_promises(**replaced))
