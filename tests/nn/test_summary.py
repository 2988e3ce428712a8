"""Summaries: layers, shapes and counts."""

import pytest

from numlean import nn
from numlean.errors import ShapeError

TABLE = """\
       layer              output shape  parameters  buffers
       input              (5, 4)
0      Linear(4, 6)       (5, 6)                30
1      Residual           (5, 6)               174        1
1.0      LayerNorm(6)     (5, 6)                12
1.1      Sequential       (5, 6)               162        1
1.1.0      Linear(6, 12)  (5, 12)               84
1.1.1      Dropout(0.1)   (5, 12)                         1
1.1.2      Linear(12, 6)  (5, 6)                78
2      GRU(6, 40)         (5, 40)            5,760
       total                                 5,964        1
"""


def model():
    gates = nn.Sequential(nn.Linear(6, 12), nn.Dropout(0.1), nn.Linear(12, 6))
    return nn.Sequential(nn.Linear(4, 6), nn.Residual(nn.LayerNorm(6), gates), nn.GRU(6, 40))


def test_a_summary_is_a_table_of_layers_shapes_and_counts(capsys):
    model().summary((5, 4))
    assert capsys.readouterr().out == TABLE


def test_totals_count_every_number_once():
    layer = model()
    summary = nn.summary(layer, (5, 4))
    outer = [row for row in summary.rows if "." not in row.place]
    assert sum(row.parameters for row in outer) == summary.parameters
    assert sum(row.buffers for row in outer) == summary.buffers == 1
    assert [row.output_shape for row in outer] == [(5, 6), (5, 6), (5, 40)]
    assert outer[-1].output_shape == layer.output_shape((5, 4))


def test_a_single_layer_has_a_summary_too():
    (row,) = nn.summary(nn.Linear(3, 2)).rows
    assert (row.layer, row.output_shape, row.parameters) == ("Linear(3, 2)", (2,), 8)


def test_a_summary_needs_a_shape_that_the_model_takes():
    with pytest.raises(ShapeError, match="pass one as sample_shape"):
        model().summary()
    with pytest.raises(ShapeError, match=r"Linear\(4, 6\)"):
        model().summary((5, 3))
    assert nn.models.mlp((3, 2)).summary() is None
