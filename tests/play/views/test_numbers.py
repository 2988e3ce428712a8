"""The view of numbers: cards against numpy and struct, links, and hostile input."""

import re
import struct
from html import unescape
from urllib.parse import parse_qs, quote, urlsplit

import numpy as np
import pytest

from numlean.pages.html import join
from numlean.play.scalars.loading import Chosen, chosen_formats
from numlean.play.views.numbers.compute import compute_card
from numlean.play.views.numbers.query import NumbersQuery
from numlean.play.views.numbers.view import show_numbers


def _card(dtype, **parameters):
    return compute_card(NumbersQuery.of(parameters), Chosen(dtype))


def _float32_bits(value):
    return struct.unpack(">I", struct.pack(">f", value))[0]


def _page(workspace, **parameters):
    shown = show_numbers(parameters, workspace)
    return shown, join(shown.content).text


@pytest.mark.parametrize("value", [0.1, -2.5, 1e-45, 3e38, 0.0, -0.0])
def test_the_code_and_neighbours_of_binary32(value):
    number = _card("float32", x=repr(value)).outcome.number
    assert number.code == _float32_bits(value)
    x = np.float32(value)
    assert number.above.code == _float32_bits(float(np.nextafter(x, np.float32(np.inf))))
    assert number.below.code == _float32_bits(float(np.nextafter(x, np.float32(-np.inf))))


def test_the_code_of_an_expression_in_binary64():
    number = _card("float64", x="0.1 + 0.2").outcome.number
    assert number.code == struct.unpack(">Q", struct.pack(">d", 0.1 + 0.2))[0]
    assert number.value == repr(0.1 + 0.2)


def test_bits_are_those_of_one_dtype_and_converted_to_the_others():
    code = _float32_bits(0.1)
    own = _card("float32", x=hex(code), xb="float32")
    other = _card("binary16", x=hex(code), xb="float32")
    assert own.outcome.number.code == code
    assert other.outcome.number.code == int(np.float16(np.float32(0.1)).view(np.uint16))
    assert other.outcome.flags == ("inexact",)
    exact = float(np.float32(0.1))
    ulps = (float(np.float16(0.1)) - exact) / float(np.spacing(np.float16(0.1)))
    assert other.outcome.error.ulps == pytest.approx(ulps)


def test_a_signalling_nan_given_by_its_bits_stays_one():
    number = _card("float32", x="0x7f800001", xb="float32").outcome.number
    assert (number.code, number.kind) == (0x7F800001, "signalling NaN")


def test_every_bit_links_to_the_number_with_that_bit_flipped(workspace):
    _, text = _page(workspace, x="0.1", **{"in": "float32,posit:8"})
    code = _float32_bits(0.1)
    links = re.findall(r'<a href="([^"]*)" id="bit-0-0-(\d+)"', text)
    assert len(links) == 32
    for address, place in links:
        query = parse_qs(urlsplit(unescape(address)).query)
        assert query["xb"] == ["float32"]
        assert query["in"] == ["float32,posit:8"]
        assert int(query["x"][0], 0) == code ^ 1 << int(place)
    assert len(re.findall('id="bit-1-0-', text)) == 8


@pytest.mark.parametrize("operation", ["add", "sub", "mul", "div"])
def test_an_operation_in_binary16_as_numpy_computes_it(operation):
    x, y = np.float16(1.1), np.float16(-0.3)
    card = _card("binary16", x="1.1", y="-0.3", op=operation)
    numpy = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide}[operation]
    assert card.outcome.number.code == int(numpy(x, y).view(np.uint16))
    assert [each.code for each in card.operands] == [int(a.view(np.uint16)) for a in (x, y)]


def test_an_operation_in_each_direction():
    card = _card("float32", x="1", y="3", op="div")
    found = {each.rounding: each.outcome for each in card.directions}
    low = _float32_bits(np.nextafter(np.float32(1 / 3), np.float32(0)))
    high = _float32_bits(1 / 3)  # to nearest, which is above a third
    assert low + 1 == high
    assert {name: each.number.code for name, each in found.items()} == {
        "ties_to_even": high,
        "toward_zero": low,
        "toward_positive": high,
        "toward_negative": low,
        "ties_to_away": high,
        "to_odd": high,
        "away_from_zero": high,
    }
    assert all(each.flags == ("inexact",) for each in found.values())
    assert found["toward_zero"].error.ulps == pytest.approx(-2 / 3)
    assert card.truth.fraction_text() == "1 / 3"


