"""Parameters are exported as floats that other programs read."""

import numpy as np
import pytest
from safetensors.numpy import load_file

from numlean import NumleanError
from numlean.checkpoint import CheckpointError, export, import_weights, save
from numlean.checkpoint.container import dumps, loads
from numlean.checkpoint.exporting import _is_within_binary32
from numlean_kernels.formats import parse_format


def written(path, suffix):
    target = path.with_suffix(suffix)
    if suffix == ".npz":
        with np.load(target, allow_pickle=False) as archive:
            return dict(archive)
    return load_file(target)


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize(
    ("dtype", "floats", "is_exact"),
    [
        ("float64", "float64", True),
        ("float32", "float32", True),
        ("ieee32exec", "float32", True),
        ("bfloat16", "float32", True),
        ("e4m3", "float32", True),
        ("binary64exec", "float64", True),
        ("mp:200", "float64", False),
        ("mp:20", "float64", True),
    ],
)
def test_exports_hold_every_parameter_and_buffer_under_its_name(
    case, path, dtype, floats, is_exact, suffix
):
    run = case(dtype)
    stepper = run.saved_after(run.config.steps, path)
    exported = export(path, path.with_suffix(suffix))
    assert (exported.dtype, exported.is_exact) == (floats, is_exact)
    arrays = written(path, suffix)
    specs = run.task.model.parameters
    assert exported.names == tuple(spec.name for spec in specs)
    for spec, p in zip(specs, stepper.runner.params, strict=True):
        assert arrays[spec.name].dtype == floats
        assert np.array_equal(arrays[spec.name], p.to_float())


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "mp:50"])
def test_exported_weights_are_imported_again(case, path, dtype):
    run = case(dtype)
    stepper = run.saved_after(run.config.steps, path)
    export(path, path.with_suffix(".safetensors"))
    runner = run.fresh(seed=99).runner
    taken = import_weights(runner, path.with_suffix(".safetensors"))
    assert all(ours == theirs for ours, theirs in taken.items())
    for ours, theirs in zip(runner.params, stepper.runner.params, strict=True):
        assert run.scalar.to_bytes(ours.data) == run.scalar.to_bytes(theirs.data)


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_special_values_are_exported_unchanged(case, path, suffix):
    run = case("bfloat16")
    stepper = run.fresh()
    stepper.runner.params = [
        type(p)(p.scalar, p.scalar.from_bits(np.resize([0x8000, 0x7F80, 0xFFA5, 1], p.shape)))
        for p in stepper.runner.params
    ]
    save(path, stepper, run.run)
    export(path, path.with_suffix(suffix))
    weight = written(path, suffix)["0.weight"].ravel()
    bits = weight[:4].view(np.uint32).tolist()
    assert bits == [0x80000000, 0x7F800000, 0x7FC00000, 0x00010000]


def test_the_same_checkpoint_is_exported_as_the_same_bytes(case, path):
    case("float32").saved_after(1, path)
    one, other = path.with_name("a.npz"), path.with_name("b.npz")
    export(path, one)
    export(path, other)
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize(
    ("name", "is_within"),
    [("e8m10", True), ("e5m2", True), ("e8m23", True), ("e8m24", False), ("e9m3", False)],
)
def test_a_format_is_within_binary32_if_all_its_numbers_are(name, is_within):
    assert _is_within_binary32(parse_format(name)) is is_within


def test_an_unknown_suffix_is_refused_and_the_known_ones_are_listed(case, path):
    case("float32").saved_after(1, path)
    with pytest.raises(NumleanError, match=r"\.npz or \.safetensors, got '\.csv'"):
        export(path, path.with_suffix(".csv"))


def test_a_checkpoint_of_a_dtype_that_is_not_here_is_not_exported(case, path):
    run = case("float32")
    stepper = run.fresh()
    stepper.runner.scalar = Renamed(run.scalar)
    save(path, stepper, run.run)
    with pytest.raises(NumleanError, match="'elsewhere'"):
        export(path, path.with_suffix(".npz"))


class Renamed:
    """A Scalar of a plug-in that is not installed."""

    name = "elsewhere"

    def __init__(self, inner):
        self._inner = inner

    def __getattr__(self, name):
        return getattr(self._inner, name)


@pytest.mark.parametrize("name", ["../../evil", "/etc/evil", "..", "", "a\\b", "a\0b", "a\x1b[0m"])
@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_a_name_in_a_checkpoint_is_no_path_out_of_an_archive(case, path, name, suffix):
    case("float32").saved_after(0, path)
    document, arrays = loads(path.read_bytes())
    entry = document["parameters"][0]
    arrays[f"parameters/{name}"] = arrays.pop(entry["name"])
    entry["name"] = f"parameters/{name}"
    path.write_bytes(dumps(document, arrays))
    with pytest.raises(CheckpointError, match="cannot be the name of an array"):
        export(path, path.with_suffix(suffix))
    assert not path.with_suffix(suffix).exists()
