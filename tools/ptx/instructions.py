"""PTX instructions as Python expressions: those that NVVM generates for our kernels.

Registers hold encodings: integers from 0 below 2**width, also of floats and of signed numbers;
predicates hold truth values. The meanings are those of NVIDIA's manual, "Parallel Thread Execution
ISA", chapter 9.
"""

import re

from ptx import floats

FLOATS = {name: f for name, f in vars(floats).items() if name.endswith(("_f32", "_f64"))}
FLOATS |= floats.further()


def width_of(kind):
    """Return the width of a type in bits; 0 for predicates."""
    return 0 if kind == "pred" else int(kind[1:])


def mask(bits):
    """Return the largest unsigned number of a width."""
    return (1 << bits) - 1


def signed(x, bits):
    """Return the signed number whose two's complement an expression is."""
    half = 1 << (bits - 1)
    return f"(({x} ^ {half}) - {half})"


def divide(a, b):
    """Return the quotient of integers, rounded toward zero."""
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def integer_operation(symbol):
    """Translate an operation whose low bits are the same for signed and unsigned numbers."""
    return lambda kind, a, b: f"({a} {symbol} {b}) & {mask(width_of(kind))}"


def bitwise(symbol):
    """Translate an operation on bits or predicates."""
    return lambda kind, a, b: f"{a} {symbol} {b}"


def comparison(symbol):
    """Translate a comparison."""
    return lambda kind, a, b: f"{read(a, kind)} {symbol} {read(b, kind)}"


def extremum(symbol):
    """Translate a minimum or a maximum."""
    return lambda kind, a, b: f"{a} if {read(a, kind)} {symbol} {read(b, kind)} else {b}"


def read(x, kind):
    """Return an operand as a number of a type."""
    return signed(x, width_of(kind)) if kind.startswith("s") else x


def invert(kind, a):
    """Invert all bits, or a predicate."""
    return f"not {a}" if kind == "pred" else f"{a} ^ {mask(width_of(kind))}"


def negate(kind, a):
    """Negate an operand."""
    return f"neg_f64({a})" if kind == "f64" else f"-{a} & {mask(width_of(kind))}"


def magnitude(kind, a):
    """Return the absolute value."""
    return f"abs({read(a, kind)}) & {mask(width_of(kind))}"


def shift_left(kind, a, b):
    """Shift left; shifts by more than the width count as shifts by the width."""
    width = width_of(kind)
    places = min(int(b), width) if b.isdigit() else f"min({b}, {width})"
    return f"({a} << {places}) & {mask(width)}"


def shift_right(kind, a, b):
    """Shift right; shift in zeros, or the sign bit."""
    return f"{read(a, kind)} >> {b} & {mask(width_of(kind))}"


def low_product(kind, a, b):
    """Return the low half of a product."""
    return f"{a} * {b} & {mask(width_of(kind))}"


def high_product(kind, a, b):
    """Return the high half of a product."""
    return f"{read(a, kind)} * {read(b, kind)} >> {width_of(kind)} & {mask(width_of(kind))}"


def wide_product(kind, a, b):
    """Return both halves of a product."""
    return f"{read(a, kind)} * {read(b, kind)} & {mask(2 * width_of(kind))}"


def low_product_and_sum(kind, a, b, c):
    """Add a third number to the low half of a product."""
    return f"({a} * {b} + {c}) & {mask(width_of(kind))}"


def divide_integers(kind, a, b):
    """Divide integers; division by zero is an error here, and undefined on a GPU."""
    if not kind.startswith("s"):
        return f"{a} // {b}"
    return f"divide({read(a, kind)}, {read(b, kind)}) & {mask(width_of(kind))}"


def remainder_of_integers(kind, a, b):
    """Return the remainder of ``divide_integers``, which has the sign of the dividend."""
    if not kind.startswith("s"):
        return f"{a} % {b}"
    x, y = read(a, kind), read(b, kind)
    return f"({x} - divide({x}, {y}) * ({y})) & {mask(width_of(kind))}"


