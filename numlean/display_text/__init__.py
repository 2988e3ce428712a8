"""Text for people: values from outside without effects on a terminal, and in a bounded length."""

from numlean.display_text.escaping import escape_controls, escape_line
from numlean.display_text.shortening import one_line, shorten, shorten_words

__all__ = ["escape_controls", "escape_line", "one_line", "shorten", "shorten_words"]
