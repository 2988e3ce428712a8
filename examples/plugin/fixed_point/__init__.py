"""Fixed-point numbers of 32 bits as a numlean Scalar: ``fixed32:F``, F bits after the point."""

from __future__ import annotations

from fixed_point.codec import FixedCodec
from fixed_point.reference import FixedReference
from fixed_point.routines import fixed_table
from numlean.errors import NumleanError
from numlean.scalar.dtype import Dtype
from numlean.scalar.kernel_scalar import KernelScalar
from numlean.scalar.protocol import Scalar
from numlean.scalar.registry import ScalarBackend
from numlean_kernels.targets import get_target

MOST_FRACTION_BITS = 30


def fraction_bits(spec: Dtype) -> int:
    """Return the F of ``fixed32:F``.

    Raises:
        NumleanError: F is not an integer from 1 to 30.
    """
    argument = spec.argument or ""
    if not argument.isdecimal() or not 1 <= int(argument) <= MOST_FRACTION_BITS:
        raise NumleanError(
            f"{spec.text!r}: fixed32 takes 1 to {MOST_FRACTION_BITS} bits after the point, as in"
            " fixed32:16"
        )
    return int(argument)


def make(spec: Dtype, device: str) -> KernelScalar:
    """Return the Scalar of a dtype such as ``fixed32:16``."""
    bits, target = fraction_bits(spec), get_target(device)
    return KernelScalar(
        name=f"fixed32:{bits}",
        summary=f"32-bit fixed point with {bits} bits after the point",
        table=fixed_table(bits, target),
        target=target,
        codec=FixedCodec(bits),
    )


def reference(scalar: Scalar) -> FixedReference:
    """Return the reference of a Scalar's correct results."""
    return FixedReference(scalar, fraction_bits(Dtype.parse(scalar.name)))


scalar = ScalarBackend(
    pattern="fixed32:F",
    summary="fixed point: 32 bits, F of them after the point, saturating",
    devices=("cpu", "python"),
    make=make,
    reference=reference,
)
