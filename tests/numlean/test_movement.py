"""Numbers moved about and added into cells, on every kind of Scalar alike."""

import numpy as np
import pytest

from numlean import CountingScalar, Tensor, get_scalar
from numlean.errors import DataError, ShapeError
from numlean.indices import INDICES

NAMES = ("float32", "ieee32exec", "mp:24", "ieee32exec@round=stochastic", "counting")
RNG = np.random.default_rng(83)


@pytest.fixture(params=NAMES)
def scalar(request):
    name = request.param
    return CountingScalar(get_scalar("ieee32exec")) if name == "counting" else get_scalar(name)


def test_movement_is_numpy_s(scalar):
    values = RNG.integers(-9, 9, (2, 3)).astype(float)
    x = scalar.from_float(values)
    index = np.array([[5, -1], [0, 5]])

    def seen(z):
        assert z.flags.c_contiguous
        return scalar.to_float(z).tolist()

    assert seen(scalar.copy(x.T)) == values.T.tolist()
    assert seen(scalar.copy(np.broadcast_to(x, (2, 2, 3)))) == [values.tolist()] * 2
    assert seen(scalar.concat([x, x[:, :1]], 1)) == np.c_[values, values[:, :1]].tolist()
    assert seen(scalar.take(x, index)) == np.where(index < 0, 0, values.flat[index]).tolist()
    assert seen(scalar.select(values > 0, x)) == np.where(values > 0, values, 0).tolist()
    assert seen(scalar.max(x, 0)) == values.max(0).tolist()
    assert seen(scalar.max(x, -1, keepdims=True)) == values.max(1, keepdims=True).tolist()
    placed = np.zeros((3, 3))
    placed[1:, :] = values
    assert seen(scalar.place(x, (3, 3), (slice(1, 3), slice(None)))) == placed.tolist()
    assert seen(scalar.fed(lambda: values)) == values.tolist()


@pytest.mark.parametrize("name", ["float32", "ieee32exec", "counting"])
def test_elements_are_added_into_cells_in_ascending_order_from_plus_zero(name):
    scalar = get_scalar("ieee32exec" if name == "counting" else name)
    scalar = CountingScalar(scalar) if name == "counting" else scalar
    x = (RNG.standard_normal((40, 5)) * 10.0 ** RNG.integers(-3, 4, (40, 5))).astype(np.float32)
    x[3, 3] = -0.0
    index = RNG.integers(-1, 7, x.shape)
    index[3, 3] = 7
    expected = np.zeros(9, np.float32)
    for place, value in zip(index.ravel(), x.ravel(), strict=True):
        if place >= 0:
            expected[place] = expected[place] + value
    z = scalar.scatter_add(scalar.from_float(x), index, (3, 3))
    assert np.array_equal(scalar.to_bits(z).ravel(), expected.view(np.uint32))


def test_indices_are_whole_numbers_and_within():
    s = get_scalar("float32")
    x = s.from_float(np.zeros((2, 2)))
    with pytest.raises(ShapeError, match="index 4 of an array with 4"):
        s.take(x, np.array([4]))
    with pytest.raises(ShapeError, match="index -2"):
        s.take(x, np.array([-2]))
    with pytest.raises(ShapeError, match=r"\(3,\) for an array of shape \(2, 2\)"):
        s.scatter_add(x, np.array([0, 1, 2]), (4,))
    with pytest.raises(ShapeError, match="concat"):
        s.concat([x, s.from_float(np.zeros((3, 3)))], 0)
    for wrong in (0.5, -1, float("nan")):
        with pytest.raises(DataError, match="whole number"):
            Tensor.of(INDICES, [1, wrong])
