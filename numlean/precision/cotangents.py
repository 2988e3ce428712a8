"""Cotangents of activations in another Scalar than that of the activations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from numlean.autograd.primitives import cast
from numlean.autograd.tensor import Tensor
from numlean.precision.arithmetic import wider
from numlean.scalar.protocol import Scalar


@final
@dataclass(frozen=True)
class CotangentScalars:
    """The Scalar that holds the cotangents of tensors of another one.

    See :class:`numlean.autograd.tape.Tape` for the rule of a backward sweep.

    Attributes:
        activations: The Scalar of the tensors.
        gradients: The Scalar that holds their cotangents.
        computed: The wider of both, in which vector-Jacobian products are evaluated.
    """

    activations: Scalar
    gradients: Scalar
    computed: Scalar

    @classmethod
    def of(cls, activations: Scalar, gradients: Scalar) -> CotangentScalars | None:
        """Return the rule; None if both are the same Scalar.

        Of two Scalars with the same numbers, ``gradients`` is that of the products, so that its
        rounding counts.

        Raises:
            MixedScalarError: Neither Scalar has all numbers of the other one.
        """
        if activations is gradients or activations == gradients:
            return None
        return cls(activations, gradients, wider(gradients, activations))

    def widened(self, x: Tensor, scalar: Scalar) -> Tensor:
        """Return a tensor of a Scalar, or its cotangent, in the Scalar of the computation."""
        return cast(x, self.computed) if scalar == self.activations else x

    def held(self, cotangent: Tensor, scalar: Scalar, *, is_of_watched: bool) -> Tensor:
        """Return the cotangent of a tensor of a Scalar, rounded to where it is held."""
        if scalar != self.activations:
            return cotangent
        return cast(cotangent, scalar if is_of_watched else self.gradients)
