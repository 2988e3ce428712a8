"""Block formats by name, with options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, final

from numlean.arguments import checked
from numlean.errors import NumleanError, UnknownNameError
from numlean.precision.blocks.block_format import E8M0, BlockFormat
from numlean.precision.blocks.presets import PRESETS, Preset
from numlean.scalar.dtype import split_outside_parentheses
from numlean.scalar.registry import get_scalar
from numlean.scalar.rounding_names import DIRECTIONS, FEW_BITS, STOCHASTIC, canonical_rounding
from numlean_kernels.blocks.rules import (
    INT8,
    BlockRule,
    Element,
    ElementRounding,
    PowerRule,
    ScaleRule,
    TwoLevelRule,
)
from numlean_kernels.formats import Format

MOST_NUMBERS: Final = 1 << 16
"""The most numbers of a block."""

INT8_DTYPE: Final = "fixed:2.6"
"""The dtype whose codes and numbers are those of int8 elements."""

_DEFAULTS: Final = ("torchao", "exact")
"""The presets of formats whose scales are powers of two, and of the others."""

_OWN_OPTIONS: Final = ("size", "rounding", "scale_rounding")
_OPTIONS: Final = (*_OWN_OPTIONS, "scale_rule", "preset")
_RULES: Final = tuple(rule.value for rule in ScaleRule)
_FINEST: Final = 3
"""The most trailing bits of an element and a scale whose exact quotients are formed."""


@final
@dataclass(frozen=True)
class NamedBlockFormat:
    """A block format with a name.

    Attributes:
        name: The name.
        element: The dtype of the elements, or ``int8``.
        scale: The dtype of the scales.
        size: The number of elements of a block.
        aliases: Other names.
    """

    name: str
    element: str
    scale: str
    size: int
    aliases: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The name that says all: ``block:e4m3/e8m0,size=32``."""
        return f"block:{self.element}/{self.scale},size={self.size}"


NAMED: Final = (
    NamedBlockFormat("mxfp8_e4m3", "e4m3", "e8m0", 32, ("mxfp8", "mxfp8_e4m3fn")),
    NamedBlockFormat("mxfp8_e5m2", "e5m2", "e8m0", 32),
    NamedBlockFormat("mxfp6_e3m2", "e3m2", "e8m0", 32, ("mxfp6",)),
    NamedBlockFormat("mxfp6_e2m3", "e2m3", "e8m0", 32),
    NamedBlockFormat("mxfp4", "e2m1", "e8m0", 32, ("mxfp4_e2m1",)),
    NamedBlockFormat("mxint8", "int8", "e8m0", 32),
    NamedBlockFormat("nvfp4", "e2m1", "e4m3", 16, ("nvfp4_e2m1",)),
)
"""All block formats that have a name."""


def block_formats() -> tuple[str, ...]:
    """Return the names of block formats."""
    return tuple(each.name for each in NAMED)


@checked
def get_block_format(
    name: str,
    *,
    scale_rule: str | None = None,
    preset: str | None = None,
    rounding: str | None = None,
    scale_rounding: str | None = None,
    size: int | None = None,
    seed: int = 0,
    device: str = "cpu",
) -> BlockFormat:
    """Return a block format: ``get_block_format("mxfp8_e4m3", scale_rule="rceil")``.

    Args:
        name: The name, or ``block:ELEMENT/SCALE,size=N``; options may follow it as in
            ``mxfp4,preset=ocp``.
        scale_rule: ``floor``, ``ceil``, ``even`` or ``rceil``, for scales that are powers of two.
        preset: The library whose rules apply where no option says otherwise.
        rounding: The rounding of elements.
        scale_rounding: The rounding of scales that are no powers of two.
        size: The number of elements of a block, along each axis of square ones.
        seed: The seed of a stochastic rounding.
        device: The device on which numbers are converted.

    Raises:
        UnknownNameError: The name or an option is unknown.
        NumleanError: Options exclude each other.
    """
    own, given = _split(name)
    options = {
        "scale_rule": scale_rule,
        "preset": preset,
        "rounding": rounding,
        "scale_rounding": scale_rounding,
        "size": None if size is None else str(size),
    }
    for option, value in options.items():
        if value is not None:
            given[option] = value
    if seed < 0 or seed >= 1 << 64:
        raise NumleanError(f"the seed of a block format is from 0 to 2**64 - 1, got {seed}")
    get_scalar("ieee32exec", device)  # refuses an unknown device
    known, element, scale = _parts(own)
    rule = _rule(own, element, scale, _size(given.get("size"), own, known))
    chosen = _preset(own, rule, given.get("preset"))
    rule = _with_options(own, rule, chosen, given)
    return BlockFormat(_full_name(own, given), rule, chosen.name, device, seed)


def _full_name(name: str, given: Mapping[str, str]) -> str:
    """Return a name with the options that neither a rule of scales nor a preset says."""
    kept = (option for option in _OWN_OPTIONS if option in given)
    return ",".join([name, *(f"{option}={given[option]}" for option in kept)])


def _split(text: str) -> tuple[str, dict[str, str]]:
    """Return a name, and the options that follow it."""
    own, *options = (part.strip() for part in split_outside_parentheses(text, "block format"))
    given: dict[str, str] = {}
    for option in options:
        field, equals, value = (part.strip() for part in option.partition("="))
        if field not in _OPTIONS:
            raise UnknownNameError("option of a block format", field, _OPTIONS)
        if not equals or not value or field in given:
            raise NumleanError(f"block format {text!r}: write each option once, as {field}=VALUE")
        given[field] = value
    return own, given


