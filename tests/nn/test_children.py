"""Layers that declare the layers within them, written as a third party would."""

import pickle
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pytest

import numlean as nl
from numlean import nn
from numlean.analysis.trace.instrument import instrument
from numlean.checkpoint.fingerprint import fingerprint
from numlean.nn import EVALUATION, Layer, Linear, Residual, Sequential, Tanh, split_parameters
from numlean.scalar.wrappers.tracing import Trace


@dataclass(frozen=True)
class SumOfBranches(Layer):
    """The sum of the outputs of a list of layers, all applied to the input."""

    branches: list[Layer] = field(default_factory=list)

    @property
    def name(self):
        return "SumOfBranches"

    @property
    def children(self):
        return tuple(self.branches)

    def with_children(self, children: Sequence[Layer]):
        return SumOfBranches(list(children))

    def output_shape(self, shape):
        return self.branches[0].output_shape(shape)

    def __call__(self, parameters, x, context):
        total = None
        for index, (layer, own) in enumerate(split_parameters(self.children, parameters)):
            z = layer(own, x, context.at(index))
            total = z if total is None else total + z
        return total


@dataclass(frozen=True)
class Named(Layer):
    """Layers in a dict, applied in its order."""

    parts: dict[str, Layer]

    @property
    def name(self):
        return "Named"

    @property
    def children(self):
        return tuple(self.parts.values())

    def with_children(self, children):
        return Named(dict(zip(self.parts, children, strict=True)))

    def output_shape(self, shape):
        for layer in self.parts.values():
            shape = layer.output_shape(shape)
        return shape

    def __call__(self, parameters, x, context):
        for index, (layer, own) in enumerate(split_parameters(self.children, parameters)):
            x = layer(own, x, context.at(index))
        return x


@dataclass(frozen=True)
class Doubled(Layer):
    """Twice the output of a single layer."""

    inner: Layer

    @property
    def name(self):
        return "Doubled"

    @property
    def children(self):
        return (self.inner,)

    def with_children(self, children):
        (inner,) = children
        return Doubled(inner)

    def output_shape(self, shape):
        return self.inner.output_shape(shape)

    def __call__(self, parameters, x, context):
        z = self.inner(parameters, x, context.at(0))
        return z + z


@dataclass(frozen=True)
class Undeclared(Layer):
    """A layer that holds another one without declaring it."""

    inner: Layer

    @property
    def name(self):
        return "Undeclared"

    @property
    def parameters(self):
        return self.inner.parameters

    def output_shape(self, shape):
        return self.inner.output_shape(shape)

    def __call__(self, parameters, x, context):
        return self.inner(parameters, x, context)


class WithoutReplacement(Doubled):
    """A layer that declares its child but does not implement ``with_children``."""

    with_children = Layer.with_children


class IgnoringReplacement(Doubled):
    """A layer whose ``with_children`` keeps the old child."""

    def with_children(self, children):
        return self


def branches():
    return SumOfBranches([Linear(2, 4), Sequential(Linear(2, 4), Tanh())])


COMPOSITES = {
    "list": (Sequential(branches(), Linear(4, 1)), "forward, 0.1.1 Tanh"),
    "dict": (Named({"in": Linear(2, 4), "act": Tanh(), "out": Linear(4, 1)}), "forward, 1 Tanh"),
    "single child": (
        Sequential(Linear(2, 4), Doubled(Tanh()), Linear(4, 1)),
        "forward, 1.0 Tanh",
    ),
    "nested": (
        Doubled(Named({"in": Doubled(branches()), "out": Linear(4, 1)})),
        "forward, 0.0.0.1.1 Tanh",
    ),
}


def cross_check(model, *, steps=2):
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float64)
    data = nl.Dataset(x, np.array([[0.0], [1.0], [1.0], [0.0]]))
    fault = nl.Fault("flip", "tanh", step=1, call=0, element=3, bit=20)
    faulty = nl.RunSpec.parse("float32").with_fault(fault)
    config = nl.TrainConfig(steps, 4, nl.sgd(0.1))
    (pair,) = nl.crosscheck(
        nl.Task.regression(model), "float32", faulty, config=config, data=data
    ).pairs
    return pair


@pytest.mark.parametrize("name", COMPOSITES)
def test_a_fault_within_a_third_partys_composite_is_located_in_the_child(name):
    model, where = COMPOSITES[name]
    pair = cross_check(model)
    assert pair.first_different_step == 1
    assert (pair.divergence.operation, pair.divergence.where) == ("tanh", where)
    assert pair.divergence.assessments[0].is_right
    assert not pair.divergence.assessments[1].is_right


def test_a_layer_that_declares_no_children_is_traced_as_a_whole():
    model = Sequential(Linear(2, 4), Undeclared(Sequential(Linear(4, 4), Tanh())), Linear(4, 1))
    divergence = cross_check(model).divergence
    assert (divergence.operation, divergence.where) == ("tanh", "forward, 1 Undeclared")


def test_a_composite_without_with_children_is_refused_by_name():
    model = Sequential(Linear(2, 4), WithoutReplacement(Tanh()), Linear(4, 1))
    with pytest.raises(nl.NumleanError, match="WithoutReplacement declares children but not with"):
        cross_check(model)


def test_a_composite_that_ignores_its_new_children_is_refused():
    model = Sequential(Linear(2, 4), IgnoringReplacement(Tanh()), Linear(4, 1))
    with pytest.raises(nl.NumleanError, match="with_children returned a layer with other children"):
        cross_check(model)


