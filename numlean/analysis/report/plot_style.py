"""One style for plots in files: the same numbers give the same file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from numlean.display_text import escape_line
from numlean.errors import NumleanError
from numlean.files import atomic
from numlean.files.messages import writing

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

    with rc_context({"svg.hashsalt": "numlean", "text.usetex": False}):
        figure = Figure(figsize=(_WIDTH, height), dpi=150, layout="constrained")
        yield figure
        _save(figure, path)


def plot_text(text: str) -> str:
    """Return a text from outside, such as the name of a file, for a title or label.

    Dollar signs do not begin formulas in it, and control characters are escaped.
    """
    return escape_line(text).replace("$", r"\$")


def style_axes(axes: Axes) -> None:
    """Draw a light grid behind the data, and no frame at the top and the right."""
    axes.grid(True, which="major", color=_GRID_COLOUR, lw=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _save(figure: Figure, path: str) -> None:
    image, suffix = BytesIO(), Path(path).suffix.lower()
    metadata: Any = {"Date": None} if suffix == ".svg" else {}
    figure.savefig(image, format=suffix.removeprefix("."), metadata=metadata)
    with writing(f"the plot {path}"):
        atomic.write(path, image.getvalue())
