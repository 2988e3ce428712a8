"""The matrix units that policies name: in full, or by the chip, with the operands' formats.

``unit(H100)`` takes the formats from the operands of each product. For fp8 numbers on H100 and H200
it means the instruction wgmma. An instruction and an output may follow the chip, and then options:
``H100:mma->fp16, k_block=64``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Final, final

from numlean.errors import NumleanError, UnknownNameError
from numlean.precision.matrix_units.names import UnitName, get_matrix_unit, rows
from numlean_kernels.formats import Format
from numlean_kernels.matrix_units.chips import CHIPS, OPERANDS, OUTPUTS, ROWS
from numlean_kernels.matrix_units.rule import Chain, Operands, Unit

FAST: Final = "wgmma"
"""The instruction that a chip alone means where it has two for the operands; its sums lose bits."""

FAST_TERMS: Final = 128
"""The terms after which an accumulator of that instruction is promoted in gradients."""

_NO_SCALES: Final = (
    "takes scales with its operands, but a policy has them in its block formats; use the policy"
    " mxfp8 with accumulate=unit(H100), or blocked sums"
)

_KINDS: Final = tuple(dict.fromkeys(row.kind for row in ROWS if row.kind))


@final
@dataclass(frozen=True)
class UnitChoice:
    """What ``unit(NAME)`` in a policy names; ``str`` of it is a text that ``parse`` takes.

    Attributes:
        name: The name of a unit, options included; or a chip, perhaps with an instruction and an
            output, and options.
    """

    name: str

    @classmethod
    def parse(cls, text: str) -> UnitChoice:
        """Return the choice of a text such as ``A100:fp16, promote_every=128``.

        Raises:
            UnknownNameError: A part of the name is unknown.
            NumleanError: A part is missing, or an option has another value than it may have.
        """
        return _parsed(text.strip())

    @property
    def is_chip(self) -> bool:
        """Whether the formats of operands are not named, so that they follow from the operands."""
        return _Chip.parse(self._head) is not None

    @property
    def unit(self) -> Unit:
        """The unit of a full name."""
        return get_matrix_unit(self.name).unit

    @property
    def chain(self) -> Chain:
        """How a sum is split over chains of instructions."""
        chip = _Chip.parse(self._head)
        name = self.name if chip is None else f"{next(chip.names)}{self._options}"
        return get_matrix_unit(name).unit.chain

    def unit_of(self, left: Format | None, right: Format | None) -> Unit:
        """Return the unit that multiplies numbers of two formats; None stands for no format.

        A unit that is named in full takes narrower operands, whose numbers its own have.

        Raises:
            NumleanError: There is none, or the chip has several.
        """
        return _unit_of(self, left, right)

    def name_of(self, left: Format | None, right: Format | None) -> str:
        """Return the full name of that unit; of two formats of operands, the left one's.

        Raises:
            NumleanError: There is none, or the chip has several.
        """
        chip = _Chip.parse(self._head)
        return self.name if chip is None else self._full(chip, left, right)[0]

    def in_gradients(self, left: Format | None, right: Format | None) -> UnitChoice:
        """Return the choice in the gradients of a layer, as TransformerEngine computes them.

        Where a chip alone means the instruction whose sums lose bits, its accumulator is promoted
        every 128 terms there, unless options say how k is split.
        """
        return _in_gradients(self, left, right)

    def _full(self, chip: _Chip, left: Format | None, right: Format | None) -> tuple[str, Operands]:
        """Return the full name of a chip's unit for two formats, and its right operands."""
        found = list(chip.fitting(left, right))
        if not found:
            known = _either(dict.fromkeys(name.operands for name in chip.names))
            given = " by ".join(dict.fromkeys(map(_name, (left, right))))
            wider = next((name for name in chip.names if _contains(name, left, right)), None)
            hint = "" if wider is None else f"; unit({wider}) takes these too"
            raise NumleanError(f"unit({self}) multiplies operands in {known}, not {given}{hint}")
        found = [each for each in found if each[0].output == found[0][0].output]
        usual = [each for each in found if each[0].kind == FAST] or found
        if len(usual) > 1:
            kinds = _either(f"unit({chip.chip}:{name.kind})" for name, _ in usual)
            raise NumleanError(
                f"{chip.chip} has several instructions for {_name(left)}; write {kinds}"
            )
        name, operands = usual[0]
        return f"{name}{self._options}", operands

    @property
    def _head(self) -> str:
        return self.name.partition(",")[0]

    @property
    def _options(self) -> str:
        return self.name.removeprefix(self._head)

    def __str__(self) -> str:
        return ", ".join(self.name.split(","))