def test_parameters_are_those_of_the_children_in_order():
    names = [spec.name for spec in branches().parameters]
    assert names == ["0.weight", "0.bias", "1.0.weight", "1.0.bias"]
    assert [spec.name for spec in Doubled(Linear(2, 1)).parameters] == ["0.weight", "0.bias"]
    assert Tanh().parameters == ()


def test_a_summary_lists_the_children_of_any_composite():
    rows = nn.summary(Sequential(branches(), Linear(4, 1)), (2,)).rows
    assert [(row.place, row.layer, row.output_shape) for row in rows] == [
        ("0", "SumOfBranches", (4,)),
        ("0.0", "Linear(2, 4)", None),
        ("0.1", "Sequential", None),
        ("0.1.0", "Linear(2, 4)", None),
        ("0.1.1", "Tanh", None),
        ("1", "Linear(4, 1)", (1,)),
    ]
    assert "0.1.1      Tanh" in str(nn.summary(Sequential(branches(), Linear(4, 1)), (2,)))


def test_a_leaf_with_no_children_returns_itself():
    layer = Linear(2, 3)
    assert layer.children == ()
    assert layer.with_children(()) is layer


class Perceptron(Sequential):
    """A model whose constructor takes sizes, as in PyTorch."""

    def __init__(self, sizes):
        super().__init__(*(Linear(a, b) for a, b in pairwise(sizes)))

    def __call__(self, parameters, x, context):
        return -super().__call__(parameters, x, context)


def test_a_subclass_with_another_constructor_keeps_its_class_and_function():
    model = Perceptron((2, 3, 1))
    replaced = model.with_children((Linear(2, 5), Linear(5, 1)))
    assert type(replaced) is Perceptron
    assert replaced.children == (Linear(2, 5), Linear(5, 1))
    assert model.children == (Linear(2, 3), Linear(3, 1))
    s = nl.get_scalar("float32")
    x = nl.Tensor.of(s, np.ones((1, 1)))
    one = Perceptron((1, 1)).with_children((Linear(1, 1),))
    parameters = [nl.Tensor.of(s, np.ones((1, 1))), nl.Tensor.of(s, np.zeros(1))]
    assert one(parameters, x, EVALUATION).item() == -1.0


@pytest.mark.parametrize(
    ("layer", "other", "text", "plain"),
    [
        (
            Sequential(Linear(2, 3), sample_shape=(2,)),
            Sequential(Linear(2, 3)),
            "Sequential(Linear(in_features=2, out_features=3), sample_shape=(2,))",
            {
                "class": "Sequential",
                "layers": [{"class": "Linear", "in_features": 2, "out_features": 3}],
                "sample_shape": [2],
            },
        ),
        (
            Residual(nn.LayerNorm(2)),
            Residual(nn.LayerNorm(3)),
            "Residual(LayerNorm(features=2, epsilon=1e-05))",
            {
                "class": "Residual",
                "layers": [{"class": "LayerNorm", "features": 2, "epsilon": 1e-05}],
            },
        ),
        (
            nn.Reshape(1, 2),
            nn.Reshape(2, 1),
            "Reshape(shape=(1, 2))",
            {"class": "Reshape", "shape": [1, 2]},
        ),
    ],
)
def test_layers_of_any_number_of_arguments_are_values(layer, other, text, plain):
    again = pickle.loads(pickle.dumps(layer))
    assert again == layer
    assert hash(again) == hash(layer)
    assert layer != other
    assert repr(layer) == text
    assert fingerprint(layer) == plain
    with pytest.raises(AttributeError, match="cannot assign"):
        layer.name = ""


class PlainComposite(nn.Layer):
    """A composite that is not a dataclass and keeps its children in any form."""

    name = "PlainComposite"

    def __init__(self, kept, *children):
        self.kept = kept
        self._children = frozenset(children)  # a form that no fingerprint reads

    @property
    def children(self):
        return tuple(self._children)

    def __call__(self, parameters, x, context):
        return x


@pytest.mark.parametrize(
    ("layer", "other"),
    [
        (PlainComposite([Linear(2, 3)]), PlainComposite([Linear(2, 3), nn.Tanh()])),
        (PlainComposite({"a": nn.Tanh()}), PlainComposite({"a": nn.ReLU()})),
        (PlainComposite(nn.Tanh()), PlainComposite(nn.ReLU())),
        (PlainComposite(1, nn.Tanh()), PlainComposite(1, nn.ReLU())),
        (PlainComposite(lambda x: x * 2), PlainComposite(lambda x: x * 3)),
        (PlainComposite(nl.ops.tanh), PlainComposite(nl.ops.exp)),
        (PlainComposite(np.ones(2)), PlainComposite(np.zeros(2))),
    ],
)
def test_fingerprints_of_plain_objects_tell_children_functions_and_arrays_apart(layer, other):
    assert fingerprint(layer) == fingerprint(layer)
    assert fingerprint(layer) != fingerprint(other)


def test_a_layer_that_takes_indices_of_any_number_does_so_in_a_composite_and_when_traced():
    class Tokens(nn.Layer):
        name = "Tokens"
        takes_indices = True

        def __call__(self, parameters, x, context):
            return x

    task = nl.Task.regression(Sequential(Tokens()))
    assert task.model.takes_indices
    assert instrument(task, Trace()).model.takes_indices
    assert not Sequential(Linear(2, 3)).takes_indices
    assert Sequential(nn.Embedding(3, 2)).takes_indices
