"""``numlean verify matrix-unit``: random dot products, recorded results, layouts and errors."""

import numpy as np
import pytest

import numlean as nl
from numlean.cli.main import main
from numlean.verification.matrix_units import comparing

INFINITY, NAN = 0x7F800000, 0x7FFFFFFF


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def verify(capsys, *words):
    """Return the status, what is printed, and the message of an error."""
    status = main(["verify", "matrix-unit", *words, "--device", "python"])
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def widened(codes):
    return codes.astype(np.uint16).view(np.float16).astype(np.float32)


def finite_dots(name, n=40):
    """Return finite binary16 operands with small exponents, accumulators and results of a unit."""
    unit = nl.get_matrix_unit(name)
    rng = np.random.default_rng(0)
    k = unit.unit.rule.instruction
    a, b = rng.standard_normal((2, n, k)).astype(np.float16).view(np.uint16)
    c = rng.standard_normal(n).astype(np.float32)
    d = unit.dot(a, b, c.view(np.uint32), device="python")
    return a, b, c, d


def test_random_dot_products_are_equal_to_the_reference(capsys):
    status, out, _ = verify(capsys, "V100:fp16", "A100:bf16", "--random", "60", "--seed", "4")
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()] == ["V100:fp16", "A100:bf16"]
    assert all(
        "60            0 mismatches" in " ".join(line.split(" ")) for line in out.splitlines()
    )


def test_units_with_scales_are_tried_by_name_and_their_scales_shown(capsys, monkeypatch):
    name = "B200:e2m1:mxf4nvf4-e4m3x16"
    status, out, _ = verify(capsys, name, "--random", "20")
    assert status == 0
    assert "0 mismatches" in out
    right = comparing.scaled_dots_in_batches
    monkeypatch.setattr(comparing, right.__name__, lambda *given: right(*given) ^ 1)
    status, out, _ = verify(capsys, name, "--random", "2")
    assert status == 1
    assert "scales of a" in out
    assert "scales of b" in out
    status, _, err = verify(capsys, name, "--against", "x.npz")
    assert status == 2
    assert "--against takes no units with scales" in err


def test_recorded_results_are_read_in_every_layout(capsys):
    a, b, c, d = finite_dots("V100:fp16")
    c_bits = c.view(np.uint32)
    layouts = {
        "encodings": {"a": a, "b": b, "c": c_bits, "d_fp32": d},
        "signed": {"a": a.view(np.int16), "b": b, "c": c_bits.view(np.int32), "d": d},
        "binary32": {
            "a": widened(a).view(np.uint32),
            "b": widened(b).view(np.uint32),
            "c": c_bits,
            "d_fp32": d,
        },
        "floats": {"A": a.view(np.float16), "B": widened(b), "C": c, "D": d.view(np.float32)},
        "doubles": {"a": widened(a).astype(float), "b": b, "c": c.astype(float), "d": d},
        "columns": {"a": a, "b": b, "c": c[:, np.newaxis], "d": d[:, np.newaxis]},
        "big_endian": {"a": a.astype(">u2"), "b": b, "c": c.astype(">f4"), "d": d.astype(">u4")},
    }
    for name, arrays in layouts.items():
        np.savez(name, **arrays)
        status, out, err = verify(capsys, "V100:fp16", "--against", f"{name}.npz")
        assert (status, err) == (0, ""), name
        assert " 40            0 mismatches" in out


def test_matrices_are_products_of_all_rows_and_columns(capsys):
    unit = nl.get_matrix_unit("V100:fp16")
    a, b, _, _ = finite_dots("V100:fp16", 6)
    c = np.zeros((6, 5), np.float32)
    d = unit.matmul(a, b[:5].T, device="python")
    np.savez("x", a=a, b=b[:5].T, d=d)
    np.savez("c", a=a, b=b[:5].T, d=d, c=c)
    for name in "xc":
        status, out, _ = verify(capsys, "V100:fp16", "--against", f"{name}.npz")
        assert status == 0
        assert " 30            0 mismatches" in out


def test_a_binary16_accumulator_may_be_written_as_binary32_and_is_rounded(capsys):
    unit = nl.get_matrix_unit("V100:fp16->fp16")
    a, b, c, _ = finite_dots("V100:fp16")
    d = unit.dot(a, b, c.astype(np.float16).view(np.uint16), device="python")
    np.savez("x", a=a, b=b, c=c, d_fp16=widened(d).view(np.uint32))
    assert verify(capsys, "V100:fp16->fp16", "--against", "x.npz")[0] == 0


def test_a_mismatch_is_shown_in_hexadecimal_with_status_1(capsys):
    a, b, c, d = finite_dots("V100:fp16", 8)
    d[3] ^= 1
    np.savez("x", a=a, b=b, c=c, d=d)
    status, out, _ = verify(capsys, "V100:fp16", "--against", "x.npz")
    assert status == 1
    assert " 8              1 mismatch " in out
    assert "V100:fp16: dot product 3 differs" in out
    assert " ".join(f"{x:04x}" for x in a[3].tolist()) in out
    assert f"expected  {d[3]:#010x}" in out
    assert f"actual    {d[3] ^ 1:#010x}" in out


