"""The table of operations, and the parts of numlean that must agree with it."""

import inspect

import pytest

import function_table
import numlean as nl
from numlean import ops
from numlean.autograd import value_and_gradient
from numlean.scalar.correct_rounding.arrays import BINARY as BINARY_ENCLOSURES
from numlean.scalar.correct_rounding.functions import UNARY as UNARY_ENCLOSURES
from numlean.scalar.elementary import ARITIES
from numlean.scalar.operations import (
    CONVERSIONS,
    ELEMENTWISE,
    OPERATIONS,
    RELATIONS,
    Kind,
    Result,
    operations,
)
from numlean.scalar.protocol import Scalar
from numlean.scalar.wrappers.counting import CountingScalar
from numlean.scalar.wrappers.faulty import ARITHMETIC
from numlean.scalar.wrappers.tracing import TRACED, Trace, TracingScalar
from numlean.verification.elementary import FUNCTIONS
from numlean_kernels.elementary import binary64
from numlean_kernels.tables.elementary import BINARY, UNARY

# Methods that describe a Scalar or manage its state. They compute nothing.
MANAGEMENT = {
    *("describe", "with_reset_stream", "start_step", "with_recorder", "compile", "elementary"),
    *(
        "name",
        "format",
        "storage_dtype",
        "rounding",
        "is_deterministic",
        "reference_dtype",
        "device",
        "recorder",
    ),
}


def methods():
    return {name for name in dir(Scalar) if not name.startswith("_")} - MANAGEMENT


def test_every_method_of_the_protocol_that_computes_has_a_row():
    assert methods() - {"device_copy"} == set(OPERATIONS)


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_row_states_whether_the_method_takes_flags(name):
    parameters = inspect.signature(getattr(Scalar, name)).parameters
    assert OPERATIONS[name].flags == ("flags" in parameters)


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_operands_of_a_row_are_the_method_s_first_parameters(name):
    positional = [
        p for p in inspect.signature(getattr(Scalar, name)).parameters.values() if p.name != "self"
    ]
    row = OPERATIONS[name]
    assert row.arity + len(row.others) <= len(positional)
    assert all(p.kind is p.POSITIONAL_OR_KEYWORD for p in positional[: row.arity])


def test_queries_select_by_every_attribute():
    assert operations(kind=Kind.PRODUCT) == ("matmul", "bmm")
    assert operations(kind=Kind.ARITHMETIC, flags=True) == operations(kind=Kind.ARITHMETIC)
    assert operations(kind=(Kind.SIGN, Kind.PRODUCT)) == (
        *("neg", "abs", "copy_sign"),
        *("matmul", "bmm"),
    )
    assert operations(result=Result.BOOLEANS) == ("eq", "lt", "le", "total_order")
    assert "next_up" not in operations(computes=True)
    assert operations() == tuple(OPERATIONS)


def test_the_named_queries_contain_the_operations_that_callers_expect():
    assert {*ARITIES, "add", "fma", "rem", "neg", "copy_sign", "minimum"} <= set(ELEMENTWISE)
    assert not {"scaleb", "logb", "next_up", "sum", "eq"} & set(ELEMENTWISE)
    assert {"eq", "compare", "classify", "argmax", "to_int", "total_order"} <= set(RELATIONS)
    assert set(CONVERSIONS) == {name for name in OPERATIONS if name.startswith("from_")} - {
        "from_host_callback"
    }


def test_tracing_records_exactly_the_operations_with_results():
    scalar = TracingScalar(nl.get_scalar("ieee32exec", device="python"), Trace())
    x = scalar.from_float([1.0, 2.0])
    scalar.to_float(scalar.next_up(scalar.add(x, x)))
    assert [each.operation for each in scalar.trace.operations] == [
        "from_float",
        "add",
        "next_up",
    ]
    assert set(OPERATIONS) - TRACED == set(operations(result=Result.OTHER))


def test_counting_counts_every_operation_that_takes_flags():
    scalar = CountingScalar(nl.get_scalar("ieee32exec", device="python"))
    x = scalar.from_float([1.0, 3.0])
    names = operations(flags=True, result=Result.NUMBERS)
    for name in names:
        row = OPERATIONS[name]
        matrix = x.reshape(1, 2), x.reshape(2, 1)
        scalars = {
            "cast_from": (scalar, x),
            "exact_product": (scalar, matrix[0], scalar, matrix[1]),
        }
        others = scalars.get(name, [1] * len(row.others))
        getattr(scalar, name)(*[x] * row.arity, *others)
    assert set(scalar.counts) == set(names)


def test_faults_apply_to_every_operation_that_computes_numbers():
    assert set(ARITHMETIC) == {
        name for name, row in OPERATIONS.items() if row.computes and row.result is Result.NUMBERS
    }
    assert {*ARITIES, "add", "sum", "matmul", "max", "scatter_add"} <= set(ARITHMETIC)
    assert not {"from_float", "copy", "take", "next_up"} & set(ARITHMETIC)


@pytest.mark.parametrize("name", operations(kind=(Kind.ARITHMETIC, Kind.ELEMENTARY)))
def test_tensors_have_every_arithmetic_operation_and_elementary_function(name):
    operators = {"add": "__add__", "sub": "__sub__", "mul": "__mul__", "div": "__truediv__"}
    where, attribute = (nl.Tensor, operators[name]) if name in operators else (ops, name)
    assert callable(getattr(where, attribute))


@pytest.mark.parametrize("name", ARITIES)
def test_every_elementary_function_has_a_kernel_for_narrow_formats_and_for_binary64(name):
    assert name in (BINARY if ARITIES[name] == 2 else UNARY)
    assert name in binary64.CORES


@pytest.mark.parametrize("name", ARITIES)
def test_every_elementary_function_has_an_enclosure(name):
    assert name in (BINARY_ENCLOSURES if ARITIES[name] == 2 else UNARY_ENCLOSURES)


@pytest.mark.parametrize("name", ARITIES)
def test_every_elementary_function_has_a_gradient(name):
    scalar = nl.get_scalar("ieee32exec", device="python")
    x = [nl.Tensor.of(scalar, [1.5 if name == "acosh" else 0.5]) for _ in range(ARITIES[name])]
    _, gradients = value_and_gradient(lambda x: getattr(ops, name)(*x).sum(), x)
    assert all(abs(g.to_float()[0]) > 0 for g in gradients)


@pytest.mark.parametrize("name", ARITIES)
def test_every_elementary_function_has_a_verifier(name):
    assert FUNCTIONS[name].arity == ARITIES[name]


@pytest.mark.parametrize("name", ARITIES)
def test_every_elementary_function_has_a_row_in_the_reference(name):
    assert f"| `{name}(" in function_table.REFERENCE.read_text(encoding="utf-8")


def test_the_table_of_functions_in_the_reference_is_current():
    page = function_table.REFERENCE.read_text(encoding="utf-8")
    assert function_table.BLOCK.search(page)
    assert function_table.updated(page) == page
