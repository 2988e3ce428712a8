"""Names of matrix units: ``CHIP:OPERANDS[:KIND][->OUTPUT][,OPTION=VALUE...]`` and ``blockfma:``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from numlean.arguments import checked
from numlean.errors import NumleanError, UnknownNameError
from numlean.precision.matrix_units.unit import MatrixUnit
from numlean_kernels.formats import BINARY64
from numlean_kernels.matrix_units.chips import CHIPS, MODELS, OPERANDS, OUTPUTS, ROWS, Row
from numlean_kernels.matrix_units.rule import (
    DIRECTIONS,
    NEAREST,
    BlockFma,
    Chain,
    Rule,
    ScaledSums,
    Scales,
    Unit,
)

BLOCKFMA: Final = "blockfma"
"""The name before the parameters of a user's own block FMA."""

_PATTERN: Final = "CHIP:OPERANDS[:INSTRUCTION][->OUTPUT], such as A100:fp16 or H100:e4m3:wgmma"
_MOST_DIGITS: Final = 9
_USUAL_OUTPUTS: Final = {"fp64": "fp64"}
"""The output of operands where it is not fp32."""


@dataclass(frozen=True)
class UnitName:
    """The parts of the name of a chip's unit.

    Attributes:
        chip: The chip.
        operands: The operands, by name.
        kind: The instruction; empty if the chip has one for the operands.
        output: The format of results, by name.
    """

    chip: str
    operands: str
    kind: str
    output: str

    def __str__(self) -> str:
        kind = f":{self.kind}" if self.kind else ""
        is_usual = self.output == _USUAL_OUTPUTS.get(self.operands, "fp32")
        return f"{self.chip}:{self.operands}{kind}{'' if is_usual else f'->{self.output}'}"


@cache
def rows() -> Mapping[UnitName, Row]:
    """Return the rows of all units by name, chip by chip."""
    every = {
        UnitName(chip, operands, row.kind, row.output): row
        for row in ROWS
        for chip in row.chips
        for operands in row.operands
    }
    return {name: every[name] for chip in CHIPS for name in every if name.chip == chip}


def matrix_units() -> tuple[str, ...]:
    """Return the names of all matrix units of chips.

    ``get_matrix_unit`` makes them, and others as ``blockfma:group=8,fraction_bits=24``.
    """
    return tuple(map(str, rows()))


@checked
def get_matrix_unit(name: str) -> MatrixUnit:
    """Return the matrix unit of a name.

    Names are ``CHIP:OPERANDS[:INSTRUCTION][->OUTPUT]``; ``matrix_units()`` lists them. The
    instruction is required where a chip has two for the operands: ``H100:e4m3:wgmma``. Results are
    binary32 without ``->fp16`` (binary64 for fp64). Units with scales are named by the instruction:
    ``B200:e4m3:mxf8f6f4``, ``B200:e2m1:mxf4nvf4-e4m3x16`` (a scale in e4m3 for each 16 k); all k of
    theirs are one chain. Options follow, separated by commas:

    - ``model=km`` or ``model=mma``: the published model, where they contradict each other;
    - ``k_block=N``, ``promote_every=N``, ``split_k=N``, ``order=ascending|pairwise``: how a long k
      is split over chains of instructions.

    ``blockfma:group=8,fraction_bits=24`` is a block FMA of your own. Its options are those above
    but ``model``, and ``operands``, ``output``, ``floor``, ``zero_exponent``, ``alignment``,
    ``result``, ``result_precision``, ``k_order=0-1-4-5-2-3-6-7`` and ``c=first|last``.

    Raises:
        UnknownNameError: A part of the name is unknown.
        NumleanError: A part is missing, or an option has another value than it may have.
    """
    head, *texts = (part.strip() for part in name.split(","))
    if head == BLOCKFMA or head.startswith(f"{BLOCKFMA}:"):
        return _own(name, [head.removeprefix(BLOCKFMA).removeprefix(":").strip(), *texts])
    given = find_name(head)
    options = _options(name, texts, {**_CHAIN_OPTIONS, "model": _one_of(tuple(MODELS))})
    model = options.pop("model", next(iter(MODELS)))
    _check_chain(name, options)
    row = rows()[given]
    if row.scales is not None and options:
        raise NumleanError(
            f"{name!r}: all k of a unit with scales are one chain; leave out {next(iter(options))}"
        )
    unit = unit_of(given, row.rule_of(model), Chain(**options), row.scales)
    kept = {"model": model} if row.rule_of(model) != row.rule else {}
    text = ",".join([str(given), *_texts(kept | options)])
    return MatrixUnit(text, given.operands, given.output, row.evidence, unit)