def test_results_that_fit_only_an_accumulator_of_zero_are_reported_as_such(capsys):
    a, b, c, _ = finite_dots("V100:fp16", 8)
    d = nl.get_matrix_unit("V100:fp16").dot(a, b, np.zeros(8, np.uint32), device="python")
    np.savez("x", a=a, b=b, c=c, d=d)
    status, out, _ = verify(capsys, "V100:fp16", "--against", "x.npz")
    assert status == 0
    assert "with the file's c, 8 of 8 results differ; with c = 0, none does" in out
    assert "d, c = 0" in out
    assert verify(capsys, "V100:fp16", "--against", "x.npz", "--c", "zero")[0] == 0
    assert verify(capsys, "V100:fp16", "--against", "x.npz", "--c", "file")[0] == 1


def test_nans_are_compared_by_bits_only_where_their_bits_were_recorded(capsys):
    a = np.full((2, 4), 0x7E00, np.uint16)
    zeros = np.zeros(2, np.uint32)
    np.savez("same", a=a, b=a, c=zeros, d=np.full(2, NAN, np.uint32))
    np.savez("other", a=a, b=a, c=zeros, d=np.full(2, INFINITY | 1 << 22, np.uint32))
    np.savez("floats", a=a, b=a, c=zeros, d=np.full(2, np.nan))
    assert verify(capsys, "V100:fp16", "--against", "same.npz")[0] == 0
    status, out, _ = verify(capsys, "V100:fp16", "--against", "other.npz")
    assert status == 1
    assert "2 of them are NaNs of other bits" in out
    assert verify(capsys, "V100:fp16", "--against", "floats.npz")[0] == 0


ROW = np.zeros((2, 4), np.uint16)
RESULT = np.zeros(2, np.uint32)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": ROW, "d": RESULT}, "needs one array b, found none"),
        ({"a": ROW, "A": ROW, "b": ROW, "d": RESULT}, "needs one array a, found a and A"),
        ({"a": ROW, "b": ROW, "d_fp16": RESULT}, "has neither d_fp32 nor d"),
        ({"a": ROW, "b": ROW[:1], "d": RESULT}, "must have the shape"),
        ({"a": ROW, "b": ROW, "d": RESULT[:1]}, "must have the shape"),
        ({"a": ROW, "b": ROW, "d": RESULT, "c": np.zeros(3)}, "c has shape (3,)"),
        ({"a": ROW + 0.1, "b": ROW, "d": RESULT}, "0.1 at element 0 is not a number of binary16"),
        ({"a": ROW.astype(np.uint8), "b": ROW, "d": RESULT}, "a: must hold encodings of binary16"),
        ({"a": ROW.astype(str), "b": ROW, "d": RESULT}, "a: must hold encodings of binary16"),
        ({"a": ROW.astype(object), "b": ROW, "d": RESULT}, "pickled Python objects"),
        ({"a": np.zeros((0, 4)), "b": np.zeros((0, 4)), "d": np.zeros(0)}, "has no dot product"),
    ],
)
def test_a_file_of_another_layout_is_refused_in_one_line(arrays, message, capsys):
    np.savez("x", **arrays)
    status, _, err = verify(capsys, "V100:fp16", "--against", "x.npz")
    assert (status, err.count("\n")) == (2, 1)
    assert message in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("H100",), "is not the name of a matrix unit"),
        (("--against", "x.npz"), "--against needs the NAME"),
        (("A100:fp16", "--random", "0"), "--random must be between 1 and"),
        (("A100:fp16", "--seed", "-1"), "--seed must be between 0 and"),
        (("A100:fp16", "--jobs", "0"), "--jobs must be between 1 and"),
        (("A100:fp16", "--c", "zero"), "--c is for --against FILE"),
        (("A100:fp16", "--against", "none.npz"), "none.npz: "),
        (("A100:fp16", "--against", "text.npz"), "text.npz: not an array of a numpy archive"),
    ],
)
def test_wrong_use_is_refused_in_one_line(words, message, folder, capsys):
    (folder / "text.npz").write_text("a,b\n")
    status, _, err = verify(capsys, *words)
    assert (status, err.count("\n")) == (2, 1)
    assert message in err


def test_an_encoding_that_a_format_does_not_have_is_refused(capsys):
    row = np.full((1, 32), 0x17, np.uint8)
    np.savez("x", a=row, b=row & 0xF, d=np.zeros(1, np.uint32))
    status, _, err = verify(capsys, "B200:e2m1", "--against", "x.npz")
    assert status == 2
    assert "0x17 at element 0 is not an encoding of e2m1, which has 4 bits" in err
