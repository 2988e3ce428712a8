"""Configuration of the docs site; ``make docs`` builds it into build/docs, without network."""

from __future__ import annotations

import sys
from pathlib import Path

from numlean.version import __version__

sys.path.insert(0, str(Path(__file__).parent))

project = "numlean"
author = "The numlean developers"
copyright = author  # noqa: A001
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "build_gallery"]
exclude_patterns = ["site"]
root_doc = "index"
myst_heading_anchors = 4
myst_enable_extensions = ["attrs_inline"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True}
autodoc_inherit_docstrings = False
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = "numlean"
html_copy_source = False
html_show_sphinx = False
pygments_style = "friendly"
pygments_dark_style = "monokai"
