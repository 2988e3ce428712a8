"""Crosschecks of runs by policies: the first operation that differs, and faults in them."""

from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest

import numlean as nl
from numlean import Dataset, nn
from numlean.certificate.replaying import _is_same_way
from numlean.errors import NumleanError

TASK = nl.Task.regression(nn.Sequential(nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 2)))
CONFIG = nl.TrainConfig(4, 5, nl.sgd(0.1, 0.9))
RNG = np.random.default_rng(7)
DATA = Dataset.of_arrays(RNG.standard_normal((20, 6)), RNG.standard_normal((20, 2)))


UNIT = ",accumulate=unit(A100)"
WIDE = nl.Task.regression(nn.Sequential(nn.Linear(70, 3)))
WIDE_DATA = Dataset.of_arrays(RNG.standard_normal((8, 70)), RNG.standard_normal((8, 3)))


def pair(a, b, task=TASK, **options):
    runs = (nl.RunSpec.parse(f"{x}:python") if isinstance(x, str) else x for x in (a, b))
    data = WIDE_DATA if task is WIDE else DATA
    return nl.crosscheck(task, *runs, config=CONFIG, data=data, **options).pairs[0]


def values(numbers):
    """Return the exact values of binary32 or bfloat16 numbers, from their encodings."""
    return [
        Fraction(float(np.array([n.bits << (32 - n.format.width)], np.uint32).view(np.float32)[0]))
        for n in numbers
    ]


def summed(operands, dtype):
    """Return RN(... RN(RN(a0 b0) + RN(a1 b1)) ...) + c, of values that the dtype has."""
    a, b, c = ([dtype(float(v)) for v in values(operands[x])] for x in "abc")
    total = dtype(0)
    for x, y in zip(a, b, strict=True):
        total = dtype(total + dtype(x * y))
    return dtype(total + c[0])


def test_products_that_add_up_differently_are_named_with_both_rules_and_the_exact_sum():
    found = pair("policy:bf16-mixed", "policy:bf16-mixed,accumulate=ordered(bfloat16)").divergence
    assert (found.where, found.operation) == ("forward, 0 Linear(6, 4)", "product")
    assert found.rules == (
        "product with operands bfloat16; sums ordered(float32); result bfloat16",
        "product with operands bfloat16; sums ordered(bfloat16); result bfloat16",
    )
    assert found.operands_b is None
    a, b, c = (values(found.operands[x]) for x in "abc")
    exact = sum((x * y for x, y in zip(a, b, strict=True)), c[0])
    assert abs(Fraction(found.exact) - exact) <= abs(exact) * Fraction(10) ** -23
    results = values(found.results)
    wide = ml_dtypes.bfloat16(summed(found.operands, np.float32))
    narrow = summed(found.operands, ml_dtypes.bfloat16)
    assert results == [Fraction(float(wide)), Fraction(float(narrow))]
    assert [each.verdict for each in found.assessments] == ["as specified"] * 2
    text = str(found)
    assert "  A: product with operands bfloat16; sums ordered(float32); result bfloat16\n" in text
    assert text.endswith("both are as specified: the runs use two arithmetics")


