"""Linear layers whose products, sums and gradients are in stated arithmetics.

In a vector-Jacobian product, g is the output's cotangent and z the output.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import final

from numlean.arguments import checked
from numlean.autograd.primitive import Primitive
from numlean.autograd.primitives import cast, reshape, sum_, transpose
from numlean.autograd.tensor import Tensor
from numlean.errors import ShapeError
from numlean.precision.accumulation import Accumulation, ChangeScalar, cast_storage
from numlean.precision.contraction import Contraction, contract
from numlean.scalar.protocol import Scalar, Storage
from numlean.scalar.record import recorded_like


@checked
@final
@dataclass(frozen=True)
class LayerPrecision:
    """The arithmetics of a linear layer.

    Attributes:
        forward: The product of inputs and weights.
        input_gradient: The product of cotangents and weights.
        weight_gradient: The product of inputs and cotangents.
        reductions: The Scalar that sums the gradient of the bias.
    """

    forward: Contraction
    input_gradient: Contraction
    weight_gradient: Contraction
    reductions: Scalar

    @classmethod
    def of(cls, operands: Scalar, accumulate: Accumulation) -> LayerPrecision:
        """Return the same contraction for all three products."""
        one = Contraction.of(operands, accumulate)
        return cls(one, one, one, accumulate.result)

    def with_scalars(self, change: ChangeScalar) -> LayerPrecision:
        """Return the same in other Scalars."""
        return LayerPrecision(
            self.forward.with_scalars(change),
            self.input_gradient.with_scalars(change),
            self.weight_gradient.with_scalars(change),
            change(self.reductions),
        )


@checked
def linear(x: Tensor, weight: Tensor, bias: Tensor | None, precision: LayerPrecision) -> Tensor:
    """Return x W^T + b along the last axis of x, in the Scalar of the forward product's output.

    The bias is widened exactly and added to a sum after its last product, before the sum is
    rounded to the output. Gradients are in the Scalar of the operands: for the input,
    ``input_gradient`` of g and W, k ascending over outputs; for the weight, ``weight_gradient`` of
    x and g, k ascending over samples; for the bias, the sum of g over samples in ``reductions``.

    Args:
        x: Inputs of shape (..., in).
        weight: The weights, of shape (out, in), in the same Scalar.
        bias: The biases, of shape (out,), in the same Scalar, or None.
        precision: The arithmetics.

    Raises:
        ShapeError: The shapes do not match.
        MixedScalarError: The tensors are of several Scalars.
    """
    if weight.ndim != 2 or x.ndim < 1 or x.shape[-1] != weight.shape[1]:
        raise ShapeError(f"linear takes x (..., in) and W (out, in); got {x.shape}, {weight.shape}")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ShapeError(f"linear takes W (out, in) and b (out,); got {weight.shape}, {bias.shape}")
    own = precision.with_scalars(partial(recorded_like, x.scalar))
    rows = x if x.ndim == 2 else reshape(x, (-1, x.shape[-1]))
    if bias is None:
        z = _linear(rows, weight, precision=own)
    else:
        z = _linear_with_bias(rows, weight, bias, precision=own)
    return z if x.ndim == 2 else reshape(z, (*x.shape[:-1], weight.shape[0]))


def _linear_storage(
    scalar: Scalar, x: Storage, w: Storage, *bias: Storage, precision: LayerPrecision
) -> Storage:
    forward = precision.forward
    sums, wide = forward.sums(scalar, x, w.T), forward.accumulate.result
    for b in bias:
        sums = wide.add(sums, cast_storage(wide, scalar, b))
    return forward.rounded(sums)


def _output(scalar: Scalar, *, precision: LayerPrecision) -> Scalar:
    return precision.forward.output


def _input_gradient(
    g: Tensor, z: Tensor, x: Tensor, w: Tensor, *b: Tensor, precision: LayerPrecision
) -> Tensor:
    gradient = contract(cast(g, x.scalar), w, precision.input_gradient)
    return cast(gradient, x.scalar)


def _weight_gradient(
    g: Tensor, z: Tensor, x: Tensor, w: Tensor, *b: Tensor, precision: LayerPrecision
) -> Tensor:
    gradient = contract(transpose(x), cast(g, x.scalar), precision.weight_gradient)
    return transpose(cast(gradient, w.scalar))


def _bias_gradient(
    g: Tensor, z: Tensor, x: Tensor, w: Tensor, b: Tensor, *, precision: LayerPrecision
) -> Tensor:
    return cast(sum_(cast(g, precision.reductions), 0), b.scalar)


_linear: Primitive = Primitive(
    "linear", _linear_storage, (_input_gradient, _weight_gradient), result=_output
)
_linear_with_bias: Primitive = Primitive(
    "linear", _linear_storage, (_input_gradient, _weight_gradient, _bias_gradient), result=_output
)
