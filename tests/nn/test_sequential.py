"""Layers in sequence: a linear layer worked by hand, and shapes passed on."""

import pytest

from numlean import Tensor, get_scalar
from numlean.errors import ShapeError
from numlean.nn import EVALUATION, Flatten, Linear, ReLU, Sequential, Tanh

S = get_scalar("float32")


def tensor(values):
    return Tensor.of(S, values)


def test_a_linear_layer_is_x_times_the_transposed_weight_plus_bias():
    layer = Linear(2, 3)
    weight, bias = tensor([[1, 2], [3, 4], [5, 6]]), tensor([0.5, 0.25, 0.125])
    z = layer((weight, bias), tensor([[1, 10], [2, 20]]), EVALUATION)
    assert z.to_float().tolist() == [[21.5, 43.25, 65.125], [42.5, 86.25, 130.125]]


def test_layers_pass_shapes_on_and_name_themselves_when_one_does_not_fit():
    model = Sequential(Flatten(), Linear(64, 32), ReLU(), Tanh(), Linear(32, 10))
    assert model.output_shape((8, 8)) == (10,)
    assert [spec.name for spec in model.parameters] == [
        "1.weight",
        "1.bias",
        "4.weight",
        "4.bias",
    ]
    with pytest.raises(ShapeError, match=r"layer 1: Linear\(6, 2\) .*\(6,\), not \(5,\)"):
        Sequential(Linear(4, 5), Linear(6, 2))
    with pytest.raises(ShapeError, match=r"layer 1: Linear\(6, 2\) .*\(6,\), not \(8,\)"):
        Sequential(Flatten(), Linear(6, 2), sample_shape=(2, 4))
    with pytest.raises(ShapeError, match=r"Linear\(0, 3\)"):
        Linear(0, 3)
