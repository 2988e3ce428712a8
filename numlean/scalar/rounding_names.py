"""Rounding directions by the names that users type, in any case."""

from __future__ import annotations

import re
from typing import Final

from numlean.errors import UnknownNameError

DIRECTIONS: Final = (
    "ties_to_even",
    "toward_zero",
    "toward_positive",
    "toward_negative",
    "ties_to_away",
    "to_odd",
    "away_from_zero",
)
"""The directions in which a number can be rounded."""

STOCHASTIC: Final = "stochastic"

ALIASES: Final = {
    **dict.fromkeys(("rne", "rn", "nearest", "roundtiestoeven"), "ties_to_even"),
    **dict.fromkeys(("rna", "rmm", "roundtiestoaway"), "ties_to_away"),
    **dict.fromkeys(("rz", "rtz", "roundtowardzero"), "toward_zero"),
    **dict.fromkeys(("ru", "rup", "rtp", "roundtowardpositive"), "toward_positive"),
    **dict.fromkeys(("rd", "rdn", "rtn", "roundtowardnegative"), "toward_negative"),
    **dict.fromkeys(("ro", "rto", "roundtoodd"), "to_odd"),
    **dict.fromkeys(("ra", "raz", "rndaway", "roundawayfromzero"), "away_from_zero"),
    **dict.fromkeys(("rs", "sr"), STOCHASTIC),
}
"""Other spellings: those of IEEE 754, RISC-V, MPFR and CUDA."""


FEW_BITS: Final = re.compile(r"stochastic_([abc]):0*([1-9][0-9]{0,3})", re.ASCII)
"""Stochastic rounding with N random bits: ``stochastic_a:8``."""


def canonical_rounding(text: str) -> str:
    """Return the direction that a text names, in any case; other texts as they are."""
    key = text.casefold().replace("-", "_")
    few = FEW_BITS.fullmatch(key)
    if few is not None:
        return f"stochastic_{few[1]}:{few[2]}"
    return ALIASES.get(key, key if key in (*DIRECTIONS, STOCHASTIC) else text)


def rounding_name(text: str) -> str:
    """Return the direction in which a number can be rounded to an integer.

    Raises:
        UnknownNameError: The text names none.
    """
    name = canonical_rounding(text) if isinstance(text, str) else text
    if name not in DIRECTIONS:
        raise UnknownNameError("rounding", str(text), DIRECTIONS)
    return name
