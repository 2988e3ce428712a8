"""Scalars by name, found through the entry-point group ``numlean.backends``, ours included."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from numlean.errors import NumleanError, UnavailableError, UnknownNameError
from numlean.scalar.dtype import Dtype
from numlean.scalar.protocol import Scalar
from numlean_kernels.formats import Format
from numlean_kernels.targets import DeviceMissingError

GROUP: Final = "numlean.backends"


@dataclass(frozen=True)
class ScalarBackend:
    """What an entry point of the group holds: how to make a Scalar, and what to say about it.

    Attributes:
        pattern: How users write it: ``mp:PREC``; with a colon if it takes an argument.
        summary: One line for ``numlean dtypes``.
        devices: Where it runs; the first is the default.
        make: Makes the Scalar for a dtype and one of the devices.
        options: The names of the options it knows.
        format: The format of its encodings, if every dtype of the backend has the same.
        make_fast: Makes the Scalar of the same bits with the fastest kernels there are; None if
            the usual ones are that.
        reference: Makes what a Scalar's results ought to be, a :class:`numlean.testing.Reference`,
            for the conformance suite; not needed for IEEE formats.
    """

    pattern: str
    summary: str
    devices: tuple[str, ...]
    make: Callable[[Dtype, str], Scalar]
    options: tuple[str, ...] = ()
    format: Format | None = None
    make_fast: Callable[[Dtype, str], Scalar] | None = None
    reference: Callable[[Scalar], Any] | None = None


def scalars() -> tuple[str, ...]:
    """The names of all registered backends, sorted. Imports none of them.

    Raises:
        UnavailableError: Nothing is registered, as in a checkout that was not installed.
    """
    names = tuple(sorted({point.name for point in _points()}))
    if not names:
        raise UnavailableError(
            "no Scalar is registered: numlean is not installed here; run"
            " `pip install --editable .` in the checkout, or `make setup`"
        )
    return names


def scalar_backends() -> Iterator[tuple[str, ScalarBackend]]:
    """Every backend that can be loaded, with its name; a broken one is a warning that names it."""
    for name in scalars():
        try:
            backend = _load(name)
        except NumleanError as error:
            warnings.warn(str(error), RuntimeWarning, stacklevel=2)
        else:
            yield name, backend


def scalar_backend_of(dtype: str) -> ScalarBackend | None:
    """The backend that makes a dtype; None if it has no registered name."""
    name = Dtype.parse(dtype).name
    return _load(name) if name in scalars() else None


def get_scalar(dtype: str, device: str | None = None, *, fast_kernels: bool = False) -> Scalar:
    """The Scalar of a dtype such as ``float32``, ``ieee32exec`` or ``mp:200``.

    Args:
        dtype: What users pass to ``--dtype``.
        device: Where it shall run; by default where it runs best.
        fast_kernels: Whether to use hardware arithmetic and vector kernels where they give the same
            bits.

    Raises:
        NumleanError: The name, an option or the device is unknown, or the argument makes no sense;
            the message lists what is known.
        UnavailableError: The dtype has no fast kernels, or this machine no such device.
    """
    spec = Dtype.parse(dtype)
    if spec.name not in scalars():
        raise UnknownNameError("dtype", dtype, scalars())
    backend = _load(spec.name)
    for option in spec.options:
        if option not in backend.options:
            raise UnknownNameError(f"option of {spec.name}", option, backend.options or ("none",))
    if spec.argument is not None and ":" not in backend.pattern:
        raise NumleanError(f"dtype {dtype!r}: {spec.name} takes nothing after a colon")
    chosen = backend.devices[0] if device is None else device
    if chosen not in backend.devices:
        raise UnknownNameError(f"device of {spec.name}", chosen, backend.devices)
    if fast_kernels and (backend.make_fast is None or chosen != "cpu"):
        having = ", ".join(name for name, other in scalar_backends() if other.make_fast is not None)
        raise UnavailableError(
            f"{spec.text} on {chosen} has no fast kernels; on cpu these may have them: {having}"
        )
    return _made(spec.text, chosen, fast_kernels)


@cache
def _made(text: str, device: str, fast_kernels: bool) -> Scalar:
    spec = Dtype.parse(text)
    backend = _load(spec.name)
    make = backend.make_fast if fast_kernels and backend.make_fast else backend.make
    try:
        return make(spec, device)
    except DeviceMissingError as error:
        raise UnavailableError(str(error)) from None


@cache
def _points() -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=GROUP))


@cache
def _load(name: str) -> ScalarBackend:
    point, *others = {point.value: point for point in _points() if point.name == name}.values()
    if others:
        rivals = " and ".join(p.value for p in (point, *others))
        raise UnavailableError(f"the backend {name!r} is registered by {rivals}; uninstall one")
    try:
        backend = point.load()
    except Exception as error:  # whatever a stranger's module raises
        raise UnavailableError(
            f"the backend {name!r} ({point.value}) cannot be loaded: {error!r}"
        ) from error
    if not isinstance(backend, ScalarBackend):
        raise UnavailableError(f"the backend {name!r} ({point.value}) is no numlean Backend")
    return backend
