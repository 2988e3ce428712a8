"""Weights are imported from files of other programs, above all PyTorch's."""

import numpy as np
import pytest
from safetensors.numpy import save_file

from numlean import Task, get_scalar, instantiate, state_digest
from numlean.checkpoint import CheckpointError, import_weights
from numlean.data import max_size
from numlean.nn import Linear, ReLU, Sequential

MODEL = Sequential(Linear(3, 4), ReLU(), Linear(4, 4), ReLU(), Linear(4, 4), ReLU(), Linear(4, 2))
RNG = np.random.default_rng(107)
SHAPES = {spec.name: spec.shape for spec in MODEL.parameters}
VALUES = {name: RNG.standard_normal(shape) for name, shape in SHAPES.items()}


def runner(dtype="float32", model=MODEL):
    return instantiate(Task.regression(model), get_scalar(dtype))


def saved(tmp_path, arrays):
    path = tmp_path / "weights.safetensors"
    save_file({name: np.ascontiguousarray(x) for name, x in arrays.items()}, path)
    return path


def renamed(rename):
    return {rename(name): values for name, values in VALUES.items()}


def check_taken(target, values=VALUES):
    for (_, p), expected in zip(target.named_parameters, values.values(), strict=True):
        rounded = target.scalar.from_float(np.asarray(expected, np.float64))
        assert target.scalar.to_bytes(p.data) == target.scalar.to_bytes(rounded)


@pytest.mark.parametrize("dtype", ["float64", "ieee32exec", "e4m3", "mp:100"])
def test_weights_of_the_same_names_are_rounded_once(tmp_path, dtype):
    target = runner(dtype)
    taken = import_weights(target, saved(tmp_path, VALUES))
    assert taken == {name: name for name in SHAPES}
    check_taken(target)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_floats_of_every_width_enter_exactly(tmp_path, kind):
    values = {name: x.astype(kind) for name, x in VALUES.items()}
    target = runner("mp:60")
    import_weights(target, saved(tmp_path, values))
    check_taken(target, values)


@pytest.mark.parametrize(
    "rename",
    [
        lambda name: f"net.{name}",
        lambda name: (
            name.replace("0.", "fc1.").replace("2.", "fc2.").replace("4.", "fc10.")
            if not name.startswith("6")
            else name.replace("6.", "fc11.")
        ),
    ],
    ids=["nested", "numbered"],
)
def test_other_names_are_matched_by_shape_and_number(tmp_path, rename):
    target = runner()
    taken = import_weights(target, saved(tmp_path, renamed(rename)))
    assert taken == {name: rename(name) for name in SHAPES}
    check_taken(target)


def test_layers_of_one_shape_with_ambiguous_names_are_refused_without_names(tmp_path):
    words = {"0": "inward", "2": "deep", "4": "deeper", "6": "outward"}

    def rename(name):
        return f"{words[name[0]]}{name[1:]}"

    path, target = saved(tmp_path, renamed(rename)), runner()
    before = state_digest(target.named_parameters)
    with pytest.raises(CheckpointError, match=r"deep\.bias.*could be any of.*names="):
        import_weights(target, path)
    assert state_digest(target.named_parameters) == before
    names = {name: rename(name) for name in ("2.weight", "2.bias", "4.weight", "4.bias")}
    import_weights(target, path, names={name: rename(name) for name in ("0.bias",)} | names)
    check_taken(target)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"6.weight": None}, ["missing: 6.weight (2, 4)"]),
        ({"6.weight": np.zeros((4, 2))}, ["6.weight has shape (2, 4)", "(4, 2)"]),
        ({"8.weight": np.zeros((9, 9))}, ["unused: 8.weight (9, 9)"]),
        ({"6.weight": np.zeros((2, 4), np.int32)}, ["6.weight (2, 4)", "6.weight (I32)"]),
    ],
)
def test_weights_of_another_model_are_refused_and_the_mismatch_is_named(tmp_path, change, words):
    arrays = {k: v for k, v in {**VALUES, **change}.items() if v is not None}
    target = runner()
    before = state_digest(target.named_parameters)
    with pytest.raises(CheckpointError) as caught:
        import_weights(target, saved(tmp_path, arrays))
    assert "weights.safetensors: " in str(caught.value)
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert "\n" not in str(caught.value)
    assert state_digest(target.named_parameters) == before


@pytest.mark.parametrize("names", [{"9.weight": "6.weight"}, {"6.weight": "nothing"}])
def test_unknown_names_are_refused(tmp_path, names):
    with pytest.raises(CheckpointError, match=r"9\.weight|nothing"):
        import_weights(runner(), saved(tmp_path, VALUES), names=names)


def test_counts_that_pytorch_keeps_next_to_weights_are_ignored(tmp_path):
    target = runner()
    arrays = {**VALUES, "1.num_batches_tracked": np.array(7, np.int64)}
    import_weights(target, saved(tmp_path, arrays))
    check_taken(target)


def test_buffers_may_be_absent(case, tmp_path):
    run = case("float32")
    stepper = run.fresh()
    trained = {
        spec.name: np.ones(spec.shape) for spec in run.task.model.parameters if spec.is_trainable
    }
    taken = import_weights(stepper.runner, saved(tmp_path, trained))
    assert "2.seen" not in taken
    assert dict(stepper.runner.named_parameters)["2.half"].item() == 0.5


def test_a_checkpoint_and_other_files_are_refused_as_weights(case, path):
    run = case("float32")
    run.saved_after(1, path)
    with pytest.raises(CheckpointError, match="use --resume, or `numlean export`"):
        import_weights(run.fresh().runner, path)
    for content in (b"", b"weights", bytes(40)):
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match=str(path)):
            import_weights(run.fresh().runner, path)


@pytest.mark.parametrize("kind", ["float32", "float64", "float16", "bfloat16"])
def test_a_state_dict_of_pytorch_predicts_the_same_as_in_pytorch(tmp_path, kind):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    from safetensors.torch import save_file as save_torch

    torch.manual_seed(3)
    layers = [torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 4), torch.nn.ReLU()]
    layers += [torch.nn.Linear(4, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)]
    net = torch.nn.Sequential(*layers).to(getattr(torch, kind))
    path = tmp_path / "net.safetensors"
    save_torch({f"model.{name}": x for name, x in net.state_dict().items()}, path)
    target = runner("float64")
    import_weights(target, path)
    for (name, p), theirs in zip(target.named_parameters, net.state_dict().items(), strict=True):
        assert name == theirs[0]
        assert np.array_equal(p.to_float(), theirs[1].double().numpy())
    x = RNG.standard_normal((5, 3))
    expected = net.double()(torch.from_numpy(x)).detach().numpy()
    assert np.allclose(target.predict(x).to_float(), expected, rtol=0, atol=1e-14)


def test_weights_count_with_their_size_in_binary64(tmp_path):
    path = saved(tmp_path, {"w": np.zeros(1000, np.float16)})
    with (
        max_size(7999),
        pytest.raises(CheckpointError, match=r"weights\.safetensors: the weights .* --max-size"),
    ):
        import_weights(runner(), path)
