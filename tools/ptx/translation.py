"""Translate PTX into Python.

A kernel becomes a function of a thread: registers are its local variables, basic blocks the leaves
of a tree of ifs within a loop, and a barrier is where it yields.
"""

import linecache
import re
from dataclasses import dataclass, field
from itertools import count

import numpy as np

from ptx.instructions import FLOATS, divide, expression, mask, read, type_of, width_of
from ptx.memory import SIZES, Cells, check_aligned, write, write_exclusively

SHARED, CONSTANT = 1 << 56, 1 << 57
GAP = 4096
"""Unused addresses between two tables, so that no access reaches one from the other."""
SPECIAL = re.compile(r"%(tid|ctaid|ntid|nctaid)\.([xyz])")
DECLARED = re.compile(r"\.reg \.(\w+)\s+%(\w+)<(\d+)>;")
TABLE = re.compile(r"\.(shared|const) \.align (\d+) \.b8 ([\w$]+)\[(\d+)\](?: = \{([^}]*)\})?;")
ADDRESS = re.compile(r"\[([%\w$]+)(?:\+(-?\d+))?\]")
OPERAND = re.compile(r"\{[^}]*\}|[^,\s]+")
LOAD = re.compile(r"ld(\.(param|const|shared|global))?(\.v[24])?\.[busf](8|16|32|64)")
STORE = re.compile(r"st(\.(shared|global))?(\.v[24])?\.[busf](8|16|32|64)")
PREDICATED = re.compile(r"@(!?)%(p\d+)\s+(.*)")
NUMBER = count()
MEANINGS = FLOATS | {f.__name__: f for f in (divide, check_aligned, write, write_exclusively)}


@dataclass
class Block:
    """A basic block: statements entered at the beginning and left at the end."""

    statements: list = field(default_factory=list)
    leaving: str = ""


