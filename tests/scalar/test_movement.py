"""Operations that move numbers or add them into cells, on every kind of Scalar."""

import numpy as np
import pytest

from numlean import CountingScalar, Tensor, get_scalar
from numlean.autograd.indices import INDEX
from numlean.errors import DataError, ShapeError

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
    assert seen(scalar.where(values > 0, x)) == np.where(values > 0, values, 0).tolist()
    assert seen(scalar.max(x, 0)) == values.max(0).tolist()
    assert seen(scalar.max(x, -1, keepdims=True)) == values.max(1, keepdims=True).tolist()
    assert seen(scalar.take(x, np.array([1, -1]), row_axes=1)) == [values[1].tolist(), [0, 0, 0]]
    chosen = np.array([2, 0])
    assert seen(scalar.take_along_axis(x, chosen)) == values[[0, 1], chosen].tolist()
    spread = np.where(np.arange(3) == chosen[:, None], values[[0, 1], chosen][:, None], 0)
    assert (
        seen(scalar.scatter_along_axis(scalar.take_along_axis(x, chosen), chosen, 3))
        == spread.tolist()
    )
    assert scalar.argmax(x).tolist() == values.argmax(1).tolist()
    assert scalar.argmax(x, 0).tolist() == values.argmax(0).tolist()
    placed = np.zeros((3, 3))
    placed[1:, :] = values
    assert seen(scalar.pad(x, (3, 3), (slice(1, 3), slice(None)))) == placed.tolist()
    assert seen(scalar.from_host_callback(lambda: values)) == values.tolist()


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


@pytest.mark.parametrize("name", ["float32", "counting"])
def test_rows_are_added_into_rows_as_their_elements_are(name):
    scalar = get_scalar("ieee32exec" if name == "counting" else name)
    scalar = CountingScalar(scalar) if name == "counting" else scalar
    x = scalar.from_float(RNG.standard_normal((2, 7, 3)) * 10.0 ** RNG.integers(-3, 4, (2, 7, 3)))
    index = RNG.integers(-1, 4, (2, 7))
    rows = scalar.scatter_add(x, index, (2, 2, 3))
    places = np.where(index[..., None] < 0, -1, 3 * index[..., None] + np.arange(3))
    elements = scalar.scatter_add(x, places, (2, 2, 3))
    assert np.array_equal(scalar.to_bits(rows), scalar.to_bits(elements))


def test_random_rounding_adds_into_cells_without_bias():
    scalar = get_scalar("ieee32exec@round=stochastic").with_reset_stream()
    x = scalar.from_float([[1.0] * 2000, [2.0**-25] * 2000])
    index = np.array([np.arange(2000)] * 2)
    scalar.start_step(0)
    z = scalar.to_float(scalar.scatter_add(x, index, (2000,)))
    assert set(z) == {1.0, 1.0 + 2.0**-23}
    assert abs((z > 1).mean() - 0.25) < 0.05
    scalar.start_step(0)
    assert np.array_equal(scalar.to_float(scalar.scatter_add(x, index, (2000,))), z)


def test_indices_of_a_wrong_shape_are_refused():
    s = get_scalar("float32")
    x = s.from_float(np.zeros((2, 3)))
    with pytest.raises(ShapeError, match=r"must have shape \(2,\), got \(3,\)"):
        s.take_along_axis(x, np.array([0, 1, 2]))
    with pytest.raises(ShapeError, match="index 3 is out of range for an array with 3"):
        s.take_along_axis(x, np.array([0, 3]))
    with pytest.raises(ShapeError, match="axis 2"):
        s.take_along_axis(x, np.array([0, 1]), 2)
    with pytest.raises(ShapeError, match="index 4 is out of range for an array with 4"):
        s.scatter_along_axis(x[:, 0], np.array([0, 4]), 4)
    with pytest.raises(ShapeError, match="empty"):
        s.argmax(x[:, :0])
    with pytest.raises(ShapeError, match="axis -3"):
        s.argmax(x, -3)
    with pytest.raises(ShapeError, match=r"cells of shape \(4, 2\)"):
        s.scatter_add(x, np.array([0, 1]), (4, 2))


def test_indices_are_integers_in_range():
    s = get_scalar("float32")
    x = s.from_float(np.zeros((2, 2)))
    with pytest.raises(ShapeError, match="index 4 is out of range for an array with 4"):
        s.take(x, np.array([4]))
    with pytest.raises(ShapeError, match="index -2"):
        s.take(x, np.array([-2]))
    with pytest.raises(ShapeError, match=r"\(3,\) does not fit an array of shape \(2, 2\)"):
        s.scatter_add(x, np.array([0, 1, 2]), (4,))
    with pytest.raises(ShapeError, match="concat"):
        s.concat([x, s.from_float(np.zeros((3, 3)))], 0)
    for wrong in (0.5, -1, float("nan")):
        with pytest.raises(DataError, match="must be an integer from 0 on"):
            Tensor.of(INDEX, [1, wrong])
