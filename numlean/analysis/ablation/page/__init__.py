"""Ablations as self-contained HTML pages."""

from numlean.analysis.ablation.page.document import as_frame, as_page

__all__ = ["as_frame", "as_page"]