class Translation:
    """A kernel's PTX as a Python function of a thread.

    Attributes:
        parameters: The number of words that a launch passes.
        opcodes: The instructions of the kernel.
        permitted: The addresses of elements of shared memory, by size.
        constants: The elements of tables, by size.
        make: ``make(*words, *threads, *blocks, writers, *arrays, *constants, *permitted)``
            gives ``run(thread, *block, *place, *shared)``; a generator, if there are barriers.
    """

    def __init__(self, text):
        self.opcodes = set()
        self._tables(text)
        declarations, _, body = text[text.index(".entry") :].partition(")")
        names = re.findall(r"\.param \.u64 (\w+)", declarations)
        self._arguments = {name: f"argument{k}" for k, name in enumerate(names)}
        self.parameters = len(names)
        self._widths = {prefix: width_of(kind) for kind, prefix, _ in DECLARED.findall(body)}
        self._blocks, self._labels = [Block()], {}
        for line in body.splitlines():
            self._translate(line.split("//")[0].strip())
        self.make = self._compiled("\n".join(self._source()))

    def _tables(self, text):
        self._symbols, shared, constants = {}, [], []
        starts = {"shared": SHARED, "const": CONSTANT}
        for space, alignment, name, size, values in TABLE.findall(text):
            # Aligned as declared, and no better.
            start = starts[space] + int(alignment)
            starts[space] += (int(size) // GAP + 2) * GAP
            self._symbols[name] = start
            if space == "shared":
                shared.append(range(start, start + int(size)))
            else:
                found = bytes(map(int, values.split(","))) if values else bytes(int(size))
                constants.append((start, found.ljust(int(size), b"\0")))
        self.permitted = {n: {a for r in shared for a in r[::n]} for n in SIZES}
        self.constants = {n: Cells(n) for n in SIZES}
        for start, found in constants:
            for n, cells in self.constants.items():
                words = np.frombuffer(found[: len(found) // n * n], f"<u{n}").tolist()
                cells.update(zip(range(start, start + n * len(words), n), words, strict=True))

    def _translate(self, line):
        label = re.fullmatch(r"(\$\w+):", line)
        if label:
            self._enter(len(self._blocks))
            self._labels[label[1]] = len(self._blocks) - 1
        elif line not in ("", "{", "}", ")") and not line.startswith("."):
            self._instruction(line.rstrip(";"))

    def _enter(self, number):
        self._blocks[-1].leaving = self._blocks[-1].leaving or f"at = {number}"
        self._blocks.append(Block())

    def _instruction(self, line):
        condition = PREDICATED.fullmatch(line)
        if condition:
            negation, predicate, line = condition.groups()
            condition = f"not {predicate}" if negation else predicate
        opcode, *rest = line.split(None, 1)
        operands = OPERAND.findall("".join(rest))
        self.opcodes.add(opcode)
        if opcode in ("bra", "bra.uni", "ret"):
            self._leave(condition, f"at = <{operands[0]}>" if operands else "return")
        else:
            statement = self._statement(opcode, operands)
            statement = f"if {condition}: {statement}" if condition else statement
            self._blocks[-1].statements.append(statement)

    def _leave(self, condition, leaving):
        following = len(self._blocks)
        if condition:
            leaving = f"if {condition}: {leaving}\nelse: at = {following}"
        self._blocks[-1].leaving = leaving
        self._enter(following)

    def _statement(self, opcode, operands):
        kind = type_of(opcode)
        if opcode == "bar.sync":
            return f"yield 'barrier {next(NUMBER)}'"
        if opcode == "ld.param.u64":
            return f"{operands[0][1:]} = {self._arguments[operands[1].strip('[]')]}"
        if LOAD.fullmatch(opcode):
            return self._load(opcode, *operands)
        if STORE.fullmatch(opcode):
            return "; ".join(self._stores(opcode, *operands))
        to, *given = operands or [""]
        parts = opcode.split(".")
        kinds = [kind] * len(given)
        if parts[0] == "bfi":
            kinds[2:] = ["u32", "u32"]
        elif parts[0] in ("shl", "shr"):
            kinds[1] = "u32"
        elif parts[0] == "selp":
            kinds[2] = "pred"
        values = [self._operand(x, kind) for x, kind in zip(given, kinds, strict=True)]
        return f"{to[1:]} = {expression(opcode, values)}"

    def _operand(self, word, kind):
        special = SPECIAL.fullmatch(word)
        if special:
            return "_".join(special.groups())
        if word.startswith("%"):
            return word[1:]
        if word in self._symbols:
            return str(self._symbols[word])
        if word.startswith(("0f", "0d")):
            return str(int(word[2:], 16))
        if kind == "pred":
            return str(bool(int(word)))
        return str(int(word) & mask(width_of(kind)))

    def _width_of(self, register):
        return self._widths[register[1:].rstrip("0123456789")]

    def _address(self, word):
        base, offset = ADDRESS.fullmatch(word).groups()
        return self._operand(base, "u64") + (f" + {offset}" if offset else "")

    def _load(self, opcode, registers, address):
        kind, space = type_of(opcode), opcode.split(".")[1]
        cells = {"shared": "shared", "const": "constants"}.get(space, "arrays")
        names, values = [], []
        for to, place in self._parts(kind, registers, address):
            value = f"{cells}{width_of(kind) // 8}[{place}]"
            if kind.startswith("s"):
                value = f"{read(value, kind)} & {mask(self._width_of(to))}"
            names.append(to[1:])
            values.append(value)
        return f"{', '.join(names)} = {', '.join(values)}"

    def _stores(self, opcode, address, registers):
        kind, space = type_of(opcode), opcode.split(".")[1]
        size = width_of(kind) // 8
        for value, place in self._parts(kind, registers, address):
            value = f"{self._operand(value, kind)} & {mask(width_of(kind))}"
            if space == "shared":
                yield f"write(shared{size}, {place}, {value}, permitted{size})"
            else:
                yield f"write_exclusively(arrays{size}, {place}, {value}, writers, thread)"

    def _parts(self, kind, registers, address):
        """Yield registers with their addresses; a vector's address is a multiple of its size."""
        names = registers.strip("{}").replace(",", " ").split()
        place, size = self._address(address), width_of(kind) // 8
        yield names[0], place if len(names) == 1 else f"check_aligned({place}, {size * len(names)})"
        for k, name in enumerate(names[1:], 1):
            yield name, f"{place} + {k * size}"

    def _source(self):
        of_launch = [*self._arguments.values(), *(f"ntid_{axis}" for axis in "xyz")]
        of_launch += [*(f"nctaid_{axis}" for axis in "xyz"), "writers"]
        of_launch += [f"{name}{n}" for name in ("arrays", "constants", "permitted") for n in SIZES]
        of_thread = ["thread", *(f"{name}_{axis}" for name in ("ctaid", "tid") for axis in "xyz")]
        of_thread += [f"shared{n}" for n in SIZES]
        yield f"def make({', '.join(of_launch)}):"
        yield f" def run({', '.join(of_thread)}):"
        yield "  at = 0"
        yield "  while True:"
        yield from self._tree(0, len(self._blocks), "   ")
        yield " return run"

    def _tree(self, first, last, indent):
        if last - first == 1:
            block = self._blocks[first]
            leaving = re.sub(r"<(.*?)>", lambda m: str(self._labels[m[1]]), block.leaving)
            for statement in [*block.statements, *(leaving or "return").split("\n")]:
                yield indent + statement
        else:
            middle = (first + last) // 2
            yield f"{indent}if at < {middle}:"
            yield from self._tree(first, middle, indent + " ")
            yield f"{indent}else:"
            yield from self._tree(middle, last, indent + " ")

    def _compiled(self, source):
        name = f"<PTX {next(NUMBER)}>"
        linecache.cache[name] = len(source), None, source.splitlines(keepends=True), name
        found = dict(MEANINGS)
        exec(compile(source, name, "exec"), found)
        return found["make"]
