"""Plain data for JSON, and documents read through types."""

from __future__ import annotations

import json
import sys
import tracemalloc
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypedDict

import pytest

from numlean.errors import DocumentError
from numlean.json_lines import (
    BYTES_PER_VALUE,
    MAX_DEPTH,
    json_line,
    memory_of_json,
    nonfinite_to_null,
    parse_json,
    read_document,
)


class Pair(NamedTuple):
    a: str
    b: str


class Counts(TypedDict):
    one: int
    two: int


@dataclass(frozen=True)
class Inner:
    kind: Literal["a", "b"]
    shape: tuple[int, ...] = ()


@dataclass(frozen=True)
class Other:
    path: str


@dataclass(frozen=True)
class Outer:
    name: str
    rate: float | None
    inner: Inner
    counts: Counts
    pairs: tuple[Pair, ...] = ()
    choice: Inner | Other | None = None
    groups: dict[str, list[int]] = field(default_factory=dict)
    anything: Any = None


PLAIN = {
    "name": "x",
    "rate": 1,
    "inner": {"kind": "a", "shape": [2, 3]},
    "counts": {"one": 1, "two": 2},
    "pairs": [["p", "q"]],
    "choice": {"path": "f"},
    "groups": {"g": [1, 2]},
    "anything": [{}],
}


def test_a_document_becomes_a_dataclass_with_the_declared_types():
    found = read_document(Outer, PLAIN, "document")
    assert found.inner == Inner("a", (2, 3))
    assert (found.rate, type(found.rate)) == (1.0, float)
    assert found.counts == {"one": 1, "two": 2}
    assert found.pairs == (Pair("p", "q"),)
    assert found.choice == Other("f")
    assert (found.groups, found.anything) == ({"g": [1, 2]}, [{}])
    least = {k: PLAIN[k] for k in ("name", "rate", "inner", "counts")}
    assert read_document(Outer, least, "document").choice is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": 1}, "document.name: expected str, got 1"),
        ({"rate": True}, "document.rate: expected float, got True"),
        ({"rate": 10**400}, "document.rate: expected float, got 1000"),
        ({"rate": "1"}, "document.rate: expected float, got '1'"),
        ({"inner": 5}, "document.inner: expected an object, got 5"),
        ({"inner": {"kind": "c"}}, "document.inner.kind: expected 'a' or 'b', got 'c'"),
        ({"inner": {"kind": []}}, "document.inner.kind: expected 'a' or 'b', got []"),
        ({"inner": {}}, "document.inner: the field 'kind' is missing"),
        (
            {"inner": {"kind": "a", "shape": [1.0]}},
            "document.inner.shape[0]: expected int, got 1.0",
        ),
        ({"counts": {"one": 1}}, "document.counts: the field 'two' is missing"),
        ({"pairs": [["p"]]}, "document.pairs[0]: expected a list of a, b, got ['p']"),
        ({"pairs": [["p", 1]]}, "document.pairs[0].b: expected str, got 1"),
        ({"groups": {"g": 1}}, "document.groups.g: expected list[int], got 1"),
        ({"groups": {"a\nb": 1}}, "document.groups.'a\\nb': expected list[int], got 1"),
        ({"groups": []}, "document.groups: expected dict[str, list[int]], got []"),
        ({"choice": 3}, "document.choice: expected an object, got 3"),
        ({"more": 3}, "document: unknown field 'more'"),
    ],
)
def test_a_field_of_another_type_is_named_in_one_line(change, message):
    with pytest.raises(DocumentError) as caught:
        read_document(Outer, PLAIN | change, "document")
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def nested(depth):
    return "[" * depth + "]" * depth


def test_json_is_read_as_it_was_written():
    text = '{"a": [1, 2.5, -1e300, null, true], "b": {"a": "\\ud83d\\ude00"}}'
    assert parse_json(text, "document") == {"a": [1, 2.5, -1e300, None, True], "b": {"a": "😀"}}
    parse_json(nested(MAX_DEPTH), "document")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": 1, "b": 2, "a": 1}', "the field 'a' occurs twice"),
        ('[{"x": {"y": 1, "y": 2}}]', "the field 'y' occurs twice"),
        ("[NaN]", "expected a finite number, got NaN"),
        ("[-Infinity]", "expected a finite number, got -Infinity"),
        ("[1e999]", "expected a finite number, got 1e999"),
        ('{"a": 1', "not valid JSON, or truncated"),
        ("1" * 5000, "expected integers of at most 1000 digits, got one of 5000"),
        ('["\\ud800"]', "'\\ud800' contains half of a surrogate pair"),
        ('{"a\\udfff": 1}', "'a\\udfff' contains half of a surrogate pair"),
        (b"\xff\xff", "not valid JSON"),
        (nested(MAX_DEPTH + 2), f"more than {MAX_DEPTH} nested"),
        (nested(100_000), "not valid JSON"),
    ],
)
def test_json_that_readers_could_understand_differently_is_refused(text, words):
    with pytest.raises(DocumentError) as caught:
        parse_json(text, "document")
    assert str(caught.value).startswith(f"document: {words}")


def test_the_memory_of_a_document_is_bounded_before_it_is_parsed():
    for text in (b"[" + b"1," * 9 + b"1]", b"[[],[],[],[],[]]", b'[{"a":1},{"a":1}]', b"\n" * 5):
        assert memory_of_json(text) > BYTES_PER_VALUE * 4
    values = "[" + "[]," * 9999 + "[]]"
    tracemalloc.start()
    kept = parse_json(values, "document")
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(kept) == 10_000
    assert size < memory_of_json(values.encode())


@pytest.mark.parametrize("character", ["a", "é", "数", "\U0001f600"])
@pytest.mark.parametrize("escaped", [False, True])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-32"])
def test_the_memory_of_a_text_is_bounded_whatever_its_widest_character(
    character, escaped, encoding
):
    text = json.dumps(["x" * 50_000 + character], ensure_ascii=escaped).encode(encoding)
    size = sum(sys.getsizeof(each) for each in parse_json(text, "document"))
    assert size <= memory_of_json(text) <= 4 * len(text) + 2 * BYTES_PER_VALUE


def test_the_field_that_occurs_twice_is_found_among_many():
    fields = ", ".join(f'"f{k}": {k}' for k in range(100_000))
    with pytest.raises(DocumentError, match="the field 'f99999' occurs twice"):
        parse_json("{" + fields + ', "f99999": 0}', "document")


def test_floats_that_are_not_finite_become_null():
    assert nonfinite_to_null({"a": (1.5, float("inf")), "b": float("nan")}) == {
        "a": [1.5, None],
        "b": None,
    }
    assert json_line({"loss": float("-inf"), "step": 1}) == '{"loss": null, "step": 1}'
