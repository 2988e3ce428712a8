"""Kernels with modes as an operand, compared with the kernels of each arithmetic."""

from itertools import product

import numpy as np
import pytest

from numlean_kernels.formats import BINARY16, E4M3, Format
from numlean_kernels.ieee import Arithmetic, NanRule, Overflow, Rounding, Subnormal, Tininess
from numlean_kernels.ieee.convert import cast_name
from numlean_kernels.ieee.modes import DIRECTIONS, RULES, modes_of, takes_modes
from numlean_kernels.loops.elementwise import flagged_in_modes
from numlean_kernels.protocol import kernel_for
from numlean_kernels.tables.ieee import ieee_table
from numlean_kernels.tables.ieee_modes import modal_table
from numlean_kernels.targets import get_target

PYTHON = get_target("python")
NARROW = Format("e3m2", 3, 2)
PAIRS = {"add": 2, "sub": 2, "mul": 2, "div": 2, "rem": 2, "sqrt": 1, "fma": 3}
FROM_HALF = cast_name(BINARY16)
HALVES = (0x7C01, 0xFE00, 0x7E00, 0xFC01, 0x7D55, 0x7C00, 0xFBFF, 0, 0x8000, 0x3001, 0xB3FF)
INTEGERS = {"from_int64": (-3, 0, 5, -29, -(1 << 63)), "from_uint64": (9, 1 << 63, (1 << 64) - 1)}


def arithmetics(format, **choices):
    return [
        Arithmetic(format, way, rule, subnormal, tininess, **choices)
        for way, rule, subnormal, tininess in product(DIRECTIONS, RULES, Subnormal, Tininess)
    ]


@pytest.mark.parametrize("rounding", DIRECTIONS)
def test_every_mode_has_the_results_and_flags_of_its_own_routine(rounding):
    rng = np.random.default_rng(list(Rounding).index(rounding))
    modal = modal_table(NARROW, PYTHON)
    for arithmetic in arithmetics(NARROW):
        if arithmetic.rounding is not rounding:
            continue
        modes, table = modes_of(arithmetic), ieee_table(arithmetic, PYTHON)
        whole = [*rng.integers(0, 64, (2, 1)).tolist(), [0x1D], [0x3D]]
        directed = ("round_to_integral_exact", "to_int8", "to_uint64", "to_int32")
        cases = [(name, rng.integers(0, 64, (7, n)).tolist()) for name, n in PAIRS.items()]
        cases += [(FROM_HALF, [[bits] for bits in HALVES]), *((name, whole) for name in directed)]
        cases += [(name, [[n] for n in several]) for name, several in INTEGERS.items()]
        for name, operands in cases:
            way = f" {rounding.value}" if name in directed else ""
            usual, chosen = table[f"flagged {name}{way}"], modal[f"flagged {name}"]
            for given in operands:
                found = tuple(map(int, chosen(*given, modes)))
                assert found == tuple(map(int, usual(*given))), (arithmetic.key, name, given)


def test_special_operands_have_the_nan_of_every_rule():
    specials = (0, 0x8000, 0x7C00, 0xFC00, 0x7E00, 0xFE01, 0x7C01, 0xFD00, 0x3C00)
    modal = modal_table(BINARY16, PYTHON)
    for rule in RULES:
        arithmetic = Arithmetic(BINARY16, nan=rule)
        table, modes = ieee_table(arithmetic, PYTHON), modes_of(arithmetic)
        for name in ("sub", "mul", "fma"):
            usual, chosen = table[f"flagged {name}"], modal[f"flagged {name}"]
            for given in product(specials, repeat=PAIRS[name]):
                if sum(given) % 5 and len(given) == 3:
                    continue  # a fifth of the triples
                assert tuple(map(int, chosen(*given, modes))) == tuple(map(int, usual(*given)))


def test_one_compiled_kernel_has_the_results_of_the_interpreter_in_all_modes():
    cpu, rng = get_target("cpu"), np.random.default_rng(5)
    x, y = rng.integers(0, 1 << 16, (2, 300), dtype=np.uint16)
    x[:100], y[:100] = x[:100] & 0x83FF, y[:100] & 0x87FF
    y[100:150] = x[100:150] ^ 0x8000
    launch = kernel_for(cpu, flagged_in_modes("add", 2), modal_table(BINARY16, cpu))
    for arithmetic in arithmetics(BINARY16)[::5]:
        modes = np.array([modes_of(arithmetic)], np.uint32)
        z, raised = np.empty(x.size, np.uint16), np.empty(x.size, np.uint8)
        launch((x.size,), modes, x, y, raised, z)
        usual = ieee_table(arithmetic, PYTHON)["flagged add"]
        expected = [usual(a, b) for a, b in zip(x[::3].tolist(), y[::3].tolist(), strict=True)]
        assert list(zip(z[::3].tolist(), raised[::3].tolist(), strict=True)) == expected


def test_arithmetics_that_modes_do_not_name_are_not_taken():
    assert all(takes_modes(each) for each in arithmetics(BINARY16))
    assert len({modes_of(each) for each in arithmetics(BINARY16)}) == 7 * 6 * 2 * 2
    assert not takes_modes(Arithmetic(E4M3))
    assert not takes_modes(Arithmetic(BINARY16, overflow=Overflow.SATURATE))
    assert not takes_modes(Arithmetic(BINARY16, rounding=Rounding.STOCHASTIC))
    assert NanRule.MAX not in RULES
    assert modal_table(BINARY16, PYTHON).get("flagged lt") is None