def test_two_matrix_units_part_at_a_product_and_the_terms_that_make_it_differ_are_named():
    names = "V100:fp16", "H100:fp16"
    policy = "policy:uniform(float32),operands=binary16,accumulate=unit({})"
    found = pair(*map(policy.format, names), task=WIDE).divergence
    assert (found.operation, found.rules) == (
        "unit_product",
        tuple(f"product with operands binary16; sums unit({n}); result float32" for n in names),
    )
    row, column = ([n.bits for n in found.operands[label]] for label in "ab")
    dots = [
        [
            int(nl.get_matrix_unit(name).dot(row[:k], column[:k], 0, device="python"))
            for name in names
        ]
        for k in range(16, len(row) + 16, 16)
    ]
    assert dots[-1] == [number.bits for number in found.results]
    first = next(i for i, (a, b) in enumerate(dots) if a != b)
    block = found.block
    assert (block.start, block.stop) == (16 * first, min(16 * first + 16, len(row)))
    assert block.before.bits == (dots[first - 1][0] if first else 0)
    assert [number.bits for number in block.after] == dots[first]
    for name, steps, after in zip(names, block.steps, block.after, strict=True):
        bits = int(name.startswith("H")) * 2 + 23
        assert {step.fraction_bits for step in steps} == {bits}
        assert steps[-1].result == after
        assert len(steps) == (1 if bits == 25 else -(-(block.stop - block.start) // 4))
    assert [each.verdict for each in found.assessments] == ["as specified"] * 2
    numbers = ([half(n.bits) for n in found.operands[label]] for label in "ab")
    exact = sum(x * y for x, y in zip(*numbers, strict=True))
    assert abs(Fraction(found.exact) - exact) <= abs(exact) * Fraction(10) ** -23
    assert f"terms {block.start} to {block.stop - 1} are the first that make" in str(found)
    assert f"\n    B, {block.steps[1][0]}\n" in str(found)


def half(bits):
    return Fraction(float(np.array(bits, np.uint16).view(np.float16)))


def test_a_unit_and_ordered_sums_part_at_a_whole_product():
    policies = (f"policy:uniform(float32),operands=bf16{rest}" for rest in ("", UNIT))
    found = pair(*policies, task=WIDE).divergence
    assert (found.operation, found.block) == ("product", None)
    assert [each.verdict for each in found.assessments] == ["as specified"] * 2


def test_a_cast_that_only_one_run_has_is_named():
    found = pair("policy:bf16-mixed", "float32").divergence
    assert found.where == "forward, copy of 0.weight"
    assert (found.operation, found.call) == ("cast_from", 0)
    assert found.rules == ("numbers rounded to bfloat16", "numbers stay in float32")
    (operand,), (narrow, wide) = found.operands["a"], found.results
    assert operand == wide
    (rounded,) = np.array([operand.bits], np.uint32).view(np.float32).astype(ml_dtypes.bfloat16)
    assert narrow.bits == int(rounded.view(np.uint16))
    other = pair("float32", "policy:bf16-mixed").divergence
    assert other.rules == found.rules[::-1]
    assert (other.results, other.call) == (found.results[::-1], 0)


def test_a_compiled_run_names_the_part_of_the_optimizers_state_that_is_rounded():
    runs = (
        nl.RunSpec.parse(f"policy:bf16-mixed{fields}:python:compiled")
        for fields in ("", ",optimizer=bfloat16")
    )
    task = nl.Task.regression(nn.Sequential(nn.Linear(6, 2)))
    found = nl.crosscheck(task, *runs, config=CONFIG, data=DATA).pairs[0].divergence
    assert (found.where, found.operation) == ("update", "cast_from")
    assert found.rules == ("numbers stay in float32", "numbers rounded to bfloat16")


def test_a_run_by_a_policy_and_one_in_its_narrow_dtype_part_at_the_first_product():
    compared = pair("policy:bf16-mixed", "bfloat16", beyond_rounding=True)
    assert (compared.compared, compared.rounded_to) == ("rounded", "bfloat16")
    found = compared.divergence
    assert (found.where, found.operation) == ("forward, 0 Linear(6, 4)", "product")
    assert found.rules[1] == "product with every operation in bfloat16"
    assert values(found.results)[1] == Fraction(float(summed(found.operands, ml_dtypes.bfloat16)))
    assert pair("policy:bf16-mixed", "bfloat16").divergence.where == "initial values, 0.weight"


def test_policies_with_other_state_are_compared_in_what_both_have():
    compared = pair("policy:bf16-mixed", "policy:bf16-mixed,loss_scaling=static(1024)")
    assert compared.divergence is None or compared.divergence.operation != "product"
    assert pair("policy:bf16-mixed", "policy:fp16-amp").divergence.operation == "cast_from"


def test_equal_policies_are_identical_and_a_wrapped_runner_keeps_its_scalars():
    assert pair("policy:bf16-mixed", "policy:bf16-mixed").identical
    fault = nl.Fault.parse("flip:operation=matmul,step=1,call=0,bit=30")
    faulty = nl.RunSpec.parse("policy:bf16-mixed:python").with_fault(fault)
    again = nl.RunSpec.of(faulty.runner(TASK))
    assert pair("policy:bf16-mixed", again).divergence.operation == "matmul"


def test_a_fault_in_a_part_of_a_product_is_named_with_its_dtype():
    fault = nl.Fault.parse("flip:operation=matmul,step=2,call=1,element=3,bit=22")
    faulty = nl.RunSpec.parse("policy:bf16-mixed:python").with_fault(fault)
    found = pair("policy:bf16-mixed", faulty).divergence
    assert (found.step, found.where, found.operation, found.call, found.element) == (
        2,
        "forward, 2 Linear(4, 2)",
        "matmul",
        1,
        (1, 1),
    )
    assert found.results[0].format.name == "binary32"
    assert found.results[0].bits ^ found.results[1].bits == 1 << 22
    assert found.assessments[1].causes == ("bit 22 is flipped",)
    assert found.rules is None
    # once in the run, once in its repetition
    assert faulty.fault.injected == {"matmul": 2}


def test_the_calls_of_all_dtypes_are_counted_together_unless_one_is_given():
    places = []
    for dtype in ("", ",dtype=bfloat16"):
        fault = nl.Fault.parse(f"flip:step=1,call=2,bit=6{dtype}")
        faulty = nl.RunSpec.parse("policy:bf16-mixed:python").with_fault(fault)
        found = pair("policy:bf16-mixed", faulty).divergence
        places.append((found.where, found.operation, found.results[1].format.name))
    assert places[0] == ("forward, copy of 2.weight", "cast_from", "bfloat16")
    assert places[1][2] == "bfloat16"


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("flip:bit=40", "no dtype of the run can have the fault flip:element=0,bit=40: it has"),
        ("flip:dtype=float64", "no dtype of the run can have the fault flip:element=0,bit=0,dtype"),
        ("flip:dtype=flaot32", "unknown dtype 'flaot32'"),
    ],
)
def test_a_fault_that_no_dtype_of_the_run_can_have_is_refused(fault, message):
    with pytest.raises(NumleanError, match=message.replace(".", r"\.")):
        nl.RunSpec.parse("policy:bf16-mixed:python").with_fault(nl.Fault.parse(fault))


