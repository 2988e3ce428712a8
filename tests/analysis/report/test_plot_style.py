"""Plots in files."""

import pytest

from numlean.analysis.report.plot_style import check_plot_suffix, plot_file, style_axes
from numlean.errors import NumleanError


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_the_same_numbers_give_the_same_file(tmp_path, suffix):
    paths = [tmp_path / f"{k}.{suffix}" for k in range(2)]
    for path in paths:
        with plot_file(str(path), 3) as figure:
            axes = figure.add_subplot()
            axes.plot([0, 1], [1, 2])
            style_axes(axes)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_other_kinds_of_files_and_missing_folders_are_refused(tmp_path):
    with pytest.raises(NumleanError, match=r"--plot FILE must end in \.png or \.svg, got a\.pdf"):
        check_plot_suffix("a.pdf", "--plot FILE")
    with (
        pytest.raises(NumleanError, match="cannot write the plot"),
        plot_file(str(tmp_path / "none" / "a.png"), 3) as figure,
    ):
        figure.add_subplot()
