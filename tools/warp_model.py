"""A model of a warp that executes the PTX of ``numlean record-unit`` without a GPU.

Registers are arrays of 32 lanes, which execute in step. ``mma`` gathers the matrices from the lanes
by the formulas of NVIDIA's manual ("Parallel Thread Execution ISA", "Warp-level matrix fragments"),
written here a second time, and computes them with a unit that is given.
"""

import re

import numpy as np

LANES = np.arange(32)
ADDRESS = re.compile(r"\[(%?\w+)(?:\+(\d+))?\]")
DECLARED = re.compile(r"\.reg \.(\w+) %(\w+)<(\d+)>;")
SPECIAL = {"%ctaid.x": None, "%tid.x": LANES}


def places(shape, operands, matrix, i):
    """Return the row and the column of element i of every lane, as the manual states them."""
    group, thread = LANES >> 2, LANES % 4
    key = (shape, "f16" if operands in ("f16", "bf16") else operands, matrix)
    match key:
        case ("m8n8k4", _, "a"):
            return np.where(LANES < 16, LANES % 4, LANES % 4 + 4), i + 0 * LANES
        case ("m8n8k4", _, "b"):
            return i + 0 * LANES, np.where(LANES < 16, LANES % 4, LANES % 4 + 4)
        case ("m8n8k4", _, "d32"):
            row = (LANES & 1) + (i & 2)
            return np.where(LANES < 16, row, row + 4), (i & 4) + (LANES & 2) + (i & 1)
        case ("m8n8k4", _, "d16"):
            return np.where(LANES < 16, LANES % 4, LANES % 4 + 4), i + 0 * LANES
        case ("m16n8k8", "f16", "a"):
            return group + (0 if i < 2 else 8), thread * 2 + (i & 1)
        case ("m16n8k8", "f16", "b"):
            return thread * 2 + i, group
        case ("m16n8k8", "tf32", "a"):
            return group + (0 if i in (0, 2) else 8), thread + (0 if i < 2 else 4)
        case ("m16n8k8", "tf32", "b"):
            return thread + (0 if i == 0 else 4), group
        case ("m16n8k16", _, "a"):
            row = group + (0 if i < 2 or 4 <= i < 6 else 8)
            return row, thread * 2 + (i & 1) + (0 if i < 4 else 8)
        case ("m16n8k16", _, "b"):
            return thread * 2 + (i & 1) + (0 if i < 2 else 8), group
        case ("m16n8k32", _, "a"):
            row = group + (0 if i < 4 or 8 <= i < 12 else 8)
            return row, thread * 4 + (i & 3) + (0 if i < 8 else 16)
        case ("m16n8k32", _, "b"):
            return thread * 4 + (i & 3) + (0 if i < 4 else 16), group
        case (_, _, "d32" | "d16"):
            return group + (0 if i < 2 else 8), thread * 2 + (i & 1)
    raise NotImplementedError(key)


OPCODE = re.compile(r"mma\.sync\.aligned\.(m(\d+)n(\d+)k(\d+))\.row\.col\.(\w+)\.(\w+)\.\w+\.(\w+)")
WIDTHS = {"f16": 16, "bf16": 16, "tf32": 32, "e4m3": 8, "e5m2": 8, "f32": 32}


