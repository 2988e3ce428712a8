"""The commands that compare matrix units and record real ones."""

import json

import numpy as np
import pytest

import numlean as nl
from numlean.analysis.matrix_units import read_vectors
from numlean.cli.main import main
from numlean.verification import tensor_core
from warp_model import ModelGpu

UNITS = ["H100:bf16", "H100:bf16,model=mma"]


def exact_unit(name):
    """Return the matrix product of a unit, as a model of a GPU needs it."""
    unit = nl.get_matrix_unit(name)

    def matmul(kind, out, a, b, c):
        # All rows and all columns are equal.
        d = int(unit.dot(a[0], b[:, 0], c[0, 0], device="python"))
        return np.full(c.shape, d)

    return matmul


def test_units_are_compared_and_their_vectors_written(tmp_path, capsys):
    path = tmp_path / "v.jsonl"
    assert main(["compare-units", *UNITS, "--out", str(path)]) == 0
    printed = capsys.readouterr().out
    assert "contradiction 1, the least e*: eight products of 1.75 * 2^-152" in printed
    vectors = read_vectors(str(path))
    assert (vectors.operands, vectors.output, len(vectors)) == ("bf16", "fp32", 3)
    assert main(["compare-units", *UNITS, "--json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in plain["vectors"]] == list(vectors.names)


def test_a_search_is_shown_in_hexadecimal_with_the_steps_of_both_units(capsys):
    line = "compare-units A100:bf16 H100:bf16 --find --trials 9999 --seed 2 --device python"
    assert main(line.split()) == 0
    printed = capsys.readouterr().out
    assert "The shortest dot product found, after 312 structured trials:" in printed
    assert "terms become multiples of 2^" in printed


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("compare-units A100:fp16 H100:fp17", "unknown operands of H100 'fp17'"),
        ("compare-units A100:fp16 H100:fp16 --seed 1", "--seed is of the search; add --find"),
        ("compare-units A100:fp16 A100:bf16 --find", "operands or outputs of different formats"),
        ("compare-units A100:fp16 L40S:fp16 --out v", "no dot product is known"),
        ("record-unit none.jsonl", "none.jsonl: No such file"),
        ("record-unit none.jsonl --out r.jsonl", "--out names a numpy archive, FILE.npz"),
        ("record-unit none.jsonl --ptx k.ptx --out r.npz", "--ptx executes nothing"),
    ],
)
def test_wrong_use_is_one_line(line, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(line.split()) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def vector_file(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["compare-units", *UNITS, "--out", "v.jsonl"]) == 0
    capsys.readouterr()
    return "v.jsonl"


def test_a_recording_names_the_unit_with_which_the_gpu_agrees(vector_file, monkeypatch, capsys):
    gpu = ModelGpu((9, 0), exact_unit("H100:bf16"), "NVIDIA H100 80GB HBM3")
    monkeypatch.setattr(tensor_core, "find_gpu", lambda library: gpu)
    assert main(["record-unit", vector_file, "--out", "r.npz"]) == 0
    printed = capsys.readouterr().out
    assert "NVIDIA H100 80GB HBM3 (compute capability 9.0)" in printed
    assert "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32: 3 dot products" in printed
    assert "  H100:bf16: 3 of 3 results are the unit's" in printed
    assert "  H100:bf16,model=mma: 0 of 3 results are the unit's" in printed
    assert "the GPU gives 0x00000001, the unit 0x00000000" in printed
    with np.load("r.npz") as arrays:
        assert set(arrays) == {"a", "b", "c", "d_fp32", "d_encodings", "about"}
        assert arrays["d_fp32"].dtype == np.uint32
        about = json.loads(str(arrays["about"]))
    assert (about["gpu"], about["operands"], about["output"]) == (gpu.name, "bf16", "fp32")
    again = read_vectors("r.npz")
    assert (again.a == read_vectors(vector_file).a).all()
    for unit, status in zip(UNITS, (0, 1), strict=True):
        line = ["verify", "matrix-unit", unit, "--against", "r.npz", "--device", "python"]
        assert main(line) == status


def test_vectors_of_an_archive_are_compared_with_the_unit_that_is_named(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    words = np.float32([[1.0, -2.0]]).view(np.uint32)
    np.savez("a.npz", a=words, b=words, c=np.uint32([0]))
    unit = "A100:tf32"
    monkeypatch.setattr(tensor_core, "find_gpu", lambda _: ModelGpu((8, 0), exact_unit(unit)))
    assert main(["record-unit", "a.npz", "--unit", unit]) == 0
    assert f"{unit}: 1 of 1 results are the unit's" in capsys.readouterr().out


def test_without_a_gpu_the_command_says_why(vector_file, monkeypatch, capsys):
    for name in ("torch", "cupy"):
        monkeypatch.setitem(__import__("sys").modules, name, None)
    assert main(["record-unit", vector_file, "--out", "r.npz"]) == 2
    assert capsys.readouterr().err == (
        "numlean: error: recording needs an NVIDIA GPU, reached through PyTorch or CuPy: PyTorch is"
        " not installed; CuPy is not installed\n"
    )


def test_the_kernel_can_be_written_without_a_gpu(vector_file, tmp_path, capsys):
    assert main(["record-unit", vector_file, "--ptx", "k.ptx"]) == 0
    opcode = "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32"
    assert capsys.readouterr().out == f"{opcode}: k.ptx\n"
    assert opcode in (tmp_path / "k.ptx").read_text()
