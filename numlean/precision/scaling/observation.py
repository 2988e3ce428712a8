"""Greatest magnitudes of a program's tensors, and of the cotangents that only a sweep computes.

In a vector-Jacobian product, g is the output's cotangent and z the output.
"""

from __future__ import annotations

from numlean.arguments import checked
from numlean.autograd.primitive import Primitive
from numlean.autograd.tensor import Tensor
from numlean.errors import ShapeError
from numlean.precision.scaling.amax import amax
from numlean.scalar.protocol import Scalar, Storage

_amax: Primitive = Primitive("amax", amax, (None,))


def _observed_storage(scalar: Scalar, x: Storage, probe: Storage) -> Storage:
    return x


_observed: Primitive = Primitive(
    "observe_cotangent",
    _observed_storage,
    (lambda g, z, x, probe: g, lambda g, z, x, probe: observed_amax(g)),
)


@checked
def observed_amax(x: Tensor) -> Tensor:
    """Return the greatest magnitude of a tensor, of shape (), exactly. NaNs count as 0.

    It has no gradient.
    """
    return _amax(x)


@checked
def observe_cotangent(x: Tensor, probe: Tensor) -> Tensor:
    """Return x; in a backward sweep, the cotangent of the probe is the amax of that of x.

    So a greatest magnitude that only the sweep computes leaves it as a gradient: watch the probe,
    and take its gradient. Use a probe once; the tape adds the cotangents of several uses. For a
    tensor that is used several times, watch a vector of as many probes, and take the maximum.

    Args:
        x: A tensor.
        probe: A tensor of shape () in the same Scalar. Its value does not matter.

    Raises:
        ShapeError: The probe is not a single number of shape ().
        MixedScalarError: The tensors are of several Scalars.
    """
    if probe.shape != ():
        raise ShapeError(f"the probe of a cotangent has shape (), got {probe.shape}")
    return _observed(x, probe)
