"""Gradients of all layers and losses, against central differences at 200 bits."""

import numpy as np
import pytest

from numlean import Tensor, get_scalar, losses
from numlean.autograd import primitives as ops
from numlean.autograd import value_and_gradient
from numlean.autograd.indices import INDEX
from numlean.losses import Reduction

MP = get_scalar("mp:200@engine=mpmath")
RNG = np.random.default_rng(101)
STEP = 2.0**-40

LOGITS = RNG.standard_normal((2, 2, 3))
TARGETS = RNG.random((2, 2, 3))
LABELS = Tensor(INDEX, np.array([[2, 0], [1, 1]]))
LOSSES = {
    "mse": (losses.mse, LOGITS, TARGETS),
    "cross_entropy_one_hot": (losses.cross_entropy_one_hot, LOGITS, TARGETS),
    "cross_entropy": (losses.cross_entropy, LOGITS, LABELS),
    "nll_one_hot": (losses.nll_one_hot, -np.abs(LOGITS), TARGETS),
    "bce": (losses.bce, 0.1 + 0.8 * RNG.random((2, 2, 3)), TARGETS),
    "bce_with_logits": (losses.bce_with_logits, LOGITS, TARGETS),
}

A, PICKED = RNG.standard_normal((2, 3, 2)), Tensor(INDEX, np.array([[2, 0], [-1, 1]]))
ROWS = Tensor(INDEX, np.array([[2, 0], [-1, 2]]))


def _fixed(values):
    return Tensor.of(MP, values)


OPERATIONS = {
    "bmm": (ops.bmm, A, RNG.standard_normal((2, 2, 3))),
    "fused bmm": (lambda a, b: ops.bmm(a, b, contraction="fma"), A, A.transpose(0, 2, 1).copy()),
    "max": (lambda a: ops.max_(a, 1), A),
    "max of the last axis": (lambda a: ops.max_(a), A),
    "to the greatest": (lambda g: ops.to_argmax(g, _fixed(A), axis=1), A[:, 0]),
    "of the greatest": (lambda y: ops.at_argmax(y, _fixed(A), axis=1), A + 1),
    "take_along_axis": (lambda a: ops.take_along_axis(a, PICKED, 1), A),
    "take rows": (lambda a: ops.take(a, ROWS, row_axes=1), RNG.standard_normal((3, 2))),
    "scatter_add rows": (lambda a: ops.scatter_add(a, PICKED, shape=(3, 2)), A[:, :2]),
}


def check(number, tensors):
    gradients = value_and_gradient(number, tensors)[1]
    for index, tensor in enumerate(tensors):
        assert gradients[index].shape == tensor.shape
        for place in np.ndindex(tensor.shape):
            ends = []
            for h in (STEP, -STEP):
                moved = tensor.data.copy()
                moved[place] = MP.add(_one(moved[place]), MP.from_float(h)).item()
                ends.append(number([*tensors[:index], Tensor(MP, moved), *tensors[index + 1 :]]))
            slope = (ends[0] - ends[1]) / (2 * STEP)
            error = (slope - Tensor(MP, _one(gradients[index].data[place]))).item()
            assert abs(error) < 1e-20, (index, place)


def _one(number):
    return np.array(number, object)


def test_gradients_of_layers_equal_central_differences_at_200_bits(case, number):
    specs = case.layer.parameters
    trained = [k for k in range(len(specs) + 1) if k == len(specs) or specs[k].is_trainable]
    tensors = case.tensors(MP)
    trained = [k for k in trained if k < len(tensors)]

    def program(some):
        whole = list(tensors)
        for k, tensor in zip(trained, some, strict=True):
            whole[k] = tensor
        return case.program(whole)

    check(number(program), [tensors[k] for k in trained])


@pytest.mark.parametrize("reduction", Reduction)
@pytest.mark.parametrize("name", LOSSES)
def test_gradients_of_losses_do_too(name, reduction):
    make, prediction, target = LOSSES[name]
    loss = make(reduction=reduction)
    if not isinstance(target, Tensor):
        target = Tensor.of(MP, target)
    check(lambda tensors: loss(tensors[0], target), [Tensor.of(MP, prediction)])


@pytest.mark.parametrize("name", OPERATIONS)
def test_gradients_of_operations_do_too(name, number):
    program, *arguments = OPERATIONS[name]
    check(number(lambda tensors: program(*tensors)), [Tensor.of(MP, a) for a in arguments])
