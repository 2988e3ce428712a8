"""Traces of programs that depend on the arithmetic are aligned, and compared where they agree."""

import numpy as np

import numlean as nl
from numlean import nn
from numlean.analysis.trace.alignment import align, pad_to_common_order
from numlean.scalar.wrappers.tracing import Location, TracedOperation

F64 = nl.get_scalar("float64")


def operations(*names, layer="0 Linear(2, 3)"):
    x = np.zeros((2, 3))
    place = Location("forward", layer)
    return [TracedOperation(place, name, (x, x), {}, x, scalar=F64) for name in names]


def test_equal_traces_are_aligned_one_by_one():
    trace = operations("mul", "add", "mul")
    assert align(trace, operations("mul", "add", "mul")) == [0, 1, 2]


def test_operations_that_one_program_lacks_have_no_counterpart():
    ours = operations("div", "sub", "abs", "mul", "div")
    assert align(ours, operations("sub", "mul")) == [None, 0, None, 1, None]
    assert align(operations("sub", "mul"), ours) == [1, 3]


def test_counterparts_have_the_same_location_and_shapes():
    here, there = operations("mul", layer="a"), operations("mul", layer="b")
    assert align(here + there, there + here) == [1, 0]
    wide = np.zeros((4, 3))
    other = TracedOperation(here[0].place, "mul", (wide, wide), {}, wide, scalar=F64)
    assert align(here, [other]) == [None]


def test_a_normalization_is_measured_against_a_reference_run_that_does_not_scale_its_squares():
    rng = np.random.default_rng(7)
    model = nn.Sequential(nn.Linear(2, 4), nn.LayerNorm(4), nn.BatchNorm(4), nn.RMSNorm(4))
    data = nl.Dataset.of_arrays(rng.standard_normal((4, 2)), rng.standard_normal((4, 4)))
    config = nl.TrainConfig(1, 4, nl.clip_by_norm(nl.sgd(0.1), 1.0))
    lines = []
    nl.compare(
        nl.Task.regression(model),
        "float32",
        truth="mp:100",
        config=config,
        data=data,
        flags=False,
        write=lines.append,
    )
    found = [line for line in lines if line["record"] == "operation"]
    matmul = next(x for x in found if x["operation"] == "matmul" and x["phase"] == "forward")
    assert matmul["total"]["max_ulp"] < 64
    norms = [x for x in found if "Norm" in x["layer"] and x["operation"] == "sqrt"]
    assert len(norms) == 3
    assert all(x["total"]["max_ulp"] < 64 for x in norms)


def test_traces_are_padded_where_one_program_lacks_operations():
    ours, theirs = operations("div", "sub", "abs", "mul"), operations("sub", "mul", "add")
    padded = pad_to_common_order([ours, theirs])
    names = [[op and op.operation for op in trace] for trace in padded]
    assert names == [["div", "sub", "abs", "mul", None], [None, "sub", None, "mul", "add"]]
    same = [[*operations("mul"), None], operations("mul", "add")]
    assert pad_to_common_order(same) == same


def test_a_fault_after_a_normalization_is_located_across_formats():
    rng = np.random.default_rng(1)
    task = nl.Task.regression(nn.Sequential(nn.Linear(2, 4), nn.LayerNorm(4), nn.Linear(4, 1)))
    data = nl.Dataset.of_arrays(rng.standard_normal((4, 2)), rng.standard_normal((4, 1)))
    config = nl.TrainConfig(2, 4, nl.sgd(0.1))
    for operation, call, where in (
        ("matmul", 1, "forward, 2 Linear(4, 1)"),
        ("sqrt", 0, "forward, 1 LayerNorm(4)"),
    ):
        fault = nl.Fault("flip", operation, step=1, call=call, element=0, bit=20)
        faulty = nl.RunSpec.parse("float32").with_fault(fault)
        (pair,) = nl.crosscheck(task, "mp:24", faulty, config=config, data=data).pairs
        assert pair.first_different_step == 1
        assert (pair.divergence.operation, pair.divergence.where) == (operation, where)
