"""Scalars as a notebook shows them."""

import re

import pytest

import numlean as nl
from numlean.scalar.registry import get_scalar


def _rows(html):
    cells = re.findall(r"<th scope=\"row\">(.*?)</th><td>(.*?)</td>", html)
    return {name: re.sub(r"<[^>]*>", "", cell) for name, cell in cells}


def _colours(html):
    return re.findall(r'<span style="color: (#\w+)">([01]+)</span>', html)


def test_the_fields_range_and_precision_of_a_format():
    html = get_scalar("bfloat16")._repr_html_()
    rows = _rows(html)
    assert "<caption>bfloat16</caption>" in html
    assert rows["bits"] == "16"
    assert rows["code of 1"].startswith("0 01111111 0000000 ")
    assert rows["code of 1"].endswith("(1 sign, 8 exponent, 7 fraction)")
    assert rows["positive numbers"] == "9.18355e-41 to 3.38953e+38"
    assert rows["precision"] == "8 bits at most"
    assert len({colour for colour, _ in _colours(html)}) == 3


@pytest.mark.parametrize(
    ("dtype", "fields"),
    [
        ("posit:8", ["0", "10", "00", "000"]),
        ("fixed:4.4", ["0", "001", "0000"]),
        ("e8m0", ["01111111"]),
    ],
)
def test_the_fields_of_other_codes(dtype, fields):
    assert [bits for _, bits in _colours(get_scalar(dtype)._repr_html_())] == fields


def test_numbers_without_codes_have_no_bits():
    rows = _rows(get_scalar("mp:100")._repr_html_())
    assert "bits" not in rows
    assert rows["positive numbers"] == "unbounded exponents"
    assert rows["precision"] == "100 bits at most"


def test_what_is_shown_changes_no_random_stream_and_no_count():
    scalar = get_scalar("e4m3@round=stochastic")
    untouched, shown = scalar.with_reset_stream(), scalar.with_reset_stream()
    assert "stochastic" in shown._repr_html_()
    drawn = [each.to_bits(each.from_float([0.3] * 50)).tolist() for each in (untouched, shown)]
    assert drawn[0] == drawn[1]


def test_a_wrapper_shows_the_numbers_and_its_hook_is_not_called():
    class Refusing(nl.WrappedScalar):
        def around(self, operation, call, operands, options):
            raise AssertionError(operation)

    wrapper = Refusing(get_scalar("float32"))
    assert _rows(wrapper._repr_html_())["bits"] == "32"
