"""The strings that ``--dtype`` takes: ``name[:argument][@option=value,...]``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from numlean.errors import NumleanError
from numlean_kernels.formats import Format

ALIASES: Final = {"float": "float64", "ieee754exec": "ieee32exec"}
"""TorchLean's spellings."""


@dataclass(frozen=True)
class Dtype:
    """A dtype, parsed.

    Attributes:
        text: The canonical spelling: ``mp:200``.
        name: The backend's name: ``mp``.
        argument: The part after the colon, or None.
        options: The values after the at sign, by option.
    """

    text: str
    name: str
    argument: str | None
    options: dict[str, str]

    @classmethod
    def parse(cls, text: str) -> Dtype:
        """Parse ``name[:argument][@option=value,...]``.

        Raises:
            NumleanError: An option has no value or is given twice.
        """
        head, _, tail = text.strip().partition("@")
        name, colon, argument = head.partition(":")
        name = ALIASES.get(name, name)
        options: dict[str, str] = {}
        for item in tail.split(",") if "@" in text else ():
            key, equals, value = item.partition("=")
            if not equals or not key or key in options:
                raise NumleanError(
                    f"dtype {text!r}: write each option once, as name=value; got {item!r}"
                )
            options[key] = value
        return cls._of(name, argument if colon else None, options)

    @classmethod
    def of_format(cls, format: Format) -> Dtype | None:
        """Return the emulated dtype of any format with infinities: ``ieee:e8m23``; else None."""
        if not format.has_infinity:
            return None
        return cls._of("ieee", f"e{format.exponent_bits}m{format.trailing_bits}", {})

    @classmethod
    def mp(cls, precision: int) -> Dtype:
        """Return the dtype of arbitrary-precision numbers: ``mp:200``."""
        return cls._of("mp", str(precision), {})

    def with_options(self, **options: str) -> Dtype:
        """Return the dtype with options added or replaced."""
        return self._of(self.name, self.argument, {**self.options, **options})

    @classmethod
    def _of(cls, name: str, argument: str | None, options: dict[str, str]) -> Dtype:
        head = name if argument is None else f"{name}:{argument}"
        tail = ",".join(f"{key}={options[key]}" for key in sorted(options))
        return cls(f"{head}@{tail}" if tail else head, name, argument, options)


def split_dtype_list(text: str) -> list[str]:
    """Return the dtypes in a list such as ``float32,e5m2@round=to_odd,nan=x86,mp:24``.

    An item that reads ``option=value`` belongs to the dtype before it.
    """
    dtypes: list[str] = []
    for item in filter(None, text.split(",")):
        if "=" in item and "@" not in item and dtypes:
            dtypes[-1] += f",{item}"
        else:
            dtypes.append(item)
    return dtypes
