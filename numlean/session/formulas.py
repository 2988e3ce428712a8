"""The formulas of those operations of a session that are not primitives; they fix the bits."""

from __future__ import annotations

from numlean.autograd import primitives as ops
from numlean.autograd.tensor import Tensor
from numlean.errors import ShapeError
from numlean.nn import (
    EVALUATION,
    AvgPool2d,
    Conv2d,
    Layer,
    LayerNorm,
    MaxPool2d,
    MultiHeadAttention,
    SmoothMaxPool2d,
)
from numlean.nn.linear import affine
from numlean.precision.arithmetic import UNIFORM


def scale(x: Tensor, *, factor: float) -> Tensor:
    """Return x * factor."""
    return x * factor


def clamp(x: Tensor, *, low: float, high: float) -> Tensor:
    """Return minimum(maximum(x, low), high)."""
    scalar = x.scalar
    return ops.minimum(ops.maximum(x, Tensor.of(scalar, low)), Tensor.of(scalar, high))


def swapaxes(x: Tensor, *, axis: int) -> Tensor:
    """Return x with an axis and the next axis swapped."""
    if not 0 <= axis < x.ndim - 1:
        raise ShapeError(f"cannot swap axes {axis} and {axis + 1} of an array with {x.ndim} axes")
    axes = list(range(x.ndim))
    axes[axis], axes[axis + 1] = axes[axis + 1], axes[axis]
    return ops.permute(x, tuple(axes))


def permute(x: Tensor, *, axes: tuple[int, ...] | None) -> Tensor:
    """Return x with its axes in another order, by default reversed."""
    return ops.transpose(x) if axes is None else ops.permute(x, axes)


def slice_(x: Tensor, *, start: int, stop: int, axis: int) -> Tensor:
    """Return a part of x along an axis."""
    if not 0 <= axis < x.ndim or not 0 <= start <= stop <= x.shape[axis]:
        raise ShapeError(
            f"cannot slice from {start} to {stop} along axis {axis} of shape {x.shape}"
        )
    return ops.slice_(x, (*(slice(None),) * axis, slice(start, stop)))


def concat(*tensors: Tensor, axis: int) -> Tensor:
    """Return tensors joined along an axis."""
    return ops.concat(tensors, axis)


def flatten(x: Tensor) -> Tensor:
    """Return x as a vector, in C order."""
    return x.reshape(x.size)


def sum_(x: Tensor, *, axis: int | None) -> Tensor:
    """Return the sum along an axis, or of all elements."""
    return x.sum(axis)


def mean(x: Tensor, *, axis: int | None) -> Tensor:
    """Return the mean along an axis, or of all elements."""
    return x.mean(axis)


def gather(x: Tensor, index: Tensor, *, axes: int) -> Tensor:
    """Return elements of a vector, or rows of a matrix."""
    _check_axes(x, axes)
    return ops.take(x, index, row_axes=axes - 1)


def scatter_add(x: Tensor, index: Tensor, values: Tensor, *, axes: int) -> Tensor:
    """Return x plus the array made from +0 by adding each value at its index."""
    _check_axes(x, axes)
    if values.shape != (*index.shape, *x.shape[1:]):
        raise ShapeError(
            f"cannot add values of shape {values.shape} at indices of shape {index.shape} to"
            f" shape {x.shape}"
        )
    return x + ops.scatter_add(values, index, shape=x.shape)


def linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return x W^T + b along the last axis; a vector is a batch of one."""
    if x.ndim == 1:
        return affine(UNIFORM.common, x.reshape(1, x.size), weight, bias).reshape(bias.size)
    return affine(UNIFORM.common, x, weight, bias)


def mse_loss(prediction: Tensor, target: Tensor) -> Tensor:
    """Return the mean of (prediction - target)^2, summed in C order from +0, divided once."""
    if prediction.shape != target.shape:
        raise ShapeError(f"mse_loss needs equal shapes, got {prediction.shape} and {target.shape}")
    difference = prediction - target
    return (difference * difference).mean()


def layer_norm(x: Tensor, weight: Tensor, bias: Tensor, *, epsilon: float) -> Tensor:
    """Apply the layer ``LayerNorm``."""
    return _apply_layer(LayerNorm(weight.size, epsilon), x, weight, bias, axes=x.ndim - 1)


def conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    *,
    stride: int | tuple[int, int],
    padding: int | tuple[int, int],
) -> Tensor:
    """Apply the layer ``Conv2d``."""
    if weight.ndim != 4:
        raise ShapeError(f"conv2d needs weights (out, in, rows, columns), got shape {weight.shape}")
    out_channels, in_channels, rows, columns = weight.shape
    layer = Conv2d(in_channels, out_channels, (rows, columns), stride, padding)
    return _apply_layer(layer, x, weight, bias, axes=3)


def pool(x: Tensor, *, layer: MaxPool2d | AvgPool2d | SmoothMaxPool2d) -> Tensor:
    """Apply a pooling layer."""
    return _apply_layer(layer, x, axes=3)


def multi_head_attention(
    x: Tensor,
    weight_in: Tensor,
    bias_in: Tensor,
    weight_out: Tensor,
    bias_out: Tensor,
    *,
    heads: int,
    causal: bool,
) -> Tensor:
    """Apply the layer ``MultiHeadAttention``."""
    layer = MultiHeadAttention(weight_out.shape[0], heads, causal)
    return _apply_layer(layer, x, weight_in, bias_in, weight_out, bias_out, axes=2)


def _apply_layer(layer: Layer, x: Tensor, *parameters: Tensor, axes: int) -> Tensor:
    """Return a layer's output; x is a sample with that number of axes, or a batch of samples."""
    for spec, given in zip(layer.parameters, parameters, strict=True):
        if spec.shape != given.shape:
            raise ShapeError(
                f"{layer.name} needs a {spec.name} of shape {spec.shape}, got {given.shape}"
            )
    if x.ndim == axes:
        layer.output_shape(x.shape)
        z = layer(parameters, x.reshape(1, *x.shape), EVALUATION)
        return z.reshape(*z.shape[1:])
    layer.output_shape(x.shape[1:])
    return layer(parameters, x, EVALUATION)


def _check_axes(x: Tensor, axes: int) -> None:
    if x.ndim != axes:
        needed = "a vector" if axes == 1 else "a matrix"
        raise ShapeError(f"gather and scatter_add need {needed} here, got shape {x.shape}")