def find_name(text: str) -> UnitName:
    """Return the parts of a name without options.

    Raises:
        UnknownNameError: A part is unknown.
        NumleanError: A part is missing.
    """
    front, arrow, output = (part.strip() for part in text.partition("->"))
    parts = [part.strip() for part in front.split(":")]
    if parts[0] not in CHIPS:
        raise UnknownNameError("chip", parts[0], CHIPS, hint=f"; a unit's name is {_PATTERN}")
    if len(parts) == 1 or len(parts) > 3 or (arrow and not output):
        raise NumleanError(f"{text!r} is not the name of a matrix unit; write {_PATTERN}")
    chip, operands = parts[:2]
    found = [each for each in rows() if each.chip == chip]
    known = tuple(dict.fromkeys(each.operands for each in found))
    if operands not in known:
        raise UnknownNameError(f"operands of {chip}", operands, known)
    found = [each for each in found if each.operands == operands]
    found = _with_kind(found, f"{chip}:{operands}", parts[2] if len(parts) == 3 else None)
    wanted = output or _USUAL_OUTPUTS.get(operands, "fp32")
    outputs = tuple(each.output for each in found)
    if wanted not in outputs:
        raise UnknownNameError(f"output of {front}", wanted, outputs)
    return next(each for each in found if each.output == wanted)


def _with_kind(found: list[UnitName], start: str, kind: str | None) -> list[UnitName]:
    """Return the names with an instruction; without, those of the one that has no name, or all.

    Raises:
        UnknownNameError: The chip has no such instruction for the operands.
        NumleanError: The chip has two, and none is given.
    """
    kinds = tuple(dict.fromkeys(each.kind for each in found))
    if kind is None and "" in kinds:
        return [each for each in found if not each.kind]
    if kind is None and len(kinds) > 1:
        choices = " or ".join(f"{start}:{each}" for each in kinds)
        raise NumleanError(f"{start} has {len(kinds)} instructions; write {choices}")
    if kind is not None and kinds == ("",):
        raise NumleanError(f"{start} has one instruction, got {kind!r}; write {start}")
    if kind is not None and (not kind or kind not in kinds):
        raise UnknownNameError(f"instruction of {start}", kind, tuple(filter(None, kinds)))
    return [each for each in found if kind is None or each.kind == kind]


def unit_of(name: UnitName, rule: Rule, chain: Chain, scales: Scales | None = None) -> Unit:
    """Return all that determines the bits of a chip's unit."""
    operands, output = OPERANDS[name.operands], OUTPUTS[name.output]
    # GPUs of NVIDIA return NaNs of ones, but not in binary64.
    is_ones = isinstance(rule, BlockFma | ScaledSums) and output is not BINARY64
    nan = output.magnitude_mask if is_ones else output.default_nan
    return Unit(rule, operands, operands, output, nan, chain, scales)


def _own(name: str, texts: list[str]) -> MatrixUnit:
    """Return a block FMA of a user's own."""
    options = _options(name, [each for each in texts if each], _RULE_OPTIONS | _CHAIN_OPTIONS)
    for required in ("group", "fraction_bits"):
        if required not in options:
            raise NumleanError(
                f"{name!r} lacks {required}; write {BLOCKFMA}:group=8,fraction_bits=24"
            )
    text = f"{BLOCKFMA}:{','.join(_texts(options))}"
    operands, output = options.pop("operands", "fp16"), options.pop("output", "fp32")
    _check_chain(name, options)
    chain = Chain(**{key: options.pop(key) for key in _CHAIN_OPTIONS if key in options})
    adds_last = options.pop("c", "first") == "last"
    if output == "fp16":
        options.setdefault("result", NEAREST)
    rule = BlockFma(**options, adds_last=adds_last)
    unit = unit_of(UnitName(BLOCKFMA, operands, "", output), rule, chain)
    _check_own(name, unit, rule)
    return MatrixUnit(text, operands, output, "unverified: a rule of your own", unit)