def gather(shape, operands, matrix, width, registers, extents):
    """Return the matrix that registers of all lanes hold."""
    result = np.full(extents, -1, np.int64)
    parts = 32 // width
    for i in range(len(registers) * parts):
        elements = registers[i // parts] >> (i % parts * width) & ((1 << width) - 1)
        row, column = places(shape, operands, matrix, i)
        known = result[row, column]
        # Only m8n8k4 has several matrices in a warp; they are equal.
        assert ((known == -1) | (known == elements)).all()
        result[row, column] = elements
    assert (result >= 0).all(), "the registers do not cover the matrix"
    return result


def scatter(shape, operands, matrix, width, values, count):
    """Return the registers of all lanes that hold a matrix."""
    parts = 32 // width
    registers = [np.zeros(32, np.int64) for _ in range(count)]
    for i in range(count * parts):
        row, column = places(shape, operands, matrix, i)
        registers[i // parts] |= values[row, column] << (i % parts * width)
    return registers


class Warp:
    """One block of one warp.

    Args:
        text: The PTX.
        memory: Bytes by address: ``memory(address, None)`` reads 32 bits, otherwise writes them.
        matmul: ``matmul(operands, output, a, b, c)`` of encodings (m, k), (k, n), (m, n).
    """

    def __init__(self, text, memory, matmul):
        head, _, body = text.partition("{")
        self.parameters = re.findall(r"\.param \.u64 (\w+)", head)
        self.lines = [line.strip().rstrip(";") for line in body.rpartition("}")[0].splitlines()]
        self.declared = {f"%{p}{k}" for _, p, n in DECLARED.findall(body) for k in range(int(n))}
        self.memory, self.matmul = memory, matmul
        self.opcodes = []

    def run(self, block, words):
        """Execute the block with arguments of 64 bits."""
        self.registers = {"%ctaid.x": np.full(32, block), "%tid.x": LANES}
        self.arguments = dict(zip(self.parameters, words, strict=True))
        labels = {line.rstrip(":"): k for k, line in enumerate(self.lines) if line.endswith(":")}
        at = 0
        while True:
            line = self.lines[at]
            at += 1
            if not line or line.startswith(".reg") or line.endswith(":"):
                continue
            if line == "ret":
                return
            jump = re.fullmatch(r"@(%p\d) bra (\$\w+)", line)
            if jump:
                taken = self.registers[jump[1]]
                assert taken.all() or not taken.any(), "the lanes of the warp part"
                at = labels[jump[2]] if taken.all() else at
                continue
            self._execute(*line.split(None, 1))

    def _execute(self, opcode, rest):
        self.opcodes.append(opcode)
        operands = re.findall(r"\{[^}]*\}|\[[^\]]*\]|[^,\s]+", rest)
        if opcode.startswith("mma"):
            self._mma(opcode, [re.findall(r"%\w+", each) for each in operands])
        elif opcode.startswith("st.global"):
            for lane, address in enumerate(self._address(operands[0]).tolist()):
                self.memory(address, int(self._value(operands[1])[lane]))
        else:
            self._write(operands[0], self._result(opcode, operands[1:]))

    def _result(self, opcode, operands):
        if opcode == "ld.param.u64":
            return np.full(32, self.arguments[operands[0].strip("[]")])
        if opcode.startswith("ld.global"):
            return np.array([self.memory(x, None) for x in self._address(operands[0]).tolist()])
        values = [self._value(each) for each in operands]
        match opcode:
            case "mov.u32" | "cvta.to.global.u64" | "cvt.u64.u32":
                return values[0]
            case "add.u64":
                return values[0] + values[1]
            case "sub.u64":
                return values[0] - values[1]
            case "mul.lo.u64":
                return values[0] * values[1]
            case "setp.ne.u64":
                return values[0] != values[1]
        raise NotImplementedError(opcode)

    def _mma(self, opcode, operands):
        shape, m, n, k, out, kind, addend = OPCODE.fullmatch(opcode).groups()
        assert out == addend
        m, n, k, wide, narrow = int(m), int(n), int(k), WIDTHS[out], WIDTHS[kind]
        a, b, c = ([self._value(name) for name in names] for names in operands[1:])
        matrices = (
            gather(shape, kind, "a", narrow, a, (m, k)),
            gather(shape, kind, "b", narrow, b, (k, n)),
            gather(shape, kind, f"d{wide}", wide, c, (m, n)),
        )
        d = np.asarray(self.matmul(kind, out, *matrices)).astype(np.int64)
        found = scatter(shape, kind, f"d{wide}", wide, d, len(c))
        for name, value in zip(operands[0], found, strict=True):
            self._write(name, value)

    def _address(self, text):
        name, offset = ADDRESS.fullmatch(text).groups()
        return self._value(name) + int(offset or 0)

    def _value(self, name):
        return self.registers[name] if name.startswith("%") else np.full(32, int(name))

    def _write(self, name, value):
        assert name in self.declared, name
        self.registers[name] = value


class ArrayMemory:
    """The arrays of a launch at made-up addresses; nothing else can be read or written."""

    def __init__(self, arrays):
        self.arrays = [each.reshape(-1) for each in arrays]
        self.starts = [(k + 1) << 32 for k in range(len(arrays))]

    def __call__(self, address, value):
        array, offset = self.arrays[(address >> 32) - 1], address & 0xFFFFFFFF
        assert offset % 4 == 0
        if value is None:
            return int(array[offset // 4])
        array[offset // 4] = value
        return None


class ModelGpu:
    """A GPU of a given compute capability whose tensor core is a function."""

    def __init__(self, capability, matmul, name="model of a GPU"):
        self.capability, self.matmul, self.name = capability, matmul, name
        self.library = "tools/warp_model.py"
        self.opcodes = set()

    def run(self, ptx, kernel, inputs, chunks):
        """Execute all blocks; see ``numlean.verification.tensor_core.gpu.Gpu``."""
        assert f".entry {kernel}(" in ptx
        result = np.full(inputs[2].shape, 0xA5A5A5A5, np.uint32)
        memory = ArrayMemory([*inputs, result])
        warp = Warp(ptx, memory, self.matmul)
        for block in range(len(result)):
            warp.run(block, [*memory.starts, chunks])
        self.opcodes |= set(warp.opcodes)
        return result
