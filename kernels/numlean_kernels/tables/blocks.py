"""The tables of routines of block formats."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from numlean_kernels.blocks import power_of_two, two_level
from numlean_kernels.blocks.elements import make_code, make_greater, make_nearest, make_scaled
from numlean_kernels.blocks.exponents import make_scale
from numlean_kernels.blocks.quantizers import make_steps, skips_nan
from numlean_kernels.blocks.rules import (
    ROUND,
    Element,
    ElementRounding,
    PowerRule,
    TwoLevelRule,
)
from numlean_kernels.protocol import Routine, Table, Target
from numlean_kernels.tables.ieee import ieee_table


@cache
def power_table(rule: PowerRule, target: Target) -> Table:
    """Return the routines of a format whose scales are powers of two."""
    routines = {
        power_of_two.GREATER: target.routine(make_greater(target, skips_nan=False)),
        power_of_two.GREATER_NUMBER: target.routine(make_greater(target, skips_nan=True)),
        power_of_two.SCALE: target.routine(make_scale(rule, target)),
        power_of_two.SCALED: target.routine(make_scaled(target)),
        power_of_two.ROUNDED: rounded_element(rule.element, rule.elements, target),
        power_of_two.NEAREST: target.routine(make_nearest(rule.element, target)),
    }
    return Table(f"powers of two/{rule.key}", zero=0, make=routines.__getitem__)


@cache
def two_level_table(rule: TwoLevelRule, target: Target) -> Table:
    """Return the routines of a format with a scale for each block and one for the tensor."""
    steps = make_steps(rule, target)
    encoding, real32, real64 = target.encoding_of(64), target.real_of(32), target.real_of(64)
    word = target.unsigned(32)
    scales = ieee_table(rule.scales.arithmetic(rule.scale), target)
    round_scale, to_binary64 = scales[ROUND], scales["to_binary64"]
    round_element = rounded_element(rule.element, rule.elements, target)

    def scale(amax: Any, gamax: Any, whole: Any) -> Any:
        return round_scale(encoding(steps.scale(amax, gamax, whole)))

    def value(code: Any) -> Any:
        return np.float32(real64(to_binary64(code)))

    def real(x: Any) -> Any:
        return real32(word(x))

    def scaled(x: Any, factor: Any, whole: Any) -> Any:
        return encoding(steps.scaled(x, factor, whole))

    routines = {
        two_level.TENSOR: steps.tensor,
        two_level.SCALE: target.routine(scale),
        two_level.VALUE: target.routine(value),
        two_level.FACTOR: steps.factor,
        two_level.SCALED: target.routine(scaled),
        two_level.ROUNDED: round_element,
        two_level.REAL: target.routine(real),
        two_level.GREATER: target.routine(
            make_greater(target, skips_nan=skips_nan(rule.quantizer))
        ),
    }
    return Table(f"two levels/{rule.key}", zero=0, make=routines.__getitem__)


def rounded_element(element: Element, rounding: ElementRounding, target: Target) -> Routine:
    """Return ``rounded(y, *random_bits)``: the code of a binary64 encoding, rounded once."""
    round_encoding = ieee_table(rounding.arithmetic(element.format), target)[ROUND]
    code = target.routine(make_code(element, target))

    def rounded(y: Any) -> Any:
        return code(round_encoding(y))

    def drawn(y: Any, random_bits: Any) -> Any:
        return code(round_encoding(y, random_bits))

    return target.routine(drawn if rounding.is_stochastic else rounded)
