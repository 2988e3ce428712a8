"""A public function refuses arguments of wrong kinds in one line, or accepts what they mean."""

from fractions import Fraction

import numpy as np
import pytest

import fuzz_signatures
import numlean as nl
from numlean.arguments import checked
from numlean.arguments.kinds import kind_of

S = nl.get_scalar("bfloat16")
X = nl.Tensor.of(S, [[1.0, 2.0], [3.0, 4.0]])


@pytest.mark.parametrize(
    ("call", "rule"),
    [
        (lambda: nl.inspect(0.1), "inspect: x must be a Tensor such as .*, got 0.1"),
        (lambda: nl.ops.exp(1.0), "exp takes a Tensor, got 1.0"),
        (lambda: nl.ops.exp(), "exp takes 1 tensors, got 0 arguments"),
        (lambda: nl.nn.functional.softmax(np.zeros(3)), "softmax: x must be a Tensor"),
        (lambda: nl.get_scalar(None), "get_scalar: dtype must be a text, got None"),
        (lambda: S.from_string(None), "from_string: texts must be a text or a list.*, got None"),
        (lambda: nl.nn.Linear(3.0, 2), "Linear: in_features must be an integer, got 3.0"),
        (lambda: nl.nn.Linear(True, 2), "Linear: in_features must be an integer, got True"),
        (lambda: nl.TrainConfig(1, optimizer="adam"), r"Optimizer such as nl\.adam\(0\.001\), got"),
        (lambda: nl.Task.regression("x"), r"Layer such as nl\.nn\.Linear\(2, 1\), got 'x'"),
        (lambda: nl.Task.regression(nl.nn.Linear), "Task.regression: model must be a Layer"),
        (lambda: nl.nn.Sequential(nl.nn.ReLU), "Sequential: layers must be a Layer"),
        (lambda: nl.nn.Sequential([nl.nn.ReLU()]), "Sequential: layers must be a Layer"),
        (lambda: nl.adam("0.1"), "adam: lr must be a number in the range of binary64, got '0.1'"),
        (lambda: nl.sgd(10**400), "sgd: lr must be a number in the range of binary64"),
        (lambda: nl.sgd(0.1, nesterov="no"), "nesterov must be True or False, got 'no'"),
        (lambda: nl.Options(seed=1.5), "Options: seed must be an integer, got 1.5"),
        (lambda: nl.Tensor(1, 2), "Tensor takes a Scalar and an array of its storage"),
        (lambda: nl.Tensor.of(None, 1.0), "scalar must be a Scalar or the name of a dtype"),
        (lambda: X.sum("rows"), "sum: axis must be an integer"),
        (lambda: X.sum(reduction="tree"), "unknown reduction 'tree'"),
        (lambda: X.reshape("a"), "cannot reshape"),
        (lambda: nl.ops.concat(X, "a"), "concat: axis must be an integer, got 'a'"),
        (lambda: nl.ops.concat([]), "concat takes at least one tensor"),
        (lambda: nl.losses.mse(reduction="avg"), "unknown reduction 'avg'.* known: mean, sum"),
        (lambda: nl.instantiate("xor", "bfloat16"), "instantiate: task must be a Task such as"),
        (lambda: nl.Dataset.of_list(3), "samples must be a sequence"),
        (lambda: nl.DataLoader([1], 1), "DataLoader: dataset must be a Dataset such as"),
        (lambda: nl.schedules.step(0.1, "2"), "step: size must be an integer, got '2'"),
        (lambda: nl.nn.Linear(2, 1)((), X, None), "context must be a Context, got None"),
    ],
)
def test_a_wrong_kind_is_refused_with_the_argument_and_the_value(call, rule):
    with pytest.raises(nl.NumleanError, match=rule) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_what_can_only_mean_one_thing_is_accepted():
    assert nl.Tensor.of("bfloat16", [1.0, 2.0]).scalar == S
    assert nl.nn.Conv2d(1, 1, [3, 3]) == nl.nn.Conv2d(1, 1, (3, 3))
    assert nl.nn.Linear(np.int64(3), np.uint8(2)) == nl.nn.Linear(3, 2)
    assert type(nl.nn.Linear(np.int64(3), 2).in_features) is int
    assert nl.sgd(np.float32(0.5)) == nl.sgd(0.5)
    assert nl.sgd(np.array(0.5), nesterov=np.False_) == nl.sgd(0.5)
    assert nl.sgd(Fraction(1, 2)) == nl.sgd(0.5)
    assert nl.losses.mse(reduction="sum") == nl.losses.mse(reduction=nl.Reduction.SUM)
    assert nl.nn.models.mlp(np.array([2, 3, 1])) == nl.nn.models.mlp([2, 3, 1])
    assert nl.nn.Sequential(nl.nn.Flatten(), sample_shape=[2, 2]).sample_shape == (2, 2)
    runner = nl.instantiate(nl.Task.regression(nl.nn.Linear(2, 1)), "bfloat16")
    assert runner.loss(([1.0, 2.0], [0.0])) == runner.loss(nl.Sample([1.0, 2.0], [0.0]))


def test_the_number_of_arguments_is_python_s_to_check():
    for call in (nl.get_scalar, lambda: nl.nn.Linear(1), lambda: nl.sgd(0.1, rate=1)):
        with pytest.raises(TypeError, match="argument"):
            call()


def test_a_checked_function_keeps_its_name_and_its_signature():
    @checked
    def double(x: int, *more: float, sign: str = "+") -> float:
        """Return twice the number."""
        return 2 * x + sum(more)

    assert double.__name__ == "double"
    assert double(np.int8(2), 1, 0.5) == 5.5
    for wrong in (lambda: double("2"), lambda: double(2, "1"), lambda: double(2, sign=1)):
        with pytest.raises(nl.NumleanError, match=r"double: (x|more|sign) must be"):
            wrong()


@pytest.mark.parametrize(
    ("annotation", "described"),
    [
        (int | None, "an integer or None"),
        (int | tuple[int, int], "an integer or a pair, each an integer"),
        (tuple[int, ...], "a tuple, each an integer"),
        (list[str] | str, "a list, each a text or a text"),
        (nl.Mode, "a Mode, one of train, eval"),
        (nl.Reduction | None, "a Reduction, one of mean, sum or None"),
    ],
)
def test_an_annotation_describes_what_it_allows(annotation, described):
    assert kind_of(annotation).description == described


PUBLIC = (
    *("numlean.nn", "numlean.ops", "numlean.optim", "numlean.losses", "numlean.schedules"),
    *("numlean.Tensor", "numlean.Task", "numlean.Options", "numlean.adam", "numlean.sgd"),
    *("numlean.Dataset", "numlean.DataLoader", "numlean.Runner", "numlean.get_scalar"),
    *("numlean.TrainConfig", "numlean.steps", "numlean.inspect", "numlean.Flags"),
)


def test_no_wrong_argument_of_a_sample_gives_a_raw_error():
    # ``python tools/fuzz_signatures.py`` tries all arguments of all public functions.
    assert fuzz_signatures.failures(seed=18, calls=1500, only=PUBLIC) == []
