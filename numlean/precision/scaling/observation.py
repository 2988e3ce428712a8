"""Greatest magnitudes of a program's tensors, and of the cotangents that only a sweep computes.

In a vector-Jacobian product, g is the output's cotangent and z the output.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from numlean.arguments import checked
from numlean.autograd.primitive import Primitive
from numlean.autograd.tensor import Tensor
from numlean.precision.scaling.amax import amax
from numlean.scalar.protocol import Scalar, Storage

_amax: Primitive = Primitive("amax", amax, (None,))


Observe: TypeAlias = Callable[[Tensor], None]
"""Takes the greatest magnitude of a cotangent, of shape ()."""


def _observed_storage(scalar: Scalar, x: Storage, *, observe: Observe) -> Storage:
    return x


def _by_x(g: Tensor, z: Tensor, x: Tensor, *, observe: Observe) -> Tensor:
    observe(observed_amax(g))
    return g


_observed: Primitive = Primitive("observe_cotangent", _observed_storage, (_by_x,))


@checked
def observed_amax(x: Tensor) -> Tensor:
    """Return the greatest magnitude of a tensor, of shape (), exactly. NaNs count as 0.

    It has no gradient.
    """
    return _amax(x)


@checked
def observe_cotangent(x: Tensor, observe: Observe) -> Tensor:
    """Return x; a backward sweep calls ``observe`` with the greatest magnitude of x's cotangent.

    So a magnitude that only the sweep computes leaves it. It is not called if x has no cotangent.

    Args:
        x: A tensor.
        observe: The function. In a recorded program, the call records the magnitude's computation.
    """
    return _observed(x, observe=observe)
