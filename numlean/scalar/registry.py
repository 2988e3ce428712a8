"""Scalars by the name of their dtype, found through the entry-point group ``numlean.backends``.

The named formats (``numlean_kernels.formats.NAMED``) have entries without being listed there.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from numlean.arguments import checked
from numlean.errors import NumleanError, UnavailableError, UnknownNameError
from numlean.scalar.contract import check_members
from numlean.scalar.dtype import ALIASES, Dtype
from numlean.scalar.protocol import Scalar
from numlean_kernels.formats import NAMED, Format
from numlean_kernels.targets import DeviceMissingError

GROUP: Final = "numlean.backends"


@dataclass(frozen=True)
class ScalarBackend:
    """The object of an entry point of the group: it makes Scalars and describes them.

    Attributes:
        pattern: The spelling of its dtypes: ``mp:PREC``; with a colon if it takes an argument.
        summary: One line for ``numlean dtypes``.
        devices: The devices it runs on; the first is the default.
        make: Makes the Scalar of a dtype on one of the devices.
        options: The names of its options.
        format: The format of its encodings, if every dtype of the backend has the same.
        make_fast: Makes the Scalar of the same bits with the fastest kernels; None if there are no
            faster ones than the usual.
        reference: Makes a :class:`numlean.testing.Reference` of a Scalar's correct results, for the
            conformance suite; not needed for IEEE formats.
        fast_devices: The devices for which ``make_fast`` has kernels.
        needs: The modules of optional packages that its Scalars import.
    """

    pattern: str
    summary: str
    devices: tuple[str, ...]
    make: Callable[[Dtype, str], Scalar]
    options: tuple[str, ...] = ()
    format: Format | None = None
    make_fast: Callable[[Dtype, str], Scalar] | None = None
    reference: Callable[[Scalar], Any] | None = None
    fast_devices: tuple[str, ...] = ("cpu",)
    needs: tuple[str, ...] = ()

    def __reduce__(self) -> tuple[Any, ...]:
        """Return the name of a registered backend; the fields of any other."""
        name = self.pattern.partition(":")[0]
        if name in scalars() and _load(name) is self:
            return backend_named, (name,)
        return ScalarBackend, tuple(getattr(self, field.name) for field in fields(self))

    def has_fast_kernels(self, device: str) -> bool:
        """Return whether it may make Scalars with faster kernels on a device."""
        return self.make_fast is not None and device in self.fast_devices


def scalars() -> tuple[str, ...]:
    """Return the names of all registered backends, sorted, without importing them.

    Raises:
        UnavailableError: No backend is registered, as in a checkout that was not installed.
    """
    names = tuple(sorted({point.name for point in _points()}))
    if not names:
        raise UnavailableError(
            "no scalar backend is registered, so numlean is not installed; run"
            " `pip install --editable .` or `make setup` in the checkout"
        )
    return names


def scalar_backends() -> Iterator[tuple[str, ScalarBackend]]:
    """Yield the name and the backend of all that can be loaded; warn about the others."""
    for name in scalars():
        try:
            backend = _load(name)
        except NumleanError as error:
            warnings.warn(str(error), RuntimeWarning, stacklevel=2)
        else:
            yield name, backend


def scalar_backend_of(dtype: str) -> ScalarBackend | None:
    """Return the backend that makes a dtype; None if its name is not registered."""
    name = resolve(dtype).name
    return _load(name) if name in scalars() else None


def resolve(dtype: str) -> Dtype:
    """Return a dtype, parsed, under the name of its backend if one has this name in any case."""
    spec = Dtype.parse(dtype)
    if spec.name in scalars():
        return spec
    registered = {name.casefold(): name for name in scalars()}
    return spec.renamed(registered.get(spec.name.casefold(), spec.name))


def resolve_known(dtype: str) -> Dtype:
    """Return a dtype, parsed, as ``resolve`` does.

    Raises:
        NumleanError: No backend has its name.
    """
    spec = resolve(dtype)
    if spec.name not in scalars():
        raise _unknown_dtype(dtype)
    return spec


@checked
def get_scalar(dtype: str, device: str | None = None, *, fast_kernels: bool = False) -> Scalar:
    """Return the Scalar of a dtype such as ``float32``, ``ieee32exec`` or ``mp:200``.

    Args:
        dtype: The string that users pass to ``--dtype``.
        device: The device to run on; by default the backend's first.
        fast_kernels: Whether to use hardware arithmetic and vector kernels where they give the same
            bits.

    Raises:
        NumleanError: The name, an option, the argument or the device is invalid; the message lists
            the valid ones.
        UnavailableError: The dtype has no fast kernels, or this machine lacks the device.
    """
    spec = resolve_known(dtype)
    backend = _load(spec.name)
    for option in spec.options:
        if option not in backend.options:
            raise _unknown_option(spec.name, option, backend)
    if spec.argument is not None and ":" not in backend.pattern:
        raise NumleanError(f"dtype {dtype!r}: {spec.name} takes nothing after a colon")
    chosen = backend.devices[0] if device is None else device
    if chosen not in backend.devices:
        raise UnknownNameError(f"device of {spec.name}", chosen, backend.devices)
    if fast_kernels and not backend.has_fast_kernels(chosen):
        raise UnavailableError(
            f"{spec.text} on {chosen} has no fast kernels; these may have them: {_fast_dtypes()}"
        )
    return _make(spec.text, chosen, fast_kernels)


def scalar_on(dtype: str, device: str) -> Scalar:
    """Return the Scalar of a dtype on a device if it runs there, else on the dtype's own device.

    Raises:
        NumleanError: The dtype is invalid.
    """
    backend = scalar_backend_of(dtype)
    runs_there = backend is not None and device in backend.devices
    return get_scalar(dtype, device if runs_there else None)


def get_variant(scalar: Scalar, *, device: str | None = None, **options: str) -> Scalar:
    """Return the Scalar of the same dtype with other options, such as ``round="toward_zero"``.

    Args:
        scalar: The Scalar whose ``reference_dtype`` is changed.
        device: The device; by default the Scalar's.
        options: The options that are added or replaced.

    Raises:
        NumleanError: The dtype has no such option, or not this value.
    """
    dtype = resolve(scalar.reference_dtype).with_options(**options)
    return get_scalar(dtype.text, device or scalar.device)


def _unknown_dtype(dtype: str) -> UnknownNameError:
    head = dtype.partition("@")[0].strip()
    respelled = re.sub(r"^(e\d+m\d+)$", r"ieee:\1", head.casefold())
    respelled = re.sub(r"^ieee[-_ ]?(e\d+m\d+)$|^mp[-_ ]?(\d+)$", _with_colon, respelled)
    others = (respelled,) if respelled != head.casefold() else tuple(ALIASES)
    return UnknownNameError("dtype", dtype, scalars(), others=others, like=head)


def _with_colon(match: re.Match[str]) -> str:
    return f"ieee:{match[1]}" if match[1] else f"mp:{match[2]}"


def _unknown_option(name: str, option: str, backend: ScalarBackend) -> UnknownNameError:
    having = [
        other for other, each in scalar_backends() if each.format and each.format == backend.format
    ]
    having = [other for other in having if option in _load(other).options]
    hint = f"; {having[0]} has it" if having else ""
    known = backend.options or ("none",)
    return UnknownNameError(f"option of {name}", option, known, hint=hint)


def scalar_named(dtype: str, device: str, fast_kernels: bool) -> Scalar:
    """Return the Scalar that ``pickle`` kept by its name."""
    return get_scalar(dtype, device, fast_kernels=fast_kernels)


def backend_named(name: str) -> ScalarBackend:
    """Return the backend that ``pickle`` kept by its name.

    Raises:
        UnknownNameError: The name is not registered.
    """
    if name not in scalars():
        raise _unknown_dtype(name)
    return _load(name)


def _fast_dtypes() -> str:
    having = [
        f"{name} on {device}"
        for name, backend in scalar_backends()
        for device in backend.devices
        if backend.has_fast_kernels(device)
    ]
    return ", ".join(having) or "none"


@cache
def _make(text: str, device: str, fast_kernels: bool) -> Scalar:
    spec = Dtype.parse(text)
    backend = _load(spec.name)
    make = backend.make_fast if fast_kernels and backend.make_fast else backend.make
    try:
        scalar = make(spec, device)
    except DeviceMissingError as error:
        raise UnavailableError(str(error)) from None
    try:
        check_members(scalar)
    except NumleanError as error:
        raise UnavailableError(f"the backend {spec.name!r}: {error}") from None
    return scalar


_OF_FORMATS: Final = tuple(
    EntryPoint(name, f"numlean_backends.ieee_formats:{name}", GROUP)
    for name in (*(each.name for each in NAMED), "p3109")
)


@cache
def _points() -> tuple[EntryPoint, ...]:
    listed = tuple(entry_points(group=GROUP))
    return (*listed, *_OF_FORMATS) if listed else ()


@cache
def _load(name: str) -> ScalarBackend:
    point, *others = {point.value: point for point in _points() if point.name == name}.values()
    if others:
        both = " and ".join(p.value for p in (point, *others))
        raise UnavailableError(f"the backend {name!r} is registered by {both}; uninstall one")
    try:
        backend = point.load()
    except Exception as error:  # a third party's module may raise anything
        raise UnavailableError(
            f"the backend {name!r} ({point.value}) cannot be loaded: {error!r}"
        ) from error
    if not isinstance(backend, ScalarBackend):
        raise UnavailableError(
            f"the backend {name!r} ({point.value}) is a {type(backend).__name__}; it must be a"
            " numlean.ScalarBackend"
        )
    return backend
