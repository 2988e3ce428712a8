"""Make the pages, plots and notebooks of the gallery by small runs, while the site is built."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import jupytext

from numlean.cli.main import main

RUNS: Final = (
    "compare xor --steps 20 --dtypes float32,bfloat16,e4m3 --truth mp:60 --out compare.html",
    "compare xor --steps 20 --policies bf16-mixed,tf32 --truth mp:60 --out policies.html",
    "ablate xor --steps 5 --policy bf16-mixed --seeds 3 --out ablate.html",
    "crosscheck xor --steps 20 --a float32 --b ieee32exec --out crosscheck.html"
    " --inject flip:operation=tanh,step=7,bit=12",
    "train xor --steps 100 --dtype bfloat16 --plot losses.svg --eval-every 10",
)
"""Commands that each write a file of the gallery."""

NOTEBOOKS: Final = ("tutorial", "notebooks")
"""Pages that are also notebooks."""


def setup(app: Any) -> dict[str, Any]:
    """Make the files once the pages are written."""
    app.connect("build-finished", _write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _write(app: Any, error: Exception | None) -> None:
    if error is not None:
        return
    folder = Path(app.outdir) / "gallery"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with _inside(folder):
        for line in RUNS:
            with (
                contextlib.redirect_stdout(io.StringIO()),
                contextlib.redirect_stderr(io.StringIO()),
            ):
                status = main(line.split())
            if status not in (0, 1):  # 1: a difference, which is what the crosscheck shows
                raise RuntimeError(f"numlean {line}: exit status {status}")
    for name in NOTEBOOKS:
        write_notebook(Path(app.srcdir) / f"{name}.md", folder / f"{name}.ipynb")


def write_notebook(page: Path, notebook: Path) -> None:
    """Write a page of the docs as a Jupyter notebook: each block of Python is a cell."""
    jupytext.write(as_notebook(page), notebook)


def as_notebook(page: Path) -> Any:
    """Return a page of the docs as a notebook, whose commands are cells, too."""
    text = page.read_text(encoding="utf-8")
    notebook = jupytext.reads(text, fmt="md")
    for cell in notebook.cells:
        cell.metadata.clear()
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    return notebook


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
