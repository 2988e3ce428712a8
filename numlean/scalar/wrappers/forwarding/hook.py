"""The hook through which a wrapper passes each operation to its inner Scalar."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from inspect import Parameter, signature
from typing import Any, ParamSpec, TypeVar

from numlean.scalar.protocol import Scalar

P = ParamSpec("P")
T = TypeVar("T")


class Hooked:
    """An inner Scalar and the hook around its operations.

    Attributes:
        inner: The Scalar that computes.
    """

    def __init__(self, inner: Scalar) -> None:
        self.inner = inner

    def around(
        self,
        operation: str,
        call: Callable[..., Any],
        operands: tuple[Any, ...],
        options: dict[str, Any],
    ) -> Any:
        """Carry out one operation. Override this method to observe or change operations.

        Args:
            operation: The name of the Scalar's method.
            call: The inner Scalar's method.
            operands: The positional arguments.
            options: The arguments with defaults that differ from them, by name.
        """
        return call(*operands, **options)

    def _pass(
        self, operation: str, call: Callable[P, T], *operands: P.args, **options: P.kwargs
    ) -> T:
        """Pass an operation to the hook, without the options that equal their defaults."""
        defaults = _defaults(operation)
        given = {
            name: x
            for name, x in options.items()
            if not _are_equal(x, defaults.get(name, _REQUIRED))
        }
        result: T = self.around(operation, call, operands, given)
        return result


_REQUIRED = object()


def _are_equal(value: Any, default: Any) -> bool:
    """Return whether an option is its default; an array by mistake is not, whatever it holds."""
    return value is default or (type(value) is type(default) and bool(value == default))


@cache
def _defaults(operation: str) -> dict[str, Any]:
    """Return the defaults of an operation's options by name."""
    parameters = signature(getattr(Scalar, operation)).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not Parameter.empty}
