"""Names that users type: other spellings, any case, and suggestions for unknown ones."""

import numpy as np
import pytest

import numlean as nl
from numlean.cli.main import main
from numlean.errors import NumleanError
from numlean.optim import OptimizerKind
from numlean.training.exec_config import ExecConfig


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        *((name, "binary16") for name in ("fp16", "half", "float16", "FP16", "Half", "f16")),
        *((name, "bfloat16") for name in ("bf16", "BF16", "BFloat16", "bfloat16")),
        *((name, "float32") for name in ("fp32", "FP32", "single", "Float32")),
        *((name, "float64") for name in ("fp64", "double", "float", "Float64")),
        ("binary32", "ieee32exec"),
        ("Binary64", "binary64exec"),
        ("IEEE754Exec", "ieee32exec"),
        ("TF32", "tf32"),
        ("TensorFloat32", "tf32"),
        *((name, "e4m3") for name in ("fp8_e4m3", "float8_e4m3fn", "Float8_E4M3FN", "e4m3fn")),
        *((name, "e5m2") for name in ("fp8_e5m2", "float8_e5m2", "f8E5M2")),
        ("MP:53", "mp:53"),
        ("IEEE:E5M10", "ieee:e5m10"),
        ("fp16@round=RNE", "binary16@round=ties_to_even"),
        ("Half@Round=RZ", "binary16@round=toward_zero"),
        ("bf16@round=ru,nan=X86", "bfloat16@nan=x86,round=toward_positive"),
        ("binary32@round=RD", "ieee32exec@round=toward_negative"),
        ("e5m2@round=RNA", "e5m2@round=ties_to_away"),
        ("e5m2@round=RMM", "e5m2@round=ties_to_away"),
        ("e5m2@round=RoundTowardZero", "e5m2@round=toward_zero"),
        ("e5m2@round=Ties_To_Even", "e5m2@round=ties_to_even"),
        ("fp8_e4m3@overflow=Saturate", "e4m3@overflow=saturate"),
    ],
)
def test_a_dtype_has_other_names_in_any_case(name, dtype):
    # The Scalar is cached by its name, so that two names cannot lead to two of them.
    assert nl.get_scalar(name) is nl.get_scalar(dtype)
    assert nl.get_scalar(name).name == dtype


def test_directions_have_short_names_in_methods():
    s = nl.get_scalar("ieee32exec", "python")
    x = s.from_float([2.5, -2.5])
    for short, long, integers in (
        ("RNE", "ties_to_even", [2, -2]),
        ("rna", "ties_to_away", [3, -3]),
        ("RZ", "toward_zero", [2, -2]),
        ("RU", "toward_positive", [3, -2]),
        ("RD", "toward_negative", [2, -3]),
    ):
        assert s.to_int(x, short).tolist() == s.to_int(x, long).tolist() == integers
        assert np.array_equal(s.round_to_integral(x, short), s.round_to_integral(x, long))


@pytest.mark.parametrize(
    ("dtype", "words"),
    [
        ("flot32", "did you mean 'float32'"),
        ("bfloat61", "did you mean 'bfloat16'"),
        ("BFLOT16@round=RNE", "did you mean 'bfloat16'"),
        ("ieee32exe", "did you mean 'ieee32exec'"),
        ("e5m10", "did you mean 'ieee:e5m10'"),
        ("mp200", "did you mean 'mp:200'"),
        ("ieee_e5m10", "did you mean 'ieee:e5m10'"),
        ("fp8-e4m4", "did you mean 'fp8_e4m3"),
        ("ieee32exec@rounding=RZ", "did you mean 'round'"),
        ("ieee32exec@round=toward_zer", "did you mean 'toward_zero'"),
        ("ieee32exec@nan=x68", "did you mean 'x86'"),
        ("ieee32exec@overflow=saturated", "did you mean 'saturate'"),
        ("float32@round=RZ", "ieee32exec has it"),
    ],
)
def test_an_unknown_part_of_a_dtype_is_an_error_with_a_suggestion(dtype, words, capsys):
    with pytest.raises(NumleanError, match=words):
        nl.get_scalar(dtype)
    assert main(["eval", "1", "--dtype", dtype]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: nl.get_task("iriss"), "did you mean 'iris'"),
        (lambda: nl.get_scalar("float32", "cuda0"), "did you mean 'cuda'"),
        (lambda: nl.Options(backend="compile"), "did you mean 'compiled'"),
        (lambda: OptimizerKind.parse("Adm"), "did you mean 'adam'"),
        (lambda: OptimizerKind.parse("Adam"), "did you mean 'adam'"),
        (lambda: nl.evaluate("sqr(2)", "float32"), "did you mean 'sqrt'"),
        (lambda: nl.evaluate("Sqrt(2)", "float32"), "did you mean 'sqrt'"),
        (lambda: nl.evaluate("1 + Pie", "float32"), "did you mean 'pi'"),
        (lambda: nl.evaluate("round_to_integral(1, toward_zro)", "mp:9"), "'toward_zero'"),
        (lambda: nl.get_scalar("float32").elementary("sine"), "did you mean 'sin"),
        (lambda: ExecConfig.parse(["--devise", "cpu"]), "did you mean '--device'"),
    ],
)
def test_unknown_names_are_errors_with_a_suggestion(call, words):
    with pytest.raises(NumleanError, match=words):
        call()


def test_an_unknown_public_name_is_an_attribute_error_with_a_suggestion():
    with pytest.raises(AttributeError, match="did you mean 'get_scalar'"):
        nl.get_scaler  # noqa: B018


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["trian"], "unknown command 'trian'; known: train, "),
        (["Crosscheck"], "did you mean 'crosscheck'?"),
        (["train", "iris", "--dtpye", "float32"], "unknown option --dtpye; did you mean '--dtype'"),
        (["train", "iris", "--learning-rate=1"], "unknown option --learning-rate"),
        (["train", "iris", "--optim", "adma"], "did you mean 'adam'"),
        (["train", "iris", "--schedule", "cosin"], "did you mean 'cosine'"),
        (["train", "iris", "--backend", "compile"], "did you mean 'compiled'"),
        (["train", "irsi"], "did you mean 'iris'"),
        (["bench", "opps"], "did you mean 'ops'"),
    ],
)
def test_the_command_line_suggests_names_in_one_line(argv, words, capsys):
    try:
        status = main(argv)
    except SystemExit as stop:
        status = stop.code
    printed = capsys.readouterr().err
    assert status == 2
    assert words in printed
    assert printed.count("\n") == 1


def test_nothing_is_suggested_where_nothing_is_like_the_name():
    with pytest.raises(NumleanError) as caught:
        nl.get_scalar("quaternion")
    assert "did you mean" not in str(caught.value)


def test_other_names_are_listed_by_the_command(capsys):
    assert main(["dtypes"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in ("fp16", "half", "bf16", "float8_e4m3fn", "ieee754exec"))


def test_files_of_a_run_contain_the_canonical_name(tmp_path, capsys):
    certificate = tmp_path / "run.json"
    argv = ["train", "xor", "--steps", "2", "--dtype", "BF16@round=RNE", "--device", "python"]
    assert main([*argv, "--certificate", str(certificate)]) == 0
    assert "bfloat16@round=ties_to_even" in certificate.read_text()
    assert "BF16" not in certificate.read_text()
    assert main(["replay", str(certificate), "--dtype", "bf16", "--device", "python"]) == 0
    capsys.readouterr()
