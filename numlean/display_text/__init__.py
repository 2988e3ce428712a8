"""Text for people: values from outside without effects on a terminal, and in a bounded length."""

from numlean.display_text.columns import wrap_words
from numlean.display_text.escaping import escape_controls, escape_line
from numlean.display_text.layout import heading
from numlean.display_text.shortening import one_line, printable, shorten, shorten_words
from numlean.display_text.sizes import format_size

__all__ = [
    "escape_controls",
    "escape_line",
    "format_size",
    "heading",
    "one_line",
    "printable",
    "shorten",
    "shorten_words",
    "wrap_words",
]
