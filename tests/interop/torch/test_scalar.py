"""PyTorch's operations as a Scalar: its bits, and ours for operations that it lacks."""

import sys

import numpy as np
import pytest

from numlean import Options, RunSpec, Task, crosscheck, get_scalar, interop, nn, sgd, steps
from numlean.data import Dataset
from numlean.errors import NumleanError, ShapeError, StorageError, UnavailableError
from numlean.interop.torch import TorchScalar
from numlean.scalar.dtype import Dtype
from numlean.scalar.elementary import ARITIES
from numlean.testing import check_scalar
from numlean_backends.torch_scalar import torch32, torch64

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

OURS = get_scalar("float32")
S = TorchScalar(OURS)
RNG = np.random.default_rng(211)
BASIC = {"add": 2, "sub": 2, "mul": 2, "div": 2, "sqrt": 1, "neg": 1, "abs": 1, "lt": 2, "eq": 2}
THEIR_NAMES = {"softplus": torch.nn.functional.softplus, "min_num": torch.fmin}


def numbers(*shape):
    return RNG.uniform(0.1, 0.9, shape).astype(np.float32)


def same(z, expected):
    expected = expected.numpy()
    return z.dtype == expected.dtype and np.array_equal(z, expected, equal_nan=True)


FUNCTIONS = tuple(name for name in ARITIES if name not in ("cbrt", "exp10"))  # PyTorch has neither


@pytest.mark.parametrize("name", [*BASIC, "minimum", "min_num", *FUNCTIONS])
def test_operations_on_elements_are_pytorch_s_and_broadcast(name):
    arity = BASIC.get(name, 2 if name.startswith("min") else ARITIES.get(name))
    operands = [numbers(7, 33), numbers(33)][:arity]
    theirs = THEIR_NAMES.get(name) or getattr(torch, name)
    assert same(getattr(S, name)(*operands), theirs(*map(torch.from_numpy, operands)))


def test_products_sums_and_extrema_are_pytorch_s():
    a, b = numbers(9, 40), numbers(40, 6)
    x, y = torch.from_numpy(a), torch.from_numpy(b)
    assert same(S.matmul(a, b), x @ y)
    assert same(S.matmul(b.T, a.T), y.T @ x.T)
    c = numbers(3, 40, 2)
    batch = x.reshape(3, 3, 40)
    assert same(S.bmm(a.reshape(3, 3, 40), c), torch.bmm(batch, torch.from_numpy(c)))
    assert same(S.sum(a), x.sum())
    assert same(S.sum(a, 0, keepdims=True), x.sum(0, keepdim=True))
    assert same(S.max(a, 1), x.amax(1))
    assert same(S.argmax(a), x.argmax(-1))


def test_scattered_elements_are_added_by_pytorch_and_minus_one_selects_no_cell():
    x, index = numbers(6), np.array([2, 0, -1, 2, 2, 0])
    kept = index >= 0
    expected = torch.zeros(4).index_add(0, torch.tensor(index[kept]), torch.tensor(x[kept]))
    assert same(S.scatter_add(x, index, (2, 2)), expected.reshape(2, 2))
    rows = numbers(2, 3)
    assert np.array_equal(S.scatter_add(rows, np.array([1, -1]), (2, 3))[1], rows[0])


def test_operations_that_pytorch_lacks_are_the_inner_scalar_s():
    a, b, c = numbers(5, 30), numbers(5, 30), numbers(5, 30)
    for name, operands in {"fma": (a, b, c), "cbrt": (a,), "rem": (a, b), "next_up": (a,)}.items():
        assert np.array_equal(getattr(S, name)(*operands), getattr(OURS, name)(*operands))
    fused = {"contraction": "fma"}
    assert np.array_equal(S.matmul(a, b.T, **fused), OURS.matmul(a, b.T, **fused))
    tree = {"reduction": "pairwise"}
    assert np.array_equal(S.sum(a, 1, **tree), OURS.sum(a, 1, **tree))
    assert np.array_equal(S.take(a, np.array([3, -1])), OURS.take(a, np.array([3, -1])))


def test_arrays_that_pytorch_does_not_take_as_they_are_are_copied():
    x = numbers(4, 8)
    backwards, frozen = x[::-1], np.broadcast_to(x[0], (4, 8))
    assert same(S.add(backwards, frozen), torch.tensor(backwards.copy()) + torch.tensor(x[0]))
    assert same(S.matmul(frozen, x.T), torch.tensor(frozen) @ torch.tensor(x).T)
    assert S.tanh(x.T).flags.c_contiguous


