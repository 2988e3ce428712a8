"""Digests: the state of a run in 64 hexadecimal digits.

A digest is the SHA-256 of the name, the shape and the elements of each parameter, in order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable

from numlean.arguments import checked, describe_value
from numlean.autograd.tensor import Tensor
from numlean.errors import NumleanError
from numlean.scalar.exact import exact_of
from numlean.scalar.exact_text import format_fields
from numlean.scalar.protocol import Scalar, Storage

Named = Iterable[tuple[str, Tensor]]


@checked
def state_digest(named: Named) -> str:
    """Return the digest of the encodings, including NaNs; compare it within a format."""
    return _digest(named, lambda scalar, x: scalar.to_bytes(x))


@checked
def value_digest(named: Named) -> str:
    """Return the digest of the exact real values; compare across formats.

    -0 counts as +0, and all NaNs are equal.
    """
    return _digest(named, exact_bytes)


def exact_bytes(scalar: Scalar, x: Storage) -> bytes:
    """Return the exact values as text: sign, odd significand and exponent in hexadecimal."""
    lines = (format_fields(exact_of(value)) for value in scalar.to_exact(x).flat)
    return "\n".join(lines).encode()


def _pair(named: object) -> tuple[str, Tensor]:
    """Return a name and a tensor; for a reported loss, its value in the run's arithmetic.

    Raises:
        NumleanError: The object is not such a pair.
    """
    match named:
        case (str() as name, Tensor() as tensor):
            return name, tensor
        case (str() as name, object(in_format=Tensor() as tensor)):
            return name, tensor
    raise NumleanError(
        "a digest is taken of pairs of a name and a Tensor, such as runner.named_parameters; got"
        f" {describe_value(named)}"
    )


def _digest(named: Named, to_bytes: Callable[[Scalar, Storage], bytes]) -> str:
    digest = hashlib.sha256()
    for name, tensor in map(_pair, named):
        content = to_bytes(tensor.scalar, tensor.data)
        digest.update(f"{name} {tensor.shape} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()
