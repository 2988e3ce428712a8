"""Kernels compiled for CUDA and executed without a GPU give the interpreter's bits.

Only this finds code that is compiled wrongly, missing barriers, reads of memory that nothing was
written to, and accesses out of bounds. ``tools/execute_ptx`` does it for every dtype and function,
and compares with the CPU. Code that is executed here is also read, as by test_reading_ptx.py.
"""

from functools import partial

import pytest

pytest.importorskip("numba_cuda", reason="the cuda extra is not installed")

from ptx import execute as parts
from ptx import workloads
from ptx.execute import BASIC, FURTHER, STOCHASTIC, functions, operations
from ptx.machine import Kernel
from ptx.memory import AccessError
from ptx.reading import read_launched

READ = set()
differing = partial(parts.differing, reference="python")


@pytest.fixture(scope="module", autouse=True)
def machine():
    with parts.fake_gpu() as machine:
        yield machine


@pytest.fixture(autouse=True)
def allowed_instructions(machine):
    """Read and assemble the code of the kernels that a test was the first to launch."""
    yield
    assert read_launched(machine.target, READ) == {}


@pytest.mark.parametrize("dtype", ["float32", "ieee32exec"])
def test_operations_on_special_and_hard_numbers(dtype):
    assert differing(dtype, operations(BASIC | FURTHER)) == []


@pytest.mark.parametrize("dtype", ["float64", "e4m3", STOCHASTIC])
def test_basic_operations_of_other_formats(dtype):
    assert differing(dtype, operations(BASIC)) == []


@pytest.mark.parametrize(
    ("dtype", "arities"),
    [("e4m3fnuz", {"add": 2}), ("e8m0", {"mul": 2}), ("p3109:6.3uf", {"sub": 2})],
)
def test_operations_of_formats_whose_encodings_are_translated(dtype, arities):
    assert differing(dtype, operations(arities)) == []


def test_flags():
    assert differing("ieee32exec", parts.flagged, workloads.counted) == []


def test_operations_that_scalars_have_no_method_for():
    some = {"fmod": 2, "maximum_magnitude_number": 2, "signalling_le": 2}
    assert differing("e4m3fnuz", parts.flagged_operations(some)) == []


@pytest.mark.parametrize(
    ("dtype", "names"),
    [
        ("float32", ("tanh",)),
        ("float64", ("exp", "log", "sin")),
        ("ieee32exec", ("log", "sin", "erf", "pow")),
        ("e4m3", ("exp",)),
    ],
)
def test_elementary_functions_of_hard_numbers(dtype, names):
    assert differing(dtype, functions(*names)) == []


@pytest.mark.parametrize("dtype", ["float32", "ieee32exec"])
def test_products_of_tiles_that_are_full_and_that_are_not(dtype):
    assert differing(dtype, parts.products) == []


@pytest.mark.parametrize("dtype", ["float32", "ieee32exec"])
def test_sums_of_many_and_of_few(dtype):
    assert differing(dtype, parts.sums) == []


def test_exact_products_of_two_formats_with_addends():
    assert differing("float64", workloads.exact_products) == []


def test_matrix_units_that_align_in_one_stage_and_in_two():
    names = workloads.UNITS[0], workloads.UNITS[-1]
    assert parts.differing_units(names, reference="python") == []


def test_block_formats_of_one_level_and_of_two():
    names = workloads.BLOCKS[0], workloads.BLOCKS[6], workloads.BLOCKS[7]
    assert parts.differing_blocks(names, reference="python") == []


def test_every_rule_for_the_sums_of_products():
    assert differing("bfloat16", workloads.contracted) == []


@pytest.mark.parametrize("dtype", ["float32", "ieee32exec", STOCHASTIC])
def test_moves_and_programs(dtype):
    moves = workloads.movement, workloads.replayed
    assert differing(dtype, parts.batches_of_products, *moves) == []


@pytest.mark.parametrize(
    ("dtype", "trained", "backends"),
    [
        ("float32", parts.trained, ("eager", "compiled")),
        ("ieee32exec", workloads.trained, ("compiled",)),
    ],
    ids=["float32", "ieee32exec with layers of all kinds"],
)
def test_a_model_is_trained(dtype, trained, backends, machine):
    before = machine.launches
    found = {trained(dtype, "cuda", backend) for backend in backends}
    assert machine.launches > before
    assert found == {trained(dtype, "python", "eager")}


# Errors that the machine must notice


def test_a_product_without_its_barriers_is_refused(machine, monkeypatch):
    monkeypatch.setattr(machine, "translated", lambda text: Kernel(text.replace("bar.sync", "//")))
    with pytest.raises(AccessError, match="never written"):
        differing("float32", parts.products)


@pytest.mark.parametrize(
    ("instruction", "other"), [("mul.rn.f32", "add.rn.f32"), ("setp.num.f32", "setp.eq.b32")]
)
def test_another_instruction_gives_other_bits(machine, monkeypatch, instruction, other):
    def changed(text):
        return Kernel(text.replace(instruction, other))

    monkeypatch.setattr(machine, "translated", changed)
    assert differing("float32", operations({"mul": 2})) == ["mul"]
