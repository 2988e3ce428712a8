"""Class weights, ignored labels and label smoothing, against the formulas in numpy.

The formulas are those of PyTorch's documentation of ``CrossEntropyLoss``. Gradients are compared
with complex steps, which are exact to the last bits.
"""

from fractions import Fraction

import numpy as np
import pytest

import numlean as nl
from numlean import nn
from numlean.autograd import value_and_gradient
from numlean.autograd.indices import INDEX
from numlean.errors import DataError, NumleanError, ShapeError
from numlean.losses import Reduction, cross_entropy, cross_entropy_one_hot, nll_one_hot

S = nl.get_scalar("float64")
RNG = np.random.default_rng(1802)
STEP = 1e-40
WEIGHT = np.array([0.25, 3.0, 1.0, 0.7])
LOGITS = 2 * RNG.standard_normal((5, 3, 4))
LABELS = RNG.integers(0, 4, (5, 3))
SOME = np.where(RNG.random((5, 3)) < 0.4, -100, LABELS)


def log_softmax(x):
    shifted = x - x.real.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def by_labels(x, labels, *, weight=None, ignore_index=-100, label_smoothing=0.0, mean=True):
    """Return the loss by a loop over the labels."""
    w, logs, total, divisor = np.ones(4) if weight is None else weight, log_softmax(x), 0.0, 0.0
    for place in np.ndindex(labels.shape):
        y = labels[place]
        if y == ignore_index:
            continue
        total -= (1 - label_smoothing) * w[y] * logs[place][y]
        total -= label_smoothing / 4 * (w * logs[place]).sum()
        divisor += w[y]
    return total / divisor if mean else total


def by_rows(x, rows, *, weight=None, label_smoothing=0.0, mean=True):
    rows = rows * (1 - label_smoothing) + label_smoothing / 4
    total = -(log_softmax(x) * rows * (1 if weight is None else weight)).sum()
    return total / rows[..., 0].size if mean else total


OPTIONS = {
    "weights": {"weight": WEIGHT},
    "smoothing": {"label_smoothing": 0.1},
    "ignored": {"ignore_index": -100},
    "an ignored class": {"ignore_index": 2},
    "everything": {"weight": WEIGHT, "label_smoothing": 0.3, "ignore_index": -100},
}


def assert_is(loss, target, x, reference):
    """Compare a loss and its gradient with a formula."""
    (value, (gradient,)) = value_and_gradient(
        lambda given: loss(given[0], target), [nl.Tensor.of(S, x)]
    )
    assert value.item() == pytest.approx(reference(x), rel=1e-13)
    expected = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        moved = x.astype(complex)
        moved[place] += 1j * STEP
        expected[place] = reference(moved).imag / STEP
    assert gradient.to_float() == pytest.approx(expected, rel=1e-11, abs=1e-15)


@pytest.mark.parametrize("reduction", Reduction)
@pytest.mark.parametrize("name", OPTIONS)
def test_the_cross_entropy_of_labels_is_the_formula_and_so_is_its_gradient(name, reduction):
    options, mean = OPTIONS[name], reduction is Reduction.MEAN
    labels = SOME if options.get("ignore_index") == -100 else LABELS
    loss = cross_entropy(reduction=reduction, **options)
    target = loss.read_labels(labels)
    assert_is(loss, target, LOGITS, lambda x: by_labels(x, labels, mean=mean, **options))
    logits = nl.Tensor.of(S, LOGITS)
    assert loss(logits, nl.Tensor(INDEX, labels)).item() == loss(logits, target).item()