def test_a_fault_names_a_dtype_with_options_and_reads_its_own_text_again():
    fault = nl.Fault.parse("flip:dtype=e5m2@round=to_odd,nan=x86,bit=3")
    assert fault.dtype == "e5m2@nan=x86,round=to_odd"
    assert nl.Fault.parse(str(fault)) == fault
    with pytest.raises(NumleanError, match="operations in bfloat16, not in float32"):
        nl.RunSpec.parse("float32:python").with_fault(nl.Fault.parse("fma:dtype=bfloat16"))


def test_the_cause_of_a_number_that_is_not_finite_is_in_the_report_of_a_crosscheck():
    task = nl.Task.regression(nn.Sequential(nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 2)))
    runs = [nl.RunSpec.parse(f"policy:{name}:python") for name in ("fp16-amp", "bf16-mixed")]
    data = Dataset.of_arrays(DATA.x * 1e5, DATA.y)
    result = nl.crosscheck(task, *runs, config=CONFIG, data=data)
    (text,) = result.nonfinite.values()
    assert "forward, 0 Linear(6, 4): cast_from(" in text
    assert text.endswith(" in binary16: overflow")


def test_a_run_with_a_fault_is_another_way_to_replay_a_certificate():
    plain, again = (nl.RunSpec.parse("policy:bf16-mixed:python") for _ in range(2))
    faulty = plain.with_fault(nl.Fault.parse("flip:operation=matmul,step=1"))
    assert _is_same_way(plain, again)
    assert not _is_same_way(plain, faulty)
