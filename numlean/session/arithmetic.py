"""Operations on each number, and along the last axis."""

from __future__ import annotations

from numlean import functional
from numlean.autograd import operations as ops
from numlean.session import formulas
from numlean.session.applies import TapeOperations
from numlean.session.references import Ref


class Arithmetic(TapeOperations):
    """Operations that keep the shape."""

    def add(self, x: Ref, y: Ref) -> Ref:
        """X + y; shapes broadcast, here and below."""
        return self.apply(ops.add, x, y)

    def sub(self, x: Ref, y: Ref) -> Ref:
        """X - y."""
        return self.apply(ops.sub, x, y)

    def mul(self, x: Ref, y: Ref) -> Ref:
        """X * y."""
        return self.apply(ops.mul, x, y)

    def scale(self, x: Ref, factor: float) -> Ref:
        """X * factor, a literal."""
        return self.apply(formulas.scale, x, factor=factor)

    def abs(self, x: Ref) -> Ref:
        """The magnitudes; the gradient at zero is zero."""
        return self.apply(ops.abs_, x)

    def sqrt(self, x: Ref) -> Ref:
        """The square roots."""
        return self.apply(ops.sqrt, x)

    def exp(self, x: Ref) -> Ref:
        """The exponentials."""
        return self.apply(ops.exp, x)

    def log(self, x: Ref) -> Ref:
        """The logarithms."""
        return self.apply(ops.log, x)

    def safe_log(self, x: Ref, epsilon: float = 1e-12) -> Ref:
        """log(maximum(x, epsilon)); where x < epsilon the gradient is zero."""
        return self.apply(functional.safe_log, x, epsilon=epsilon)

    def clamp(self, x: Ref, low: float, high: float) -> Ref:
        """minimum(maximum(x, low), high)."""
        return self.apply(formulas.clamp, x, low=low, high=high)

    def max(self, x: Ref, y: Ref) -> Ref:
        """The greater of two; the gradient of a tie goes to the first."""
        return self.apply(ops.maximum, x, y)

    def min(self, x: Ref, y: Ref) -> Ref:
        """The lesser of two; the gradient of a tie goes to the first."""
        return self.apply(ops.minimum, x, y)

    def relu(self, x: Ref) -> Ref:
        """maximum(x, +0); its gradient at zero is zero."""
        return self.apply(ops.relu, x)

    def sigmoid(self, x: Ref) -> Ref:
        """1 / (1 + exp(-x)), correctly rounded."""
        return self.apply(ops.sigmoid, x)

    def tanh(self, x: Ref) -> Ref:
        """The hyperbolic tangents."""
        return self.apply(ops.tanh, x)

    def softplus(self, x: Ref) -> Ref:
        """log(1 + exp(x)), correctly rounded."""
        return self.apply(ops.softplus, x)

    def softmax(self, x: Ref) -> Ref:
        """exp(x - m) / sum(exp(x - m)) along the last axis, m being the greatest there."""
        return self.apply(functional.softmax, x)
