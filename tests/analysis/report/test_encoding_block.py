"""Blocks that show a difference of two results."""

import numpy as np

import numlean as nl
from numlean.analysis.report.encoding_block import encoding_block, mismatch_block
from numlean.verification import Mismatch
from numlean_kernels.flags import FLAGS
from numlean_kernels.formats import BINARY32


def test_labels_are_aligned_and_notes_are_indented():
    rows = [("a", "1"), ("expected", "2"), ("...", "")]
    assert encoding_block("title", rows, ["a note"]) == (
        "title\n  a         1\n  expected  2\n  ...\n  a note"
    )


def test_a_mismatch_shows_operands_results_and_their_flags():
    title = "binary32 mul, ties_to_even: cpu differs from python by 1 ulp at W1[3, 17]"
    block = mismatch_block(
        title, BINARY32, Mismatch((0x3F800001, 0x3F800001), 0x3F800002, 0x3F800003, None, 0)
    )
    assert block == (
        f"{title}\n"
        "  a         0x3f800001   0 01111111 00000000000000000000001\n"
        "  b         0x3f800001   0 01111111 00000000000000000000001\n"
        "  expected  0x3f800002   0 01111111 00000000000000000000010\n"
        "  actual    0x3f800003   0 01111111 00000000000000000000011"
    )
    inexact = Mismatch((1,), 2, 3, FLAGS["inexact"], 0)
    assert mismatch_block("t", BINARY32, inexact).splitlines()[-2:] == [
        "  expected  0x00000002   0 00000000 00000000000000000000010   inexact",
        "  actual    0x00000003   0 00000000 00000000000000000000011   no flag",
    ]


def test_a_divergence_shows_only_the_ends_of_long_operands():
    model = nl.nn.Sequential(nl.nn.Linear(9, 1))
    data = nl.Dataset(np.arange(9.0)[np.newaxis] / 10, np.ones((1, 1)))
    fault = nl.Fault("flip", "matmul", step=0, call=0, element=0, bit=3)
    faulty = nl.RunSpec.parse("float32").with_fault(fault)
    config = nl.TrainConfig(1, 1, nl.sgd(0.1))
    task = nl.Task.regression(model)
    (pair,) = nl.crosscheck(task, "float32", faulty, config=config, data=data).pairs
    labels = [line.split()[0] for line in str(pair.divergence).splitlines()]
    assert labels[2:9] == ["a[0]", "a[1]", "a[2]", "...", "a[6]", "a[7]", "a[8]"]
