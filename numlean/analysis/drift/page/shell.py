"""The frame of a self-contained HTML page: its head, its style sheet and its title."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from importlib.resources import files


def html_document(title: str, sections: Iterable[str]) -> str:
    """Return an HTML text, which loads nothing from a network.

    Args:
        title: The title, as plain text.
        sections: The parts of the page, as HTML.
    """
    style = files(__package__).joinpath("style.css").read_text(encoding="utf-8")
    text, body = escape(title), "\n".join(sections)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>numlean: {text}</title>\n<style>\n{style}</style>\n</head>\n"
        f"<body>\n<h1>{text}</h1>\n{body}\n</body>\n</html>\n"
    )