@pytest.mark.parametrize("reduction", Reduction)
@pytest.mark.parametrize(
    "options", [{"weight": WEIGHT}, {"label_smoothing": 0.2}, OPTIONS["everything"]]
)
def test_the_cross_entropy_of_distributions_is_the_formula_and_so_is_its_gradient(
    options, reduction
):
    options = {name: v for name, v in options.items() if name != "ignore_index"}
    rows = RNG.dirichlet(np.ones(4), (5, 3))
    loss = cross_entropy_one_hot(reduction=reduction, **options)
    mean = reduction is Reduction.MEAN
    assert_is(loss, nl.Tensor.of(S, rows), LOGITS, lambda x: by_rows(x, rows, mean=mean, **options))
    if "weight" in options and "label_smoothing" not in options:
        nll = nll_one_hot(reduction=reduction, weight=WEIGHT)
        logs = nl.Tensor.of(S, log_softmax(LOGITS))
        found = nll(logs, nl.Tensor.of(S, rows)).item()
        assert found == pytest.approx(by_rows(LOGITS, rows, mean=mean, **options), rel=1e-13)


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("reduction", Reduction)
def test_a_sample_s_own_loss_has_the_bits_of_a_batch_of_one(name, reduction):
    loss = cross_entropy(reduction=reduction, **OPTIONS[name])
    target = loss.read_labels(SOME if loss.ignore_index == -100 else LABELS)
    each = loss.per_sample(nl.Tensor.of(S, LOGITS), target).to_float()
    ones = [
        loss(nl.Tensor.of(S, LOGITS[k : k + 1]), nl.Tensor(INDEX, target.data[k : k + 1])).item()
        for k in range(5)
    ]
    assert each.tolist() == ones


def test_weights_of_one_and_an_unused_ignored_label_change_no_bit_in_any_format():
    x, labels = 3 * RNG.standard_normal((300, 4)), RNG.integers(0, 4, 300)
    for name in ("bfloat16", "ieee32exec", "mp:9"):
        scalar = nl.get_scalar(name, None if name == "mp:9" else "python")
        logits, target = nl.Tensor.of(scalar, x), nl.Tensor(INDEX, labels)
        plain = scalar.to_bytes(cross_entropy()(logits, target).data)
        # In bfloat16, 300 ones added one by one are 256: the divisor is counted exactly.
        for options in ({"weight": np.ones(4)}, {"ignore_index": -100}):
            assert scalar.to_bytes(cross_entropy(**options)(logits, target).data) == plain


def test_the_divisor_is_the_exact_sum_of_the_weights_rounded_once():
    weight = [1.0, 2.0**-30, 3.0]
    labels = np.array([0] * 7 + [1] * 5 + [2] * 300)
    exact = sum(Fraction(weight[y]) for y in labels)
    scalar = nl.get_scalar("ieee32exec", "python")
    # Each logarithm is -log 2 ** 0 = 0 but one, so that the sum is exact.
    logits = np.full((312, 3), -200.0)
    logits[np.arange(312), labels] = 0
    logits[-1] = [-200.0, -200.0, -50.0]
    logits[-1, 0] = 0
    mean, total = (
        cross_entropy(weight=weight, reduction=r)(
            nl.Tensor.of(scalar, logits), nl.Tensor(INDEX, labels)
        )
        for r in (Reduction.MEAN, Reduction.SUM)
    )
    divisor = scalar.from_float(float(np.float32(float(exact))))
    assert scalar.to_bits(mean.data) == scalar.to_bits(scalar.div(total.data, divisor))
    assert total.item() == 150


def test_labels_that_are_all_ignored_give_a_nan_without_a_gradient():
    loss = cross_entropy(ignore_index=-100, weight=WEIGHT, label_smoothing=0.5)
    target = loss.read_labels([-100, -100])
    (value, (gradient,)) = value_and_gradient(
        lambda given: loss(given[0], target), [nl.Tensor.of(S, LOGITS[0, :2])]
    )
    assert np.isnan(value.item())
    assert not gradient.to_float().any()
    total = cross_entropy(ignore_index=-100, reduction=Reduction.SUM)
    assert total(nl.Tensor.of(S, LOGITS[0, :2]), target).item() == 0


