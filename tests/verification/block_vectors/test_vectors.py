"""Test vectors of block formats: deterministic, read as hostile, different where they differ."""

import hashlib
import json
from dataclasses import replace

import pytest

from numlean.cli.main import main
from numlean.errors import DataError
from numlean.precision.blocks import get_block_format
from numlean.testing import blocks as reference
from numlean.verification.block_vectors import (
    Vector,
    check_vectors,
    make_vectors,
    read_vectors,
    vectors_text,
)

SMALL = "block:e2m1/e8m0,size=4"


def vectors(name: str = SMALL, **options: str) -> list[Vector]:
    return list(make_vectors(get_block_format(name, device="python", **options)))


def sealed(body: str) -> bytes:
    """Return a file of lines with the digest that they need."""
    digest = hashlib.sha256(body.encode()).hexdigest()
    last = json.dumps({"lines": body.count("\n"), "sha256": digest})
    return f"{body}{last}\n".encode()


@pytest.mark.parametrize("preset", ["ocp", "torchao", "transformer_engine", "microxcaling"])
def test_vectors_are_those_of_exact_rationals(preset: str) -> None:
    for rule in ("floor", "rceil"):
        made = vectors(preset=preset, scale_rule=rule)
        rounding = "ties_to_away" if preset == "microxcaling" else "ties_to_even"
        elements = reference.ELEMENTS["e2m1"]
        for each in made:
            expected = reference.power_block(rule, preset, rounding, elements, each.input)
            assert (each.scale, list(each.elements)) == expected


@pytest.mark.parametrize("preset", ["exact", "transformer_engine"])
def test_vectors_of_two_levels_are_those_of_the_reference(preset: str) -> None:
    made = vectors("nvfp4", preset=preset)
    tensor = [each for each in made if each.tensor_amax == made[0].tensor_amax]
    whole = reference.nvfp4(preset, [each.input for each in tensor])
    assert [each.scale for each in tensor] == whole.scales
    assert [list(each.elements) for each in tensor] == whole.elements


def test_a_file_is_read_back_and_agrees_with_itself() -> None:
    made = vectors()
    text = vectors_text(made)
    assert text == vectors_text(vectors())
    assert read_vectors(text.encode(), "v") == made
    assert list(check_vectors(made, "v")) == []


def test_a_changed_element_is_named_with_the_boundary_next_to_it() -> None:
    made = vectors()
    place = next(k for k, each in enumerate(made) if each.input[2] == 0xBE800000)
    codes = list(made[place].elements)
    codes[2] ^= 1
    made[place] = replace(made[place], elements=tuple(codes))
    (difference,) = check_vectors(made, "v")
    assert (difference.line, difference.what) == (place + 1, "element 2")
    assert "exact quotient -0.25 is at the boundary 0.25 between 0.0 and 0.5" in str(difference)


def test_a_changed_scale_is_named_and_elements_of_a_nan_block_are_not_compared() -> None:
    made = vectors()
    nan = next(each for each in made if each.scale == 255)
    irrelevant = replace(nan, elements=tuple(code ^ 3 for code in nan.elements))
    changed = replace(made[0], scale=made[0].scale + 1)
    (difference,) = check_vectors([irrelevant, changed], "v")
    assert (difference.line, difference.what) == (2, "scale")
    assert "greatest magnitude is 40c00000 (6.0)" in str(difference)


def test_a_changed_scale_of_two_levels_is_explained_by_its_quotient() -> None:
    made = vectors("block:e2m1/e4m3,size=4")
    place = next(k for k, each in enumerate(made) if each.scale == 0x38)
    (difference,) = check_vectors([replace(made[place], scale=0x39)], "v")
    assert difference.what == "scale"
    assert "exact quotient over 6.0 times the tensor's scale" in str(difference)
    assert "between 1.0 and 1.125" in str(difference) or "between 0.9375 and 1.0" in str(difference)
    zeros = replace(made[place], input=(0,) * 4)
    lower = [replace(each, tensor_amax=1) for each in (zeros, made[place])]
    with pytest.raises(DataError, match=r"line 2: tensor_amax is .* greatest magnitude of the"):
        list(check_vectors(lower, "v"))


LINE = vectors()[0].line


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "v is empty"),
        (b"{}\n", 'no digest; if the file is whole, end it with {"lines": 1'),
        (LINE.encode(), "no digest; if the file is whole, end it with"),
        (sealed(""), "has no vectors"),
        (sealed(LINE + "\n").replace(b"\n", b"\r\n"), "end lines with LF alone"),
        (sealed(LINE + "\n").replace(b'"lines": 1', b'"lines": true'), "that says True"),
        (b"nonsense\n", "line 1: not valid JSON"),
        (vectors_text(vectors()[:3]).encode()[-80:], "cut off|not valid JSON"),
        (vectors_text(vectors()[:3]).replace("40c", "40d", 1).encode(), "was the file changed"),
        (sealed("[1]\n"), "a line is a JSON object"),
        (sealed(LINE.replace('"rule"', '"role"') + "\n"), "has no 'rule'"),
        (sealed(LINE.replace('"floor"', "3") + "\n"), "rule is a text or null"),
        (sealed(LINE.replace("40c00000", "40c00000000") + "\n"), "at most 8 digits"),
        (sealed(LINE.replace("40c00000", "4_c00000") + "\n"), "at most 8 digits"),
        (sealed(LINE.replace("40c00000", "xyz") + "\n"), "not hexadecimal"),
    ],
)
def test_a_file_that_is_none_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_vectors(content, "v")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"floor"', '"flor"', "line 1: unknown scale_rule 'flor'"),
        ("size=4", "size=5", "has blocks of 5 numbers, got 4"),
        ("e2m1", "float64", "floats of at most 8 bits"),
        ("size=4", "size=4,rounding=stochastic", "rounds at random"),
        ('"scale"', '"tensor_amax":"3f800000","scale"', "has no tensor_amax"),
    ],
)
def test_a_format_that_is_none_is_refused(old: str, new: str, message: str) -> None:
    (vector,) = read_vectors(sealed(LINE.replace(old, new) + "\n"), "v")
    with pytest.raises(DataError, match=message):
        list(check_vectors([vector], "v"))


def test_the_command_writes_and_checks(tmp_path, capsys) -> None:
    path = str(tmp_path / "v.jsonl")
    assert main(["vectors", SMALL, "--rule", "rceil", "-o", path]) == 0
    assert main(["vectors", "--check", path]) == 0
    assert "0 different" in capsys.readouterr().out
    made = read_vectors((tmp_path / "v.jsonl").read_bytes(), "v")
    made[3] = replace(made[3], scale=made[3].scale ^ 1)
    (tmp_path / "v.jsonl").write_text(vectors_text(made))
    assert main(["vectors", "--check", path]) == 1
    assert "line 4: scale is" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("vectors", "give a FORMAT"),
        ("vectors mxfp4 --check f", "leave format out"),
        ("vectors mxfp4,rounding=stochastic", "rounds at random"),
        ("vectors --check missing.jsonl", "missing.jsonl: no such file"),
        ("vectors mxfp4 --rule flor", "did you mean 'floor'"),
    ],
)
def test_wrong_use_is_one_line(line: str, message: str, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(line.split()) == 2
    error = capsys.readouterr().err
    assert message.lower() in error.lower()
    assert error.count("\n") == 1
