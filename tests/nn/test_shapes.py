"""Shapes: checked when a model is built, with the layer, the expected and the given shape."""

import numpy as np
import pytest

from numlean import NumleanError, Tensor, get_scalar, nn
from numlean.errors import DataError, ShapeError
from numlean.nn.layer import EVALUATION

S = get_scalar("float32")


def test_a_layer_declares_the_shape_of_its_outputs(case):
    layer = case.layer
    z = case.program(case.tensors(S))
    assert z.shape[1:] == layer.output_shape(case.shape)
    known = layer.input_shape
    if known is not None:
        front = len(case.shape) - len(known)
        assert case.shape[front:] == known
        assert front == 0 or layer.keeps_leading_axes


def test_leading_axes_are_kept_where_a_layer_declares_it(case):
    layer = case.layer
    if layer.keeps_leading_axes:
        assert layer.output_shape((5, *case.shape)) == (5, *layer.output_shape(case.shape))


REFUSED = [
    (nn.Linear(3, 2), (4,), r"Linear\(3, 2\) .*\(3,\), not \(4,\)"),
    (nn.Linear(3, 2), (), r"not \(\)"),
    (nn.Conv2d(2, 3, 3), (1, 5, 5), r"Conv2d\(2, 3, 3\) .*\(2, height, width\), not \(1, 5, 5\)"),
    (nn.Conv2d(2, 3, 3), (5, 5), r"not \(5, 5\)"),
    (nn.Conv2d(2, 3, 3), (2, 2, 5), r"\(3, 3\) .* does not fit an image of \(2, 5\)"),
    (nn.MaxPool2d(2), (4, 4), r"MaxPool2d\(2\) .*\(channels, height, width\), not \(4, 4\)"),
    (nn.AvgPool2d(5), (1, 4, 4), r"does not fit"),
    (nn.Reshape(2, 3), (5,), r"Reshape\(2, 3\) .*6 elements, not 5 in shape \(5,\)"),
    (nn.LayerNorm(4), (3,), r"LayerNorm\(4\) .*\(\.\.\., 4\), not \(3,\)"),
    (nn.RMSNorm(4), (4, 3), r"RMSNorm\(4\) .* not \(4, 3\)"),
    (nn.BatchNorm(4), (3, 4), r"BatchNorm\(4\) .*\(4, \.\.\.\), not \(3, 4\)"),
    (nn.LSTM(3, 2), (3,), r"LSTM\(3, 2\) .*\(time, 3\), not \(3,\)"),
    (nn.GRU(3, 2), (4, 2), r"GRU\(3, 2\) .* not \(4, 2\)"),
    (nn.RNN(3, 2), (0, 3), r"not \(0, 3\)"),
    (nn.GatedScan(3, 2), (4, 2), r"GatedScan\(3, 2\) .* not \(4, 2\)"),
    (nn.PositionalEmbedding(5, 3), (6, 3), r"\(at most 5, 3\), not \(6, 3\)"),
    (nn.MultiHeadAttention(4, 2), (5, 3), r"MultiHeadAttention\(4, 2\) .* not \(5, 3\)"),
    (nn.Residual(nn.Linear(3, 2)), (3,), r"Residual.* keep the shape.*\(3,\) into \(2,\)"),
    (nn.Residual(nn.Linear(3, 3)), (2,), r"layer 0: Linear\(3, 3\)"),
]


