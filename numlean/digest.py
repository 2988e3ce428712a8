"""Digests: a run's whole state in 64 hexadecimal digits.

A digest is SHA-256 over, for each parameter in order, its name, its shape and its elements.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable

from numlean.autograd.tensor import Tensor
from numlean.scalar.protocol import Scalar, Storage

Named = Iterable[tuple[str, Tensor]]


def state_digest(named: Named) -> str:
    """The digest of the encodings: comparable within a format, NaNs and zeros as they are."""
    return _digest(named, lambda scalar, x: scalar.to_bytes(x))


def value_digest(named: Named) -> str:
    """The digest of the exact real values: comparable across formats.

    -0 counts as +0, and every NaN as one.
    """
    return _digest(named, exact_bytes)


def exact_bytes(scalar: Scalar, x: Storage) -> bytes:
    """The exact values as text: sign, odd significand and exponent in hexadecimal."""
    values = (value._mpf_ for value in scalar.to_exact(x).flat)
    return b"\n".join(b"%d:%x:%x" % (sign, int(m), int(e)) for sign, m, e, _ in values)


def _digest(named: Named, to_bytes: Callable[[Scalar, Storage], bytes]) -> str:
    digest = hashlib.sha256()
    for name, tensor in named:
        content = to_bytes(tensor.scalar, tensor.data)
        digest.update(f"{name} {tensor.shape} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()
