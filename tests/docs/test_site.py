"""The docs site: every page and every public name is in it. ``make docs`` builds it."""

from __future__ import annotations

import re
from pathlib import Path

import numlean as nl

DOCS = Path(__file__).parents[2] / "docs"


def test_every_page_is_in_a_table_of_contents():
    listed = re.findall(r"^[a-z][a-z-]*$", (DOCS / "index.md").read_text(), re.MULTILINE)
    assert sorted([*listed, "index"]) == sorted(path.stem for path in DOCS.glob("*.md"))


def test_every_public_name_is_documented():
    text = (DOCS / "api.md").read_text()
    names = set(re.findall(r"^\.\. auto\w+:: numlean\.(?:\w+\.)*(\w+)$", text, re.MULTILINE))
    names |= set(re.findall(r"^### `nl\.(\w+)`$", text, re.MULTILINE))
    assert set(nl.__all__) - {"__version__"} <= names


def test_the_site_needs_no_network_to_be_built():
    settings = (DOCS / "site" / "conf.py").read_text()
    assert "intersphinx" not in settings
    assert "http" not in settings
