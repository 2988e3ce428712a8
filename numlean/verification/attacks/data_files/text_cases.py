"""Hostile texts for language models."""

from __future__ import annotations

from random import Random

from numlean.verification.attacks.bytes_mutations import mutate_bytes
from numlean.verification.attacks.data_files.case import Case

_PLAIN = "To be, or not to be: that is the question.\n" * 8


def text_case(draw: Random) -> Case:
    """Return a hostile text."""
    words, text = draw.choice((_odd, _many_characters, _ends, _short, _long_line))(draw)
    content = text.encode(draw.choice(("utf-8",) * 4 + ("utf-16", "latin-1")), "replace")
    if draw.random() < 0.5:
        words, content = f"{words}, altered", mutate_bytes(content, draw)[1]
    name = draw.choice(("char-rnn", "char-rnn", "char-transformer", "xor"))
    options = (name, "--text", "FILE", "--steps", "1", "--batch-size", "1", "--json")
    return Case(words, content, ".txt", options)


def _odd(draw: Random) -> tuple[str, str]:
    odd = draw.choice(("\0", "\x1b[31m", "\ufeff", "\u2028", "\U0010ffff", "\r", "\u202e", "\x85"))
    return f"a text with {odd!r}", (odd + _PLAIN[:20]) * 20


def _many_characters(draw: Random) -> tuple[str, str]:
    count = draw.choice((50, 2000, 60_000))
    return f"{count} distinct characters", "".join(chr(0x10000 + k) for k in range(count)) * 2


def _ends(draw: Random) -> tuple[str, str]:
    return "carriage returns", _PLAIN.replace("\n", draw.choice(("\r", "\r\n", "\n\r")))


def _short(draw: Random) -> tuple[str, str]:
    return "a short text", _PLAIN[: draw.randrange(len(_PLAIN))]


def _long_line(draw: Random) -> tuple[str, str]:
    return "one long line", draw.choice(("ab", "a", "ab ")) * draw.choice((400, 100_000))
