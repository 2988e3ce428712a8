"""The conformance suite on every format, in every rounding and with every option."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import product
from typing import Final

from numlean.errors import NumleanError
from numlean.scalar.dtype import Dtype
from numlean.scalar.registry import get_scalar, scalar_backend_of, scalar_backends
from numlean.testing.conformance import Report, check_scalar
from numlean_kernels.formats import Format
from numlean_kernels.ieee import NanRule, Overflow, Rounding, Subnormal, Tininess

_ARGUMENTS: Final = {
    "mp": ("1", "2", "3", "24", "53", "200"),
    "fixed": ("1.1", "4.4", "8.0", "0.8u", "16.16"),
    "lns": ("2.0", "4.4", "8.3", "5.10"),
    "posit": ("3", "8", "16", "16.1", "32"),
    "takum": ("5", "8", "12", "16", "32"),
    "ieee": ("e2m1", "e3m1", "e2m3", "e3m2", "e2m5", "e2m52", "e11m1", "e6m9", "e11m52"),
    "p3109": ("8.4", "8.3", "8.1", "8.3f", "8.4u", "8.3uf", "8.8u", "4.2", "4.1uf", "16.11"),
}
"""The arguments tried of backends that take one: extreme and common ones."""

_CHOICES: Final[dict[str, type[Enum]]] = {
    "nan": NanRule,
    "subnormal": Subnormal,
    "tininess": Tininess,
    "overflow": Overflow,
}


_WRAP: Final = "wrap"
"""The other choice of what overflow gives in fixed-point arithmetic."""


@dataclass(frozen=True)
class Conformance:
    """The result of the suite on one dtype.

    Attributes:
        dtype: The dtype.
        report: The promises kept and broken; None if there is no such Scalar here.
        refusal: The reason why there is none.
    """

    dtype: str
    report: Report | None
    refusal: str = ""


def base_dtypes() -> tuple[str, ...]:
    """Return a dtype of every registered format, without options; several for parametric ones.

    A backend with an argument that is not known here is tried without one.
    """
    names: list[str] = []
    for name, backend in scalar_backends():
        arguments = _ARGUMENTS.get(name, ()) if ":" in backend.pattern else ()
        names += [f"{name}:{argument}" for argument in arguments] or [name]
    return tuple(names)


def variants(dtype: str, *, every: bool = False) -> Iterator[str]:
    """Yield a dtype in every rounding, each with no other option and with each value of one.

    A dtype that has options is yielded alone.

    Args:
        dtype: The dtype.
        every: Whether to yield every combination of the values of all options.
    """
    parsed, backend = Dtype.parse(dtype), scalar_backend_of(dtype)
    if parsed.options or backend is None or "round" not in backend.options:
        yield parsed.text
        return
    format = get_scalar(parsed.text, "python" if "python" in backend.devices else None).format
    for rounding in (*_values(Rounding), *_few_bits(format)):
        for options in _every_choice() if every else _single_choices():
            if not set(options) <= set(backend.options):
                continue
            if not _has(format, options):
                continue
            yield parsed.with_options(**_rounding(rounding), **options).text
    if "math" in backend.options and parsed.name == "ieee32exec":
        yield parsed.with_options(math="torchlean").text


def conformance(dtypes: Sequence[str], device: str | None = None) -> Iterator[Conformance]:
    """Run the suite on each dtype.

    Args:
        dtypes: The dtypes.
        device: The device; by default ``python``, where nothing is compiled, if there is one.
    """
    for dtype in dtypes:
        backend = scalar_backend_of(dtype)
        own = backend.devices if backend is not None else ()
        try:
            scalar = get_scalar(dtype, device or ("python" if "python" in own else None))
        except NumleanError as error:
            yield Conformance(dtype, None, str(error))
        else:
            yield Conformance(dtype, check_scalar(scalar))


def _has(format: Format | None, options: dict[str, str]) -> bool:
    """Return whether a format has the options: with or without a NaN, and finite in P3109.

    None stands for numbers of a fixed point, which wrap or saturate.
    """
    if format is None or options.get("overflow") == _WRAP:
        return format is None and options.get("overflow") in (None, _WRAP)
    if options.get("nan") == NanRule.MAX.value and format.has_nan:
        return False
    overflow = options.get("overflow")
    is_nan = overflow == Overflow.NAN.value and not format.has_nan
    return not is_nan and (overflow in (None, "saturate") or not format.only_saturates)


def _values(choice: type[Enum]) -> list[str]:
    return [each.value for each in choice]


def _few_bits(format: Format | None) -> tuple[str, ...]:
    """Return stochastic roundings with few random bits, which formats have."""
    return () if format is None else ("stochastic_a:1", "stochastic_b:4", "stochastic_c:8")


def _rounding(value: str) -> dict[str, str]:
    """Return the option for a rounding; none for the default one."""
    return {} if value == Rounding.TIES_TO_EVEN.value else {"round": value}


def _single_choices() -> Iterator[dict[str, str]]:
    yield {}
    for option, choice in _CHOICES.items():
        yield from ({option: value} for value in _values(choice)[1:])
    yield {"overflow": _WRAP}


def _every_choice() -> Iterator[dict[str, str]]:
    lists = [[{}, *({o: v} for v in _values(c)[1:])] for o, c in _CHOICES.items()]
    for parts in product(*lists):
        yield {option: value for part in parts for option, value in part.items()}
    yield {"overflow": _WRAP}
