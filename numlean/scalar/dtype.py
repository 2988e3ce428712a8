"""The strings that ``--dtype`` takes: ``name[:argument][@option=value,...]``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from numlean.arguments import checked
from numlean.errors import NumleanError
from numlean.scalar.rounding_names import canonical_rounding
from numlean_kernels.formats import NAMED, Format

ALIASES: Final = {
    **dict.fromkeys(("float", "fp64", "f64", "double"), "float64"),
    **dict.fromkeys(("fp32", "f32", "single"), "float32"),
    **dict.fromkeys(("ieee754exec", "binary32"), "ieee32exec"),
    **{alias: each.name for each in NAMED for alias in each.aliases},
    **{f"posit{width}": f"posit:{width}" for width in (8, 16, 32)},
    **{f"takum{width}": f"takum:{width}" for width in (8, 16, 32)},
}
"""Other names: TorchLean's, those of numpy, PyTorch, JAX, ml_dtypes and MLIR, and of IEEE 754. They
may be written in any case."""

_PARAMETRIC: Final = ("ieee", "p3109")
"""Names whose argument may be written in any case."""
_ROUNDING: Final = "round"
_NAMING_OPTIONS: Final = ("nan", "subnormal", "tininess", "overflow", "math", "engine")
"""Options whose values are names, which may be written in any case."""


@checked
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
            NumleanError: The text is none, or an option has no value or is given twice.
        """
        if not isinstance(text, str):
            raise NumleanError(f"a dtype is a text such as 'bfloat16', not {text!r:.80}")
        head, _, tail = text.strip().partition("@")
        name, colon, argument = ALIASES.get(head.casefold(), head).partition(":")
        name = ALIASES.get(name.casefold(), name)
        if name.casefold() in _PARAMETRIC:
            name, argument = name.casefold(), argument.lower()
        options: dict[str, str] = {}
        for item in tail.split(",") if "@" in text else ():
            key, equals, value = item.strip().partition("=")
            key = key.casefold() if key.casefold() in (_ROUNDING, *_NAMING_OPTIONS) else key
            if not equals or not key or key in options:
                raise NumleanError(
                    f"dtype {text!r}: write each option once, as name=value; got {item!r}"
                )
            options[key] = _canonical(key, value)
        return cls._of(name, argument if colon else None, options)

    @classmethod
    def of_format(cls, format: Format) -> Dtype | None:
        """Return the dtype of a format of IEEE 754: ``ieee:e8m23``; of another format None."""
        if format != Format(format.name, format.exponent_bits, format.trailing_bits):
            return None
        return cls._of("ieee", f"e{format.exponent_bits}m{format.trailing_bits}", {})

    @classmethod
    def mp(cls, precision: int) -> Dtype:
        """Return the dtype of arbitrary-precision numbers: ``mp:200``."""
        return cls._of("mp", str(precision), {})

    def renamed(self, name: str) -> Dtype:
        """Return the dtype with another backend's name."""
        return self._of(name, self.argument, self.options)

    def with_options(self, **options: str) -> Dtype:
        """Return the dtype with options added or replaced."""
        return self._of(self.name, self.argument, {**self.options, **options})

    def without_rounding(self) -> Dtype:
        """Return the dtype with the default rounding: the same numbers."""
        options = {key: value for key, value in self.options.items() if key != _ROUNDING}
        return self._of(self.name, self.argument, options)

    @classmethod
    def _of(cls, name: str, argument: str | None, options: dict[str, str]) -> Dtype:
        head = name if argument is None else f"{name}:{argument}"
        tail = ",".join(f"{key}={options[key]}" for key in sorted(options))
        return cls(f"{head}@{tail}" if tail else head, name, argument, options)


def _canonical(option: str, value: str) -> str:
    if option == _ROUNDING:
        return canonical_rounding(value)
    return value.casefold() if option in _NAMING_OPTIONS else value


def split_dtype_list(text: str) -> list[str]:
    """Return the runs in a list such as ``float32,e5m2@round=to_odd,nan=x86,policy:tf32,mp:24``.

    Commas inside parentheses do not separate. An item that begins with ``NAME=`` belongs to the one
    before it: an option of a dtype, or a field of a policy.

    Raises:
        NumleanError: The list is empty, or its parentheses do not match.
    """
    runs: list[str] = []
    for item in filter(None, split_outside_parentheses(text, "the list")):
        if "=" in item.partition("@")[0] and runs:
            runs[-1] += f",{item}"
        else:
            runs.append(item)
    if not runs:
        raise NumleanError(f"{text!r} names no dtype; give a list such as float32,mp:24")
    return runs


def split_outside_parentheses(
    text: str, what: str, error: type[NumleanError] = NumleanError
) -> Iterator[str]:
    """Yield the parts of a text between commas that are not inside parentheses.

    Args:
        text: The text.
        what: What it is, for messages.
        error: The class of errors.

    Raises:
        NumleanError: Its parentheses do not match.
    """
    depth = start = 0
    for index, character in enumerate(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth < 0:
            raise error(f"{what} {text!r} closes a parenthesis that it does not open")
        if character == "," and not depth:
            yield text[start:index]
            start = index + 1
    if depth:
        raise error(f"{what} {text!r} opens a parenthesis that it does not close")
    yield text[start:]
