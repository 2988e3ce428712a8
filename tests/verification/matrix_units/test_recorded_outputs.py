"""Units return what real chips returned, and neighbouring rules do not.

The outputs lie next to the checkout on some machines. ``numlean verify matrix-unit NAME --against
FILE`` compares all of a file; here, units of more than four
products compute a part of it.
"""

from dataclasses import replace
from pathlib import Path

import pytest

import numlean as nl
from numlean.testing.matrix_units import reference_of_unit
from numlean.verification.matrix_units import read_recording
from numlean_kernels.ieee import Rounding

FOLDER = Path(__file__).resolve().parents[4] / "shared" / "data" / "matrix_units"

FP32 = {
    "V100_fp16": "V100:fp16",
    "A100_fp16": "A100:fp16",
    "A100_bf16": "A100:bf16",
    "A100_tf32": "A100:tf32",
    "H100_fp16": "H100:fp16",
    "H100_bf16": "H100:bf16",
    "H100_tf32": "H100:tf32",
    "Ada_E4M3": "Ada:e4m3",
    "Ada_E5M2": "Ada:e5m2",
    "H100_E4M3": "H100:e4m3:wgmma",
    "H100_E5M2": "H100:e5m2:wgmma",
}
FP16 = {
    "V100_fp16": "V100:fp16->fp16",
    "A100_fp16": "A100:fp16->fp16",
    "H100_fp16": "H100:fp16->fp16",
    "Ada_E4M3": "Ada:e4m3->fp16",
    "Ada_E5M2": "Ada:e5m2->fp16",
    "H100_E4M3": "H100:e4m3:mma->fp16",
    "H100_E5M2": "H100:e5m2:mma->fp16",
}
SETS = [*FP32.items(), *FP16.items()]
"""The files, and the units whose outputs they have."""


def recording(file, unit):
    """Return a file's outputs of a unit; zero went into wgmma, whatever the file's c."""
    path = FOLDER / f"{file}.npz"
    if not path.is_file():
        pytest.skip(f"there are no recorded outputs at {path}")
    found = read_recording(str(path), unit.unit, unit.output)
    return found.from_zero() if "wgmma" in unit.name else found


def mismatches(unit, found, step):
    rows = slice(None, None, step)
    outputs = unit.dot(found.a[rows], found.b[rows], found.c[rows], device="python")
    return int((outputs != found.d.codes[rows]).sum())


@pytest.mark.parametrize(("file", "name"), SETS, ids=[name for _, name in SETS])
def test_a_unit_returns_what_the_chip_returned(file, name):
    unit = nl.get_matrix_unit(name)
    found = recording(file, unit)
    assert len(found.a) == 5000
    assert mismatches(unit, found, max(1, found.a.shape[1] // 4)) == 0


@pytest.mark.parametrize(("file", "name"), SETS, ids=[name for _, name in SETS])
def test_the_exact_reference_returns_what_the_chip_returned(file, name):
    unit = nl.get_matrix_unit(name)
    found = recording(file, unit)
    outputs = reference_of_unit(unit.unit).dot(found.a[::16], found.b[::16], found.c[::16])
    assert outputs.tolist() == found.d.codes[::16].tolist()


def neighbours(rule):
    """Yield rules that differ a little; of groups, only those that can tell in one instruction."""
    for bits in (rule.fraction_bits - 1, rule.fraction_bits + 1):
        yield replace(rule, fraction_bits=bits)
    yield replace(rule, alignment=Rounding.TOWARD_NEGATIVE)
    yield replace(rule, result=Rounding.TIES_TO_EVEN)
    if rule.result_precision is not None:
        yield replace(rule, result_precision=None)


@pytest.mark.parametrize(("file", "name"), FP32.items(), ids=FP32.values())
def test_a_neighbouring_rule_does_not_return_it(file, name):
    unit = nl.get_matrix_unit(name)
    found = recording(file, unit)
    rules = [*neighbours(unit.unit.rule)]
    if name != "H100:tf32":  # whose outputs are of 4 products
        rules.append(replace(unit.unit.rule, group=unit.unit.rule.group // 2))
    for rule in rules:
        assert mismatches(replace(unit, unit=replace(unit.unit, rule=rule)), found, 25) > 0, rule


@pytest.mark.parametrize(("file", "name"), FP16.items(), ids=FP16.values())
def test_a_neighbour_of_a_rule_with_binary16_outputs_does_not_return_them(file, name):
    unit = nl.get_matrix_unit(name)
    found, rule = recording(file, unit), unit.unit.rule
    rules = [replace(rule, result=Rounding.TOWARD_ZERO)]
    if rule.adds_last:
        rules += [replace(rule, adds_last=False), replace(rule, k_order=tuple(range(32)))]
    else:
        rules.append(replace(rule, group=rule.group // 2))
    for neighbour in rules:
        changed = replace(unit, unit=replace(unit.unit, rule=neighbour))
        assert mismatches(changed, found, 25) > 0, neighbour