def test_an_integer_in_each_direction_is_exact():
    card = _card("float32", x="2.5", op="round_to_integral")
    found = {each.rounding: each.outcome for each in card.directions}
    assert {name: each.number.value for name, each in found.items()} == {
        "ties_to_even": "2.0",
        "toward_zero": "2.0",
        "toward_positive": "3.0",
        "toward_negative": "2.0",
        "ties_to_away": "3.0",
        "to_odd": "3.0",
        "away_from_zero": "3.0",
    }
    assert all(each.error.ulps == 0 for each in found.values())


def test_the_sign_of_a_zero_operand_counts():
    assert _card("float32", x="1", y="-0.0", op="div").outcome.error.ulps == 0
    assert _card("float32", x="1", y="-0.0", op="div").truth.decimal() == "-inf"


def test_flags_of_the_processors_arithmetic_are_those_of_the_same_format_in_integers():
    assert _card("float32", x="1/0").outcome.flags == ("divide by zero",)
    assert _card("float64", x="1e308 * 10").outcome.flags == ("overflow", "inexact")
    assert _card("posit:16", x="0.1").outcome.flags is None


def test_a_comparison_is_answered():
    assert _card("float32", x="16777217 == 16777216").answer is True
    assert _card("float64", x="16777217 == 16777216").answer is False


def test_a_policy_stands_for_the_formats_of_its_roles(workspace):
    found = {each.dtype: each.roles for each in chosen_formats("bf16-mixed,e4m3", workspace)}
    assert list(found) == ["float32", "bfloat16", "e4m3"]
    assert "weights" in found["bfloat16"][0]
    assert found["e4m3"] == ()
    (uses,) = chosen_formats("policy:fp8-current", workspace)[0].roles
    assert uses.startswith("fp8-current: parameters, weights")
    assert "sums" in uses


def test_a_file_of_a_policy_is_read_in_the_folder_alone(workspace, tmp_path):
    _, text = _page(workspace, **{"in": "policy:/etc/hostname.toml"})
    assert "is not a file in the folder" in text
    (tmp_path / "own.toml").write_text("nonsense")
    _, text = _page(workspace, **{"in": "policy:own.toml"})
    assert "own.toml" in text
    assert 'class="error"' in text


HOSTILE = "<script>document.title='x'</script>"


@pytest.mark.parametrize("name", ["x", "xb", "in", "op", "y", "<script>"])
def test_hostile_texts_are_shown_as_text(workspace, name):
    _, text = _page(workspace, **{"x": "1", "op": "add", name: HOSTILE})
    assert "<script" not in text


@pytest.mark.parametrize(
    "parameters",
    [
        {"x": "1" * 2001},
        {"x": "(" * 900 + "1" + ")" * 900},
        {"x": "-" * 1900 + "1"},
        {"x": "exp(exp(exp(exp(9))))", "in": "float32,mp:1024"},
        {"x": "9 ** 9 ** 9 ** 9", "in": "float64,mp:1024"},
        {"x": "sin(1e99999999999)", "in": "float64,mp:1024"},
        {"x": "1", "in": "mp:100000,ieee:e99m99,posit:99,nonsense"},
        {"x": "1", "in": ",".join(f"mp:{k}" for k in range(2, 40))},
        {"x": "1", "in": "(((("},
        {"x": "0x" + "f" * 999, "xb": "float32"},
        {"x": "_0x1", "xb": "float32"},
        {"x": "1.5", "xb": "float32"},
        {"x": "0x1", "xb": "mp:50"},
        {"x": "0x1", "xb": "nonsense"},
        {"x": "1", "op": "nonsense"},
        {"x": "1", "op": "add", "y": ""},
        {"x": "1", "op": "add", "y": "1 < 2"},
        {"x": "\0\ud800", "in": "float32"},
    ],
    ids=lambda parameters: str(parameters)[:40],
)
def test_what_cannot_be_shown_is_a_message_in_its_place(workspace, parameters):
    shown, text = _page(workspace, **parameters)
    for message in re.findall(r'class="error"[^>]*>([^<]*)<', text):
        assert message
        assert "\n" not in message
        assert "Traceback" not in message
    assert 'id="result"' in text
    assert shown.address.startswith("/numbers?")


def test_an_address_shows_the_same_again(workspace):
    first, text = _page(workspace, x="0x3f", xb="e4m3", op="fma", y="a+b", z="1", **{"in": "e4m3"})
    query = {k: v[0] for k, v in parse_qs(urlsplit(first.address).query).items()}
    again, same = _page(workspace, **query)
    assert (again.address, same) == (first.address, text)
    assert quote("a+b", safe="") in first.address
