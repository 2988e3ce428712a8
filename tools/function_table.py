"""Write the table of elementary functions of docs/reference.md from their docstrings.

python tools/function_table.py
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from numlean.scalar.elementary import ARITIES, ElementaryFunctions

REFERENCE = Path(__file__).parents[1] / "docs" / "reference.md"
BLOCK = re.compile(r"(?<=<!-- functions -->\n).*?(?=<!-- end of functions -->)", re.DOTALL)


def table() -> str:
    """Return the rows: a function with its operands, and its result."""
    return "| function | result |\n|---|---|\n" + "".join(map(_row, ARITIES))


def updated(text: str) -> str:
    """Return the text of the page with a current table."""
    return BLOCK.sub(lambda _: table(), text)


def _row(name: str) -> str:
    method = getattr(ElementaryFunctions, name)
    operands = [p for p in inspect.signature(method).parameters if p not in ("self", "flags")]
    result = (method.__doc__ or "").removeprefix("Return ").removesuffix(".")
    shown = result.replace("+-", "±")
    return f"| `{name}({', '.join(operands)})` | {shown} |\n"


if __name__ == "__main__":
    REFERENCE.write_text(updated(REFERENCE.read_text(encoding="utf-8")), encoding="utf-8")
