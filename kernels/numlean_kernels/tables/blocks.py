"""The tables of routines of block formats."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from numlean_kernels.blocks import power_of_two, two_level
from numlean_kernels.blocks.elements import (
    NEAREST,
    is_compared,
    least_compared,
    make_code,
    make_compared,
    make_greater,
    make_magnitude,
    make_nearest,
    make_over_power,
    make_scaled,
    make_value,
)
from numlean_kernels.blocks.exponents import make_scale
from numlean_kernels.blocks.quantizers import Steps, make_steps, skips_nan
from numlean_kernels.blocks.rules import (
    ROUND,
    Element,
    ElementRounding,
    PowerRule,
    TwoLevelRule,
)
from numlean_kernels.formats import BINARY32, BINARY64
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
        power_of_two.OVER: target.routine(make_over_power(target)),
    }
    if rule.elements.rounding in NEAREST:
        nearest = make_nearest(rule.element, rule.elements.rounding, target)
        routines[power_of_two.NEAREST] = target.routine(nearest)
    return Table(f"powers of two/{rule.key}", zero=0, make=routines.__getitem__)


@cache
def two_level_table(rule: TwoLevelRule, target: Target) -> Table:
    """Return the routines of a format with a scale for each block and one for the tensor."""
    encoding, real32 = target.encoding_of(64), target.real_of(32)
    word = target.unsigned(32)
    steps = make_steps(rule, target)
    # numba-cuda takes no routines out of a tuple.
    unrounded_scale, unrounded, quotient_of_tensor = steps.scale, steps.scaled, steps.tensor
    encoding32, mask = target.encoding_of(32), word(BINARY32.magnitude_mask)
    nan, above = word(BINARY32.default_nan), word(BINARY32.infinity)

    def tensor(gamax: Any) -> Any:
        # Processors choose NaNs differently.
        bits = word(encoding32(quotient_of_tensor(gamax)))
        return real32(word(nan if word(bits & mask) > above else bits))

    round_scale = ieee_table(rule.scales.arithmetic(rule.scale), target)[ROUND]
    round_element = rounded_element(rule.element, rule.elements, target)
    is_near, infinity, zero = rule.scales.rounding in NEAREST, np.float64(np.inf), np.uint64(0)
    near: Any = _near_scale(rule, target) if is_near else None

    def scale(amax: Any, gamax: Any, whole: Any) -> Any:
        quotient = np.float64(unrounded_scale(amax, gamax, whole))
        if is_near and quotient < infinity:
            return near(zero, encoding(quotient))
        return round_scale(encoding(quotient))

    def real(x: Any) -> Any:
        return real32(word(x))

    def scaled(x: Any, factor: Any, whole: Any) -> Any:
        return encoding(np.float64(unrounded(x, factor, whole)))

    greater, greater_number = (
        target.routine(make_greater(target, skips_nan=skips)) for skips in (False, True)
    )
    routines = {
        two_level.TENSOR: target.routine(tensor),
        two_level.SCALE: target.routine(scale),
        two_level.VALUE: target.routine(make_value(rule.scale, target)),
        two_level.FACTOR: steps.factor,
        two_level.SCALED: target.routine(scaled),
        two_level.ROUNDED: round_element,
        two_level.REAL: target.routine(real),
        two_level.GREATER: greater,
        two_level.GREATER_NUMBER: greater_number,
        two_level.GREATER_OF_TENSOR: greater_number if skips_nan(rule.quantizer) else greater,
    }
    nearest = _nearest(rule, steps, target)
    if nearest is not None:
        routines[two_level.NEAREST] = target.routine(nearest)
    least = least_compared(rule.element) if steps.is_exact else np.float64(0.0)
    zero32 = np.float32(0.0)

    def usual(factor: Any, whole: Any) -> Any:
        return least <= factor < np.inf and whole > zero32  # 0 / 0 is a NaN

    routines[two_level.USUAL] = target.routine(usual)
    return Table(f"two levels/{rule.key}", zero=0, make=routines.__getitem__)


def _near_scale(rule: TwoLevelRule, target: Target) -> Routine:
    """Return ``near(0, quotient)``: the code of a scale, in fewer instructions than the table's."""
    made = make_nearest(Element(rule.scale), rule.scales.rounding, target, source=BINARY64)
    return target.routine(made)


def _nearest(rule: TwoLevelRule, steps: Steps, target: Target) -> Routine | None:
    """Return ``nearest(x, factor, whole)``, which vector instructions compute, if there is one."""
    element, rounding = rule.element, rule.elements.rounding
    if rounding not in NEAREST or (steps.is_exact and not is_compared(element)):
        return None
    if steps.is_exact:
        compared = target.routine(make_compared(element, rounding, target))

        def exact(x: Any, factor: Any, whole: Any) -> Any:
            return compared(x, factor)

        return exact
    nearest = target.routine(make_nearest(element, rounding, target))
    magnitude = target.routine(make_magnitude(steps.scaled, target))

    def scaled(x: Any, factor: Any, whole: Any) -> Any:
        return nearest(x, magnitude(x, factor, whole))

    return scaled


def rounded_element(element: Element, rounding: ElementRounding, target: Target) -> Routine:
    """Return ``rounded(y, *random_bits)``: the code of a binary64 encoding, rounded once."""
    round_encoding = ieee_table(rounding.arithmetic(element.format), target)[ROUND]
    code = target.routine(make_code(element, target))

    def rounded(y: Any) -> Any:
        return code(round_encoding(y))

    def drawn(y: Any, random_bits: Any) -> Any:
        return code(round_encoding(y, random_bits))

    return target.routine(drawn if rounding.is_stochastic else rounded)