def _check_chain(name: str, options: Mapping[str, Any]) -> None:
    """Check that an order of ranges orders something.

    Raises:
        NumleanError: There is one range.
    """
    if "order" in options and options.get("split_k", 1) == 1:
        raise NumleanError(f"{name!r}: order is that of ranges of k; give split_k, 2 or more")


def _check_own(name: str, unit: Unit, rule: BlockFma) -> None:
    """Check that sums fit in words of 64 bits and that the order of k is one.

    Raises:
        NumleanError: They do not.
    """
    if sorted(rule.k_order) != list(range(len(rule.k_order))) or len(rule.k_order) % rule.group:
        raise NumleanError(
            f"{name!r}: k_order takes each of 0 to N-1 once, N a multiple of group, separated by -"
        )
    sum_bits = rule.fraction_bits + 2 + rule.group.bit_length()
    product_bits = unit.left.precision + unit.right.precision + max(0, rule.fraction_bits)
    if max(sum_bits, product_bits) > 61:
        raise NumleanError(f"{name!r}: sums need more than 64 bits; give fewer fraction_bits")
    precision = rule.result_precision
    if precision is not None and not 1 <= precision <= unit.output.precision:
        most = unit.output.precision
        raise NumleanError(f"{name!r}: result_precision is 1 to {most}, got {precision}")


def _options(
    name: str, texts: list[str], known: Mapping[str, Callable[[str, str], Any]]
) -> dict[str, Any]:
    """Return the values of options ``key=value``, in the order of the known ones.

    Raises:
        UnknownNameError: An option is unknown.
        NumleanError: An option is given twice, or has another value than it may have.
    """
    values: dict[str, Any] = {}
    for text in texts:
        key, equals, value = (part.strip() for part in text.partition("="))
        if key not in known:
            raise UnknownNameError(f"option of {name.partition(',')[0]!r}", key, tuple(known))
        if not equals or key in values:
            problem = "is given twice" if key in values else "has no value"
            raise NumleanError(f"{name!r}: {key} {problem}; write {key}=VALUE once")
        values[key] = known[key](key, value)
    return {key: values[key] for key in known if key in values}


def _integer(least: int, most: int) -> Callable[[str, str], int]:
    def read(key: str, text: str) -> int:
        digits = text.removeprefix("-")
        is_integer = digits.isascii() and digits.isdecimal() and len(digits) <= _MOST_DIGITS
        if not is_integer or not least <= int(text) <= most:
            raise NumleanError(f"{key} is an integer from {least} to {most}, got {text!r}")
        return int(text)

    return read


def _one_of(known: tuple[str, ...]) -> Callable[[str, str], str]:
    def read(key: str, text: str) -> str:
        if text not in known:
            raise UnknownNameError(key, text, known)
        return text

    return read


def _direction(key: str, text: str) -> Any:
    by_name = {each.value: each for each in DIRECTIONS}
    return by_name[_one_of(tuple(by_name))(key, text)]


def _order(key: str, text: str) -> tuple[int, ...]:
    return tuple(_integer(0, _MOST)(key, each) for each in text.split("-"))


_MOST: Final = 10**_MOST_DIGITS - 1

_CHAIN_OPTIONS: Final[dict[str, Callable[[str, str], Any]]] = {
    "k_block": _integer(1, _MOST),
    "promote_every": _integer(1, _MOST),
    "split_k": _integer(1, _MOST),
    "order": _one_of(("ascending", "pairwise")),
}

_ALIGNED: Final = tuple(name for name, each in OPERANDS.items() if each.precision <= 11)
"""The operands of a block FMA: those whose products fit in 22 bits."""

_RULE_OPTIONS: Final[dict[str, Callable[[str, str], Any]]] = {
    "operands": _one_of(_ALIGNED),
    "output": _one_of(("fp32", "fp16")),
    "group": _integer(1, 1024),
    "fraction_bits": _integer(0, 48),
    "floor": _integer(-1000, 1000),
    "zero_exponent": _integer(-1000, 1000),
    "alignment": _direction,
    "result": _direction,
    "result_precision": _integer(1, 24),
    "k_order": _order,
    "c": _one_of(("first", "last")),
}


def _texts(options: Mapping[str, Any]) -> list[str]:
    """Return options as texts ``key=value``."""

    def text(value: Any) -> str:
        value = value.value if value in DIRECTIONS else value
        return "-".join(map(str, value)) if isinstance(value, tuple) else str(value)

    return [f"{key}={text(value)}" for key, value in options.items()]