def test_numbers_of_another_type_are_refused_as_everywhere():
    x = numbers(2, 3)
    with pytest.raises(StorageError, match="float64"):
        S.add(x, x.astype(np.float64))
    with pytest.raises(ShapeError, match="do not broadcast"):
        S.add(x, numbers(2))
    with pytest.raises(ShapeError):
        S.matmul(x, x)
    with pytest.raises(ShapeError):
        S.sum(x, 2)


def test_it_keeps_every_promise_that_does_not_depend_on_rounding():
    report = check_scalar(S)
    assert report.failures == ()
    assert len(report.passed) > 50


def test_the_number_of_threads_is_restored_after_computing_on_one(monkeypatch):
    before, seen = torch.get_num_threads(), []
    tanh = torch.tanh
    monkeypatch.setattr(torch, "tanh", lambda x: seen.append(torch.get_num_threads()) or tanh(x))
    torch.set_num_threads(2)
    try:
        S.tanh(numbers(3))
        assert (seen, torch.get_num_threads()) == ([1], 2)
    finally:
        torch.set_num_threads(before)


def test_both_formats_are_dtypes_with_a_name_of_their_own():
    for backend, name, inner in ((torch32, "torch32", "float32"), (torch64, "torch64", "float64")):
        scalar = backend.make(Dtype.parse(name), "cpu")
        assert (scalar.name, scalar.reference_dtype, scalar.format) == (name, inner, backend.format)
        assert torch.__version__ in scalar.describe()
        assert scalar == backend.make(Dtype.parse(name), "cpu") != get_scalar(inner)


def test_it_cannot_be_recorded_nor_hold_other_numbers():
    with pytest.raises(UnavailableError, match="--backend eager"):
        S.with_recorder([])
    with pytest.raises(UnavailableError, match="not with numbers of bfloat16"):
        TorchScalar(get_scalar("bfloat16"))


@pytest.mark.parametrize(
    "use",
    [
        lambda: TorchScalar(OURS),
        lambda: torch32.make(Dtype.parse("torch32"), "cpu"),
        lambda: interop.torch.compare("xor"),
        lambda: interop.torch.drift("xor"),
    ],
)
def test_without_pytorch_one_line_names_the_package_to_install(monkeypatch, use):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(NumleanError, match=r"pip install 'numlean\[torch\]'") as caught:
        use()
    assert "\n" not in str(caught.value)


TASK = Task.regression(nn.Sequential(nn.Linear(1, 1), nn.Tanh()))
DATA = Dataset.of_arrays([[0.7], [0.4]], [[1.0], [0.5]])
CONFIG = steps(3, optimizer=sgd(0.5))
"""Sums of one term only: every operation but tanh is correctly rounded in PyTorch, too."""


def checked():
    return crosscheck(TASK, "float32", RunSpec("torch", S, Options()), config=CONFIG, data=DATA)


def test_a_crosscheck_names_the_operation_and_compares_pytorch_with_our_results(monkeypatch):
    monkeypatch.setattr(torch, "tanh", lambda x: torch.from_numpy(OURS.tanh(x.numpy())))
    assert checked().identical
    off = lambda x: torch.from_numpy(OURS.next_up(OURS.tanh(x.numpy())))  # noqa: E731
    monkeypatch.setattr(torch, "tanh", off)
    (pair,) = checked().pairs
    found = pair.divergence
    assert (found.step, found.operation, found.call, found.ulps) == (0, "tanh", 0, 1)
    assert [judgement.is_right for judgement in found.assessments] == [True, False]
    assert found.where == "forward, 1 Tanh"


def test_a_product_in_another_order_is_reported_with_its_cause(monkeypatch):
    fused = lambda a, b: torch.from_numpy(  # noqa: E731
        OURS.matmul(a.numpy(), b.numpy(), contraction="fma")
    )
    monkeypatch.setattr(torch, "matmul", fused)
    task = Task.regression(nn.Sequential(nn.Linear(8, 1)))
    data = Dataset.of_arrays(RNG.uniform(0, 1, (4, 8)), np.ones((4, 1)))
    side = RunSpec("torch", S, Options())
    (pair,) = crosscheck(task, "float32", side, config=steps(20), data=data).pairs
    assert pair.divergence.operation == "matmul"
    causes = pair.divergence.assessments[1].causes
    assert causes[0] == "products are contracted into fused multiply-adds"
