"""Comparisons and crosschecks as self-contained HTML pages."""

from numlean.analysis.drift.page.crosscheck import crosscheck_page
from numlean.analysis.drift.page.document import as_frame, as_page

__all__ = ["as_frame", "as_page", "crosscheck_page"]