@pytest.mark.parametrize(("layer", "shape", "words"), REFUSED)
def test_a_sample_of_another_shape_is_refused(layer, shape, words):
    with pytest.raises(ShapeError, match=words):
        layer.output_shape(shape)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: nn.Conv2d(0, 1, 3), "at least one input and one output channel"),
        (lambda: nn.Conv2d(1, 1, 0), r"\(0, 0\)"),
        (lambda: nn.Conv2d(1, 1, 3, padding=-1), r"\(-1, -1\)"),
        (lambda: nn.MaxPool2d(3, padding=2), "at most half the kernel.* got 2"),
        (lambda: nn.SmoothMaxPool2d(2, beta=0.0), "beta"),
        (lambda: nn.LayerNorm(3, epsilon=0.0), "epsilon must be positive, got 0"),
        (lambda: nn.BatchNorm(3, momentum=1.5), "from 0 to 1, got 1.5"),
        (lambda: nn.RNN(0, 3), r"RNN\(0, 3\)"),
        (lambda: nn.Embedding(0, 3), r"Embedding\(0, 3\)"),
        (lambda: nn.MultiHeadAttention(4, 3), "multiple of heads"),
        (lambda: nn.models.mlp((3,)), r"\(3,\)"),
        (lambda: nn.models.small_cnn((3, 8), 2), "does not fit"),
        (lambda: nn.models.small_cnn((1, 1, 8, 8), 2), r"\(1, 1, 8, 8\)"),
        (lambda: nn.models.char_rnn(5, cell="elman"), "known: rnn, gru, lstm"),
    ],
)
def test_an_invalid_layer_is_refused(make, words):
    with pytest.raises(NumleanError, match=words):
        make()


def test_a_model_is_checked_as_far_as_shapes_are_known():
    with pytest.raises(ShapeError, match=r"layer 2: LayerNorm\(5\)"):
        nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 6), nn.LayerNorm(5))
    with pytest.raises(ShapeError, match=r"layer 3: Linear\(10, 2\) .* not \(18,\)"):
        nn.Sequential(
            nn.Conv2d(1, 2, 2), nn.ReLU(), nn.Flatten(), nn.Linear(10, 2), sample_shape=(1, 4, 4)
        )
    with pytest.raises(ShapeError, match=r"layer 1: layer 0: Linear\(4, 4\)"):
        nn.Sequential(nn.Linear(2, 3), nn.Residual(nn.Linear(4, 4)))
    # The leading axes are not known, so the later layers cannot be checked.
    model = nn.Sequential(nn.Linear(4, 3), nn.LSTM(3, 2), nn.Linear(2, 5))
    assert model.input_shape is None
    assert model.output_shape((7, 4)) == (7, 5)
    with pytest.raises(ShapeError, match=r"layer 1: LSTM\(3, 2\)"):
        model.output_shape((4,))


def test_an_embedding_takes_integers_only():
    layer, weight = nn.Embedding(4, 2), Tensor.of(S, np.zeros((4, 2)))
    with pytest.raises(DataError, match="integer tokens, not numbers of float32"):
        layer([weight], Tensor.of(S, [[0.0, 1.0]]), EVALUATION)


def test_names_and_shapes_of_parameters_are_pytorch_s():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    pairs = [
        (nn.Linear(3, 2), torch.nn.Linear(3, 2)),
        (nn.Conv2d(2, 3, (3, 1)), torch.nn.Conv2d(2, 3, (3, 1))),
        (nn.LayerNorm(4), torch.nn.LayerNorm(4)),
        (nn.RMSNorm(4), torch.nn.RMSNorm(4)),
        (nn.BatchNorm(3), torch.nn.BatchNorm1d(3)),
        (nn.RNN(3, 2), torch.nn.RNN(3, 2)),
        (nn.GRU(3, 2), torch.nn.GRU(3, 2)),
        (nn.LSTM(3, 2), torch.nn.LSTM(3, 2)),
        (nn.Embedding(5, 2), torch.nn.Embedding(5, 2)),
        (nn.MultiHeadAttention(4, 2), torch.nn.MultiheadAttention(4, 2)),
    ]
    for ours, theirs in pairs:
        state = {name: tuple(x.shape) for name, x in theirs.state_dict().items()}
        state.pop("num_batches_tracked", None)
        assert {spec.name: spec.shape for spec in ours.parameters} == state
    ours = nn.Sequential(*(layer for layer, _ in pairs[:1]), nn.Tanh(), nn.Linear(2, 1))
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Tanh(), torch.nn.Linear(2, 1))
    assert [spec.name for spec in ours.parameters] == list(theirs.state_dict())