def count_leading_zeros(kind, a):
    """Count the leading zeros."""
    return f"{width_of(kind)} - ({a}).bit_length()"


def insert_bits(kind, a, b, start, count):
    """Insert the low bits of the first operand into the second."""
    field = f"(((1 << {count}) - 1) << {start} & {mask(width_of(kind))})"
    return f"{b} & ~{field} | {a} << {start} & {field}"


def convert(to, kind, a):
    """Convert the low bits of an operand from one type to another."""
    return f"{read(f'({a} & {mask(width_of(kind))})', kind)} & {mask(width_of(to))}"


def copy(kind, a):
    """Copy an operand."""
    return a


def select(kind, a, b, condition):
    """Return the first operand if a predicate is true, otherwise the second."""
    return f"{a} if {condition} else {b}"


def float_operation(name):
    """Translate an instruction on floats."""
    return lambda kind, *operands: f"{name}_{kind}({', '.join(operands)})"


INTEGER, BITS = "[su](16|32|64)", "b(16|32|64)"
COMPARISONS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
PATTERNS = {
    rf"add\.({INTEGER})": integer_operation("+"),
    rf"sub\.({INTEGER})": integer_operation("-"),
    rf"mul\.lo\.({INTEGER})": low_product,
    rf"mul\.hi\.({INTEGER})": high_product,
    r"mul\.wide\.([su](16|32))": wide_product,
    rf"mad\.lo\.({INTEGER})": low_product_and_sum,
    rf"div\.({INTEGER})": divide_integers,
    rf"rem\.({INTEGER})": remainder_of_integers,
    rf"min\.({INTEGER})": extremum("<="),
    rf"max\.({INTEGER})": extremum(">="),
    r"abs\.(s(16|32|64))": magnitude,
    r"neg\.(s(16|32|64)|f64)": negate,
    rf"and\.({BITS}|pred)": bitwise("&"),
    rf"or\.({BITS}|pred)": bitwise("|"),
    rf"xor\.({BITS}|pred)": bitwise("^"),
    rf"not\.({BITS}|pred)": invert,
    rf"shl\.({BITS})": shift_left,
    rf"shr\.({INTEGER})": shift_right,
    r"clz\.(b(32|64))": count_leading_zeros,
    r"bfi\.(b(32|64))": insert_bits,
    r"mov\.([busf](16|32|64)|pred)": copy,
    r"cvta\.to\.global\.(u64)": copy,
    r"cvt\.(?P<to>[su](8|16|32|64))\.(?P<kind>[su](8|16|32|64))": convert,
    r"selp\.([busf](16|32|64))": select,
    r"(?P<name>add|sub|mul|div|sqrt|fma)\.rn\.(?P<kind>f(32|64))": float_operation,
    r"setp\.(?P<name>num|(eq|ne|lt|le|gt|ge)u?)\.(?P<kind>f(32|64))": float_operation,
    r"(?P<name>min|max)\.(?P<kind>f(32|64))": float_operation,
    r"cvt\.(rn\.)?(?P<name>f(32|64))\.(?P<kind>[fsu](32|64))": float_operation,
}
PATTERNS |= {
    rf"setp\.{name}\.([bsu](16|32|64))": comparison(symbol) for name, symbol in COMPARISONS.items()
}
COMPILED = [(re.compile(pattern), meaning) for pattern, meaning in PATTERNS.items()]


def type_of(opcode):
    """Return the type of an instruction's operands."""
    return opcode.rpartition(".")[2]


def expression(opcode, operands):
    """Return an instruction's result as an expression.

    Raises:
        NotImplementedError: The instruction is unknown: no kernel has contained it so far.
    """
    for pattern, meaning in COMPILED:
        match = pattern.fullmatch(opcode)
        if match and meaning is float_operation:
            return float_operation(match["name"])(match["kind"], *operands)
        if match and meaning is convert:
            return convert(match["to"], match["kind"], *operands)
        if match:
            return meaning(match[1], *operands)
    raise NotImplementedError(f"unknown PTX instruction {opcode}; add it to PATTERNS")