def _parts(name: str) -> tuple[NamedBlockFormat | None, Element, Format]:
    for each in NAMED:
        if name in (each.name, *each.aliases):
            return each, _element(each.element), _scale(each.scale)
    kind, colon, rest = name.partition(":")
    element, slash, scale = rest.partition("/")
    if kind != "block" or not colon:
        others = tuple(alias for each in NAMED for alias in each.aliases)
        known = (*block_formats(), "block:ELEMENT/SCALE,size=N")
        raise UnknownNameError("block format", name, known, others=others)
    if not slash:
        raise NumleanError(
            f"block format {name!r}: write block:ELEMENT/SCALE,size=N, as in"
            " block:e4m3/e8m0,size=32"
        )
    return None, _element(element.strip()), _scale(scale.strip())


def _element(name: str) -> Element:
    if name in (INT8.format.name, INT8_DTYPE):
        return INT8
    format = _format("elements", name)
    if not (format.has_negative_zero and format.trailing_bits):
        raise NumleanError(
            f"elements are int8 ({INT8_DTYPE}) or signed floats with a -0 and a fraction, such as"
            f" e4m3; not {name}"
        )
    return Element(format)


def _scale(name: str) -> Format:
    format = _format("scales", name)
    if format != E8M0 and not 1 <= format.trailing_bits <= _FINEST:
        raise NumleanError(
            f"scales are e8m0 or floats with 1 to {_FINEST} bits of fraction, such as e4m3; not"
            f" {name}"
        )
    return format


def _format(what: str, name: str) -> Format:
    """Return the format of a dtype of at most 8 bits."""
    if "@" in name:
        raise NumleanError(
            f"{what} of a block are named without options, got {name!r}; give rounding=MODE, or"
            " scale_rounding=MODE, instead"
        )
    format = get_scalar(name, "python").format
    if format is None or format.width > 8:
        raise NumleanError(
            f"{what} of a block are floats of at most 8 bits, such as e4m3, or int8"
            f" ({INT8_DTYPE}) as elements; {name!r} is none"
        )
    return format


def _size(text: str | None, name: str, known: NamedBlockFormat | None) -> int:
    if text is None:
        if known is None:
            raise NumleanError(f"block format {name!r} needs a size; add ,size=32")
        return known.size
    size = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0
    if not 1 <= size <= MOST_NUMBERS:
        raise NumleanError(f"size is from 1 to {MOST_NUMBERS} numbers, got size={text}")
    return size


def _rule(name: str, element: Element, scale: Format, size: int) -> BlockRule:
    if scale == E8M0:
        return PowerRule(element, size)
    if element.is_integer or element.format.trailing_bits > _FINEST:
        raise NumleanError(
            f"block format {name!r}: scales that are no powers of two need elements with at most"
            f" {_FINEST} bits of fraction, such as e2m1 or e4m3"
        )
    return TwoLevelRule(element, size, scale)


def _preset(name: str, rule: BlockRule, text: str | None) -> Preset:
    is_power = isinstance(rule, PowerRule)
    known = {
        each.name: each
        for each in PRESETS
        if (each.powers if is_power else each.quantizer) is not None
    }
    chosen = _DEFAULTS[0 if is_power else 1] if text is None else text
    if chosen in known:
        return known[chosen]
    for each in PRESETS:
        if each.name == chosen:
            raise NumleanError(
                f"the preset {chosen} has no rules for {name}; it takes {', '.join(known)}"
            )
    raise UnknownNameError("preset", chosen, tuple(known))


def _with_options(
    name: str, rule: BlockRule, preset: Preset, given: Mapping[str, str]
) -> BlockRule:
    elements = _rounding("rounding", given.get("rounding", preset.rounding))
    if isinstance(rule, PowerRule):
        if "scale_rounding" in given:
            raise NumleanError(
                f"{name}: scales are powers of two, which scale_rule chooses; leave scale_rounding"
                " out"
            )
        assert preset.powers is not None
        rule_name = given.get("scale_rule", preset.powers.rule.value)
        if rule_name not in _RULES:
            raise UnknownNameError("scale_rule", rule_name, _RULES)
        powers = replace(preset.powers, rule=ScaleRule(rule_name))
        return replace(rule, scale=powers, elements=elements)
    if "scale_rule" in given:
        raise NumleanError(
            f"{name}: scale_rule is for scales that are powers of two; choose a preset, and"
            " scale_rounding"
        )
    assert preset.quantizer is not None
    scales = _rounding("scale_rounding", given.get("scale_rounding", "ties_to_even"))
    if scales.is_stochastic:
        raise NumleanError(f"{name}: scale_rounding is a direction, not stochastic")
    return replace(rule, quantizer=preset.quantizer, elements=elements, scales=scales)


def _rounding(option: str, text: str) -> ElementRounding:
    known = canonical_rounding(text)
    if known not in (*DIRECTIONS, STOCHASTIC) and FEW_BITS.fullmatch(known) is None:
        raise UnknownNameError(option, text, (*DIRECTIONS, STOCHASTIC, "stochastic_a:N"))
    try:
        return ElementRounding.of(known)
    except ValueError as error:
        raise NumleanError(f"{option}={text}: {error}") from None
