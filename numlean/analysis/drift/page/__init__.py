"""A comparison as a page that stands alone in one file."""

from numlean.analysis.drift.page.document import as_page

__all__ = ["as_page"]