@final
@dataclass(frozen=True)
class _Chip:
    """A chip, perhaps with an instruction and an output, whose operands are not named."""

    chip: str
    kind: str
    output: str

    @classmethod
    def parse(cls, head: str) -> _Chip | None:
        """Return the parts of a name without options; None if it is not of that form."""
        front, arrow, output = (part.strip() for part in head.partition("->"))
        chip, _, kind = (part.strip() for part in front.partition(":"))
        if chip not in CHIPS or kind not in ("", *_KINDS):
            return None
        if arrow and output not in OUTPUTS:
            raise UnknownNameError("output of a matrix unit", output, tuple(OUTPUTS))
        return cls(chip, kind, output)

    @property
    def names(self) -> Iterator[UnitName]:
        """The names of the chip's units, those with binary32 results before others."""
        for name in sorted(rows(), key=lambda name: name.output != "fp32"):
            is_of_kind = self.kind in ("", name.kind) and rows()[name].scales is None
            if name.chip == self.chip and is_of_kind and self.output in ("", name.output):
                yield name

    def fitting(
        self, left: Format | None, right: Format | None
    ) -> Iterator[tuple[UnitName, Operands]]:
        """Yield the units whose left operands have a format, and right operands of another one.

        Units multiply numbers of 8 bits in all formats of their row by each other.
        """
        for name in self.names:
            own = OPERANDS[name.operands]
            row = rows()[name]
            partners = row.operands if own.format.width == 8 else (name.operands,)
            others = [OPERANDS[each] for each in partners if _is_of(OPERANDS[each], right)]
            if _is_of(own, left) and others:
                yield name, others[0]

    def __str__(self) -> str:
        kind = f":{self.kind}" if self.kind else ""
        return f"{self.chip}{kind}->{self.output}" if self.output else f"{self.chip}{kind}"


@cache
def _parsed(text: str) -> UnitChoice:
    head, comma, options = text.partition(",")
    chip = _Chip.parse(head)
    if chip is None:
        unit = get_matrix_unit(text)
        if unit.unit.scales is not None:
            raise NumleanError(f"unit({text}) {_NO_SCALES}")
        return UnitChoice(unit.name)
    first = next(chip.names, None)
    if first is None:
        if any(row.scales and row.kind == chip.kind for row in ROWS):
            raise NumleanError(f"unit({text}) {_NO_SCALES}")
        raise NumleanError(f"{chip.chip} has no unit {chip}; write unit({chip.chip})")
    _, comma, options = get_matrix_unit(f"{first}{comma}{options}").name.partition(",")
    return UnitChoice(f"{chip}{comma}{options}")


@cache
def _in_gradients(choice: UnitChoice, left: Format | None, right: Format | None) -> UnitChoice:
    chip = _Chip.parse(choice.name.partition(",")[0])
    if chip is None or chip.kind:
        return choice
    kinds = {name.kind for name, _ in chip.fitting(left, right)}
    if FAST not in kinds or choice.chain != Chain():
        return choice
    return UnitChoice(f"{choice.name},promote_every={FAST_TERMS}")


@cache
def _unit_of(choice: UnitChoice, left: Format | None, right: Format | None) -> Unit:
    chip = _Chip.parse(choice.name.partition(",")[0])
    if chip is not None:
        name, operands = choice._full(chip, left, right)
        return replace(get_matrix_unit(name).unit, right=operands)
    unit = choice.unit
    for own, format in ((unit.left, left), (unit.right, right)):
        if format is None or not own.format.contains(format):
            raise NumleanError(
                f"unit({choice}) needs operands that {own.name} has exactly, and it lacks numbers"
                f" of {_name(format)}"
            )
    return unit


def _contains(name: UnitName, *formats: Format | None) -> bool:
    """Return whether the encodings of a unit's operands have all numbers of formats."""
    own = OPERANDS[name.operands].format
    return all(each is not None and own.contains(each) for each in formats)


def _is_of(operands: Operands, format: Format | None) -> bool:
    """Return whether a format has just the numbers of operands."""
    if format is None or format.precision != operands.precision:
        return False
    own = operands.format
    if own.precision > operands.precision:  # of binary32 encodings, some bits count
        return format == replace(own, name=format.name, trailing_bits=operands.precision - 1)
    return own.key == format.key


def _either(names: Iterable[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def _name(format: Format | None) -> str:
    return "a dtype without encodings" if format is None else format.name
