"""Files of test vectors of matrix units."""

import json

import numpy as np
import pytest

import numlean as nl
from numlean.analysis.matrix_units.encodings import from_binary32, to_binary32
from numlean.analysis.matrix_units.vectors import read_vectors, write_vectors
from numlean.data.size_limit import max_size
from numlean.errors import DataError, NumleanError
from numlean_kernels.formats import BFLOAT16, BINARY16, E4M3, E5M2
from numlean_kernels.matrix_units.chips import OPERANDS

COMPARED = ("A100:fp16->fp16", "H100:fp16->fp16")


def rows(vectors):
    return [
        (name, vectors.a[k, :n].tolist(), vectors.b[k, :n].tolist(), int(vectors.c[k]))
        for k, (name, n) in enumerate(zip(vectors.names, vectors.lengths, strict=True))
    ]


def test_json_lines_keep_every_vector_and_answer(tmp_path):
    vectors = nl.compare_units("Ada:e4m3", "H100:e4m3:wgmma").vectors()
    path = tmp_path / "v.jsonl"
    write_vectors(path, vectors)
    again = read_vectors(str(path))
    assert rows(again) == rows(vectors)
    assert (again.operands, again.output, again.instruction) == ("e4m3", "fp32", "")
    assert {k: v.tolist() for k, v in again.answers.items()} == {
        k: v.tolist() for k, v in vectors.answers.items()
    }
    first = json.loads(path.read_text().splitlines()[1])
    assert first["c"] == "0x00000000"
    assert len(first["a"][0]) == 4


def test_the_instruction_that_both_units_name_is_that_of_the_file():
    assert nl.compare_units("B200:e4m3:mma", "H100:e4m3:mma,k_block=8").first.name
    vectors = nl.compare_units("B200:bf16", "B200:bf16,model=mma").vectors()
    assert vectors.instruction == ""


def test_an_archive_has_the_arrays_of_measured_outputs(tmp_path):
    vectors = nl.compare_units(*COMPARED).vectors()
    path = tmp_path / "v.npz"
    write_vectors(path, vectors)
    with np.load(path) as arrays:
        assert set(arrays) == {"a", "b", "c", "about"}
        values = arrays["a"].view(np.float32)
    assert (values == vectors.a.astype(np.uint16).view(np.float16)).all()
    again = read_vectors(str(path))
    assert (again.a == vectors.a).all()
    assert (again.c == vectors.c).all()
    assert (again.operands, again.output) == ("fp16", "fp16")


def test_answers_of_a_unit_can_be_added_if_its_formats_fit():
    vectors = nl.compare_units(*COMPARED).vectors()
    with pytest.raises(NumleanError, match="fp16 operands and fp16 results, but A100:bf16 has"):
        vectors.with_answers(nl.get_matrix_unit("A100:bf16"))


HEADER = {
    "kind": "matrix unit vectors",
    "version": 1,
    "operands": "fp16",
    "output": "fp32",
    "instruction": "",
}
LINE = {"name": "x", "a": ["0x3c00"], "b": ["0x3c00"], "c": "0x00000000", "answers": {}}


