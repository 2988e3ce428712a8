"""Tables of an operation's results for all codes of at most eight bits.

Where a lookup is faster than the routine, an operation on such codes is one: arithmetic with two
operands in 64 KiB, functions, roundings to an integer and casts in 256 results. Comparisons, minima
and signs are faster as routines, which become vector code. The routine itself makes a table when it
is first needed: in the interpreter if there are few results, so that nothing is compiled, else by
its kernel. So the bits are those of the routine.

Flags have a table of their own, of bytes. Stochastic rounding keeps the routine, as do targets on
which lookups are not faster.
"""

from __future__ import annotations

from typing import Any, Final
from weakref import WeakKeyDictionary

import numpy as np

from numlean.errors import NumleanError
from numlean.scalar.codec import CodesCodec
from numlean.scalar.elementary import ARITIES
from numlean.scalar.kernel_scalar.components import Components
from numlean.scalar.protocol import Storage
from numlean.scalar.registry import get_scalar
from numlean_kernels.formats import format_of_key
from numlean_kernels.ieee.convert import cast_format_key, is_cast
from numlean_kernels.loops.elementwise import elementwise, flagged
from numlean_kernels.protocol import Table, kernel_for
from numlean_kernels.targets.python import PYTHON

_CODE: Final = np.dtype(np.uint8)
_CODES: Final = 1 << 8
_STOCHASTIC: Final = "stochastic"
_ZERO: Final = "zero"
_FLAGGED: Final = "flagged "

_PAIRS: Final = frozenset({"add", "sub", "mul", "div", "rem", "fmod"})
_FUNCTIONS: Final = frozenset({"sqrt", "logb", *(f for f, count in ARITIES.items() if count == 1)})
_ROUND_TO_INTEGRAL: Final = "round_to_integral"

_INTERPRETED: Final = 1 << 12
"""The most results that the interpreter computes: about as long as it takes to load a kernel."""

_MADE: Final[WeakKeyDictionary[Table, dict[str, Storage | None]]] = WeakKeyDictionary()


def faster_results_of(s: Components, name: str, *operands: Storage) -> Storage | None:
    """Return the table of an operation on its own; None if the routine is as fast, or needed."""
    return None if name in s.table.short else results_of(s, name, *operands)


def results_of(s: Components, name: str, *operands: Storage) -> Storage | None:
    """Return the table of an operation, of shape (256,) or (256, 256); None to use the routine.

    Args:
        s: The arithmetic.
        name: The name of the operation.
        operands: The operands, whose codes index the table.
    """
    if operands[0].dtype != _CODE or not _uses_tables(s):
        return None
    made = _MADE.setdefault(s.table, {})
    if name not in made:
        made.update(_make(s, name, len(operands)))
    return made[name]


def flags_of(s: Components, name: str, *operands: Storage) -> Storage | None:
    """Return the table of the flags that an operation raises; None to use the routine."""
    if operands[0].dtype != _CODE or not _uses_tables(s):
        return None
    return results_of(s, _FLAGGED + name, *operands)


def zero_of(s: Components) -> Storage:
    """Return the number from which sums start, of shape (1,)."""
    made = _MADE.setdefault(s.table, {})
    if made.get(_ZERO) is None:
        made[_ZERO] = np.array([s.table.zero], dtype=s.codec.storage_dtype)
    zero = made[_ZERO]
    assert zero is not None
    return zero


def _uses_tables(s: Components) -> bool:
    is_random = s.rounding.startswith(_STOCHASTIC)
    return s.uses_code_tables and s.target.looks_up_codes and not is_random


def _make(s: Components, name: str, arity: int) -> dict[str, Storage | None]:
    """Return the table of a name; with the flags of an operation, also its results."""
    operation = name.removeprefix(_FLAGGED)
    bits = _code_bits(s, operation)
    if bits is None or not _is_looked_up(operation, arity) or operation in s.substitutes:
        return {name: None}
    codes = np.arange(1 << bits, dtype=_CODE)
    operands = tuple(axis.reshape(-1) for axis in np.meshgrid(*[codes] * arity, indexing="ij"))
    found = _compute(s, name, tuple(np.ascontiguousarray(each) for each in operands))
    # What is above the bits of a code does not count, and no code is outside of the table.
    shape, repeats = (1 << bits,) * arity, (_CODES >> bits,) * arity
    tables = {title: np.tile(array.reshape(shape), repeats) for title, array in found.items()}
    return {name: None, **tables}


def _is_looked_up(name: str, arity: int) -> bool:
    if arity == 2:
        return name in _PAIRS
    return name in _FUNCTIONS or is_cast(name) or name.startswith(_ROUND_TO_INTEGRAL)


def _code_bits(s: Components, name: str) -> int | None:
    """Return the width of the codes of an operation's operands; None if they have no codes."""
    if is_cast(name):
        return format_of_key(cast_format_key(name)).width
    if s.codec.format is not None:
        return s.codec.format.width
    return s.codec.code_width if isinstance(s.codec, CodesCodec) else None


def _compute(s: Components, name: str, operands: tuple[Storage, ...]) -> dict[str, Storage]:
    """Return the results of the routine, and flags if it is a flagged one; nothing without it."""
    if s.table.get(name) is None:
        return {name: _from_exact_values(s, name, operands)} if name in ARITIES else {}
    z = np.empty(operands[0].shape, s.codec.storage_dtype)
    target, table = s.target.without_recorder, s.table
    if z.size <= _INTERPRETED:
        target, table = _interpreted(s) or (target, table)
    operation = name.removeprefix(_FLAGGED)
    if operation == name:
        kernel_for(target, elementwise(name, len(operands)), table)((z.size,), *operands, z)
        return {name: z}
    raised = np.empty(z.shape, np.uint8)
    loop = flagged(operation, len(operands))
    kernel_for(target, loop, table)((z.size,), *operands, raised, z)
    return {operation: z, name: raised}


def _interpreted(s: Components) -> tuple[Any, Table] | None:
    """Return the interpreter and the routines of the same arithmetic; None if it is not known."""
    try:
        twin: Any = get_scalar(s.name, PYTHON.name)
    except NumleanError:  # a Scalar of no registered dtype, or one that is not interpreted
        return None
    table = getattr(twin, "table", None)
    if not isinstance(table, Table) or table.arithmetic != s.table.arithmetic:
        return None
    return twin.target, table


def _from_exact_values(s: Components, name: str, operands: tuple[Storage, ...]) -> Storage:
    # mpmath is expensive to import, and most runs need none of this.
    from numlean.scalar.correct_rounding import compute

    return compute(s.without_recorder(), s.codec, name, operands)
