"""The Scalar that is assembled from a table of routines, a target and a codec."""

from numlean.scalar.kernel_scalar.scalar import KernelScalar

__all__ = ["KernelScalar"]
