"""One style for plots in files: the same numbers give the same file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from numlean.errors import NumleanError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES: Final = (".png", ".svg")
"""The kinds of files that plots can have."""

_WIDTH: Final = 8
_GRID_COLOUR: Final = "#dddddd"


def check_plot_suffix(path: str, name: str = "the plot file") -> None:
    """Check that a plot's file is of a known kind.

    Raises:
        NumleanError: The file is neither .png nor .svg.
    """
    if Path(path).suffix.lower() not in SUFFIXES:
        raise NumleanError(f"{name} must end in {' or '.join(SUFFIXES)}, got {path}")


@contextmanager
def plot_file(path: str, height: float) -> Iterator[Figure]:
    """Yield a figure of the usual width to draw into, and write it to a file at the end.

    Raises:
        NumleanError: The file cannot be written.
    """
    # Imported here because it takes longer to import than all of numlean.
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({"svg.hashsalt": "numlean"}):
        figure = Figure(figsize=(_WIDTH, height), dpi=150, layout="constrained")
        yield figure
        _save(figure, path)


def style_axes(axes: Axes) -> None:
    """Draw a light grid behind the data, and no frame at the top and the right."""
    axes.grid(True, which="major", color=_GRID_COLOUR, lw=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _save(figure: Figure, path: str) -> None:
    metadata: Any = {"Date": None} if Path(path).suffix.lower() == ".svg" else {}
    try:
        figure.savefig(path, metadata=metadata)
    except OSError as error:
        raise NumleanError(f"cannot write the plot {path}: {error.strerror}") from None
