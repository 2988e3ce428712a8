"""The policies of the training table of block formats."""

import numpy as np

from numlean.precision import policies
from numlean.precision.blocks import BlockStatistics
from numlean.precision.resolved import resolve_policy
from numlean.scalar.registry import get_scalar
from train_block_formats import Found, Row, line, rows


def test_the_rows_are_policies_that_differ() -> None:
    found = list(rows())
    assert [row.name for row in found].count("mxfp4") == 4
    assert len({row.policy for row in found}) == len(found)
    for row in found:
        resolve_policy(row.policy, lambda dtype: get_scalar(dtype, "python"))
        assert not row.rule or row.rule in str(row.policy.to_fields())


def test_a_line_has_means_and_ends_and_shares() -> None:
    half = BlockStatistics(numbers=4, saturated=2)
    found = Found([0.5, 1.5], [0.75, np.float64(1.0)], {"x": half})
    row = Row("mxfp4", "floor", policies.get("mxfp4"))
    cells = [cell.strip() for cell in line(row, found).strip("|").split("|")]
    assert cells[:4] == ["mxfp4", "floor", "1.000 (0.500 to 1.500)", "87.50 % (75.00 to 100.00)"]
    assert cells[4:] == ["50 %", "", "", "0 %", "", ""]
