"""Every operation of a Scalar, passed through one hook to an inner Scalar."""

from numlean.scalar.wrappers.forwarding.conversions import ForwardedConversions
from numlean.scalar.wrappers.forwarding.elementary import ForwardedElementaryFunctions
from numlean.scalar.wrappers.forwarding.elementwise import ForwardedElementwise
from numlean.scalar.wrappers.forwarding.movement import ForwardedMovement
from numlean.scalar.wrappers.forwarding.reductions import ForwardedReductions

__all__ = [
    "ForwardedConversions",
    "ForwardedElementaryFunctions",
    "ForwardedElementwise",
    "ForwardedMovement",
    "ForwardedReductions",
]