@pytest.mark.parametrize("backend", ["eager", "compiled"])
def test_ignored_labels_and_weights_hold_in_a_training_of_every_engine(backend):
    x, labels = RNG.standard_normal((4, 6, 2)), RNG.integers(0, 3, (4, 6))
    labels[RNG.random((4, 6)) < 0.5] = -1
    labels[:, 0] = [0, 1, 2, 0]
    loss = cross_entropy(weight=[1, 2, 0.5], ignore_index=-1)
    task = nl.Task(nn.Sequential(nn.Linear(2, 3)), loss)
    runner = nl.instantiate(task, "float64", nl.Options(backend=backend))
    step = nl.stepper(runner, nl.sgd(0.5))
    w, b = (p.to_float() for p in runner.params)
    for k in range(4):
        found = step.step(nl.Batch(x[k], labels[k])).item()
        kept = labels[k] >= 0
        logits = x[k] @ w.T + b
        shares = np.exp(log_softmax(logits))
        weights = np.where(kept, np.array([1, 2, 0.5])[labels[k]], 0)
        each = -log_softmax(logits)[np.arange(6), labels[k]]
        assert found == pytest.approx((weights * each)[kept].sum() / weights.sum(), rel=1e-12)
        error = (shares - np.eye(3)[labels[k]]) * (weights / weights.sum())[:, None]
        w, b = w - 0.5 * error.T @ x[k], b - 0.5 * error.sum(0)
        assert runner.params[0].to_float() == pytest.approx(w, rel=1e-11)
        assert runner.params[1].to_float() == pytest.approx(b, rel=1e-11)


def test_ignored_labels_count_neither_in_the_accuracy_nor_in_the_mean_loss():
    task = nl.Task(nn.Sequential(nn.Embedding(4, 3)), cross_entropy(ignore_index=9))
    runner = nl.instantiate(task, "float64")
    tokens, labels = RNG.integers(0, 4, (5, 2)), RNG.integers(0, 3, (5, 2))
    labels[0], labels[1, 0] = 9, 9
    logits = runner.params[0].to_float()[tokens]
    kept = labels != 9
    data = nl.Dataset.of_arrays(tokens, labels)
    assert runner.accuracy(data) == ((logits.argmax(-1) == labels)[kept].sum(), 7)
    each = [
        -log_softmax(z[k])[np.arange(k.sum()), y[k]].mean()
        for z, y, k in zip(logits, labels, kept, strict=True)
        if k.any()
    ]
    assert runner.mean_loss(data).item() == pytest.approx(np.mean(each), rel=1e-13)
    samples = [nl.Sample(x, y) for x, y in zip(tokens, labels, strict=True)]
    assert runner.mean_loss(samples).item() == runner.mean_loss(data).item()


@pytest.mark.parametrize(
    ("use", "error", "words"),
    [
        (lambda: cross_entropy(weight=[1, -1]), NumleanError, r"from 0 on .* got \[1, -1\]"),
        (lambda: cross_entropy(weight="ab"), NumleanError, "got 'ab'"),
        (lambda: cross_entropy(weight=[]), NumleanError, "one finite number"),
        (lambda: cross_entropy(weight=[[1.0]]), NumleanError, "one finite number"),
        (lambda: cross_entropy(weight=[1, np.nan]), NumleanError, "one finite number"),
        (lambda: cross_entropy(label_smoothing=1.5), NumleanError, "from 0 to 1, got 1.5"),
        (lambda: cross_entropy(label_smoothing=np.nan), NumleanError, "from 0 to 1, got nan"),
        (lambda: cross_entropy(ignore_index=1.5), NumleanError, "integer or None, got 1.5"),
        (
            lambda: cross_entropy(weight=[1, 2])(nl.Tensor.of(S, LOGITS), nl.Tensor(INDEX, LABELS)),
            ShapeError,
            "2 class weights, but predictions have 4 classes",
        ),
        (
            lambda: cross_entropy(ignore_index=-100)(
                nl.Tensor.of(S, LOGITS), nl.Tensor(INDEX, np.where(LABELS == 1, -5, LABELS))
            ),
            DataError,
            "label -5 is negative and not the ignore_index, -100",
        ),
        (
            lambda: cross_entropy(ignore_index=-100).read_labels([0, -1]),
            DataError,
            "from 0 on",
        ),
    ],
)
def test_an_option_without_a_meaning_is_refused_in_one_line(use, error, words):
    with pytest.raises(error, match=words) as caught:
        use()
    assert "\n" not in str(caught.value)
