"""Names of two Scalars that are not equal, for error messages."""

from __future__ import annotations

from numlean.scalar.protocol import Scalar


def name_both(a: Scalar, b: Scalar) -> str:
    """Return the names and devices of two Scalars that are not equal, for an error message.

    Where they are the same, the descriptions and classes follow.
    """
    names = [f"{scalar.name} on {scalar.device}" for scalar in (a, b)]
    if names[0] != names[1]:
        return " and ".join(names)
    details = [f"{scalar.describe()!r} ({type(scalar).__name__})" for scalar in (a, b)]
    return f"two arithmetics called {names[0]}: {' and '.join(details)}"
