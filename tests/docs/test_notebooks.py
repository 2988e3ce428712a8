"""The pages that are also notebooks run in Jupyter, and their results show themselves there."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

jupytext = pytest.importorskip("jupytext", reason="numlean[docs] is not installed")
nbclient = pytest.importorskip("nbclient", reason="numlean[docs] is not installed")
pytest.importorskip("ipykernel", reason="numlean[docs] is not installed")

ROOT = Path(__file__).parents[2]
SITE = ROOT / "docs" / "site"


@pytest.fixture
def gallery(monkeypatch):
    monkeypatch.syspath_prepend(str(SITE))
    spec = importlib.util.spec_from_file_location("build_gallery", SITE / "build_gallery.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "build_gallery", module)
    spec.loader.exec_module(module)
    return module


def executed(gallery, name, folder):
    notebook = gallery.as_notebook(ROOT / "docs" / f"{name}.md")
    client = nbclient.NotebookClient(
        notebook, timeout=None, resources={"metadata": {"path": folder}}
    )
    return client.execute()


def shown(notebook):
    """Return the HTML that each cell with a result shows."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return [each["data"].get("text/html", "") for each in outputs if "data" in each]


@pytest.mark.filterwarnings("default")
def test_the_tutorial_runs_as_a_notebook(gallery, tmp_path):
    notebook = executed(gallery, "tutorial", str(tmp_path))
    assert sum(cell.cell_type == "code" for cell in notebook.cells) >= 10


@pytest.mark.filterwarnings("default")
def test_results_show_themselves_in_a_notebook(gallery, tmp_path):
    pytest.importorskip("uvicorn", reason="numlean[play] is not installed")
    pages = shown(executed(gallery, "notebooks", str(tmp_path)))
    assert len(pages) >= 8
    assert all("<" in page for page in pages)
    assert "color: #c0392b" in pages[0]
    assert any("<iframe" in page and "srcdoc" in page for page in pages)


def test_the_notebooks_have_the_texts_of_the_pages(gallery):
    for name in gallery.NOTEBOOKS:
        notebook = gallery.as_notebook(ROOT / "docs" / f"{name}.md")
        assert notebook.cells[0].cell_type == "markdown"
        assert all("outputs" not in cell or not cell.outputs for cell in notebook.cells)