@pytest.mark.parametrize(
    ("header", "line", "message"),
    [
        ({"kind": "else"}, {}, "line 1: expected kind 'matrix unit vectors' and version 1"),
        ({"version": 2}, {}, "version 1, got 'matrix unit vectors' and 2"),
        ({"operands": "fp15"}, {}, "unknown operand format 'fp15'"),
        ({"output": "fp8"}, {}, "unknown output format 'fp8'"),
        ({}, {"a": ["0x3c00", "0x0"]}, "line 2: a and b must have equal lengths"),
        ({}, {"a": [], "b": []}, "got 0 and 0"),
        ({}, {"a": ["0x13c00"]}, "expected an encoding of binary16 such as 0x3c00, got '0x13c00'"),
        ({}, {"c": "1.0"}, "expected an encoding of binary32 such as 0x3f800000, got '1.0'"),
        ({}, {"c": 0}, "line 2.c: expected str, got 0"),
        ({}, {"d": ""}, "line 2: unknown field 'd'"),
    ],
)
def test_a_wrong_line_is_an_error_that_names_it(header, line, message, tmp_path):
    path = tmp_path / "v.jsonl"
    path.write_text("\n".join(map(json.dumps, (HEADER | header, LINE | line))))
    with pytest.raises(NumleanError) as error:
        read_vectors(str(path))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_answers_of_other_units_on_a_later_line_are_an_error(tmp_path):
    path = tmp_path / "v.jsonl"
    lines = [HEADER, LINE | {"answers": {"A100:fp16": "0x0"}}, LINE]
    path.write_text("\n".join(map(json.dumps, lines)))
    with pytest.raises(DataError, match="line 3: the answers are of other units than those of"):
        read_vectors(str(path))
    path.write_text("")
    with pytest.raises(DataError, match="no test vectors"):
        read_vectors(str(path))


def test_operands_that_would_need_too_much_memory_are_refused(tmp_path):
    path = tmp_path / "v.jsonl"
    long = LINE | {"a": ["0x0"] * 5000, "b": ["0x0"] * 5000}
    path.write_text("\n".join(map(json.dumps, (HEADER, long, *[LINE] * 500))))
    with max_size(10**7), pytest.raises(DataError, match=r"padded to k = 5000"):
        read_vectors(str(path))
    assert read_vectors(str(path)).a.shape == (501, 5000)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": np.zeros((1, 2), np.uint32)}, "no array 'b'"),
        (dict.fromkeys("abc", np.zeros((1, 2), np.uint32)), "c the shape"),
        (dict.fromkeys("abc", np.zeros((1, 2))), "binary32 encodings \\(uint32\\), got float64"),
        (
            {"a": np.full((1, 1), 0x3F800001, np.uint32), "b": np.zeros((1, 1), np.uint32)}
            | {"c": np.zeros(1, np.uint32)},
            r"a\[0, 0\] is the binary32 encoding 0x3f800001, whose value binary16 does not have",
        ),
    ],
)
def test_a_wrong_archive_is_an_error_that_names_the_array(arrays, message, tmp_path):
    path = tmp_path / "v.npz"
    np.savez(path, **arrays)
    with pytest.raises(NumleanError, match=message):
        read_vectors(str(path), operands="fp16", output="fp32")


def test_an_archive_without_formats_needs_them(tmp_path):
    path = tmp_path / "v.npz"
    np.savez(path, a=np.zeros((1, 1), np.uint32), b=np.zeros((1, 1), np.uint32), c=np.uint32([0]))
    with pytest.raises(DataError, match="does not name the formats of its vectors; name a unit"):
        read_vectors(str(path))


@pytest.mark.parametrize("format", [BINARY16, BFLOAT16, E4M3, E5M2, OPERANDS["e4m3fnuz"].format])
def test_values_in_binary32_are_those_of_ml_dtypes_and_come_back(format):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    names = {BINARY16: "float16", BFLOAT16: "bfloat16", E4M3: "float8_e4m3fn", E5M2: "float8_e5m2"}
    name = names.get(format, "float8_e4m3fnuz")
    dtype = np.dtype(np.float16) if name == "float16" else np.dtype(getattr(ml_dtypes, name))
    codes = np.arange(1 << format.width, dtype=np.uint32)
    with np.errstate(all="ignore"):
        values = codes.astype(f"u{format.width // 8}").view(dtype).astype(np.float32)
    words = to_binary32(format, codes)
    numbers = ~np.isnan(values)
    assert (words[numbers] == values.view(np.uint32)[numbers]).all()
    assert np.isnan(words[~numbers].view(np.float32)).all()
    again = from_binary32(format, words, "x")
    assert (again[numbers] == codes[numbers]).all()
    assert (again[~numbers] == format.default_nan).all()
