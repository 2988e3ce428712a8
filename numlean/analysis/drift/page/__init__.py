"""A comparison as one self-contained HTML page."""

from numlean.analysis.drift.page.document import as_page

__all__ = ["as_page"]
