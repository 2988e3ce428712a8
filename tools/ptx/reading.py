"""Find instructions that PTX must not contain, and assemble it."""

import re

from cuda.bindings.nvjitlink import nvJitLinkError
from cuda.core import Linker, LinkerOptions, ObjectCode

from ptx.fake_driver import CAPABILITY
from ptx.kernels import CAPABILITIES, GPU, Floats, floats_of

FLOATING = re.compile(r"\.(f16|f32|f64|bf16|tf32)(x2)?\b")
MOVES = r"(ld|st|mov|selp)\."
COMPARED = r"|setp\.\w+(\.(and|or|xor))?\.f(32|64)$"
# Each rounds once, to nearest, or not at all.
SEPARATE = r"|(add|sub|mul|div|sqrt)\.rn\.f(32|64)$|(neg|abs)\.f(32|64)$"
# From binary32 exactly, and from integers and binary64 rounded to nearest.
CONVERTED = r"|(min|max)\.f(32|64)$|cvt\.(f64\.f32|rn\.f32\.f64|rn\.f(32|64)\.[su](32|64))$"
ALLOWED = {
    Floats.NOTHING: re.compile(r"(?!)"),
    Floats.MOVED: re.compile(MOVES),
    Floats.SEPARATE: re.compile(MOVES + COMPARED + SEPARATE),
    Floats.CONVERTED: re.compile(MOVES + COMPARED + SEPARATE + CONVERTED),
    Floats.FUSED: re.compile(MOVES + COMPARED + r"|fma\.rn\.f(32|64)$"),
}
# At the start of a line, or of a block or after a label or another instruction within it.
INSTRUCTION = re.compile(
    r"(?:^[ \t]*\{?|;|(?<!:):(?!:))[ \t]*(?:@!?%\w+\s+)?([a-z][\w.]*(?:::[\w.]+)*)", re.MULTILINE
)


def instructions(text):
    """Return the names of all instructions, in order."""
    return INSTRUCTION.findall(re.sub(r"//.*", "", text))


def violations(text, floats):
    """Return the instructions on hardware floats that a kernel must not have."""
    names = instructions(text)
    assert any(name.startswith("st.") for name in names)
    allowed = ALLOWED[floats]
    return sorted({n for n in names if FLOATING.search(n) and not allowed.match(n)})


def ptx_of(kernel, capabilities=CAPABILITIES):
    """Return a kernel's PTX for each compute capability."""
    texts = GPU.ptx(kernel.loop, kernel.table, kernel.arrays, capabilities)
    for text, (major, minor) in zip(texts, capabilities, strict=True):
        assert f".target sm_{major}{minor}" in text
        assert text.count(".visible .entry") == 1
    return texts


def assembled(text, capability):
    """Return the errors that the assembler reports for a kernel's PTX."""
    options = LinkerOptions(arch="sm_{}{}".format(*capability))
    try:
        linker = Linker(ObjectCode.from_ptx(text.encode()), options=options)
        linker.link("cubin")
        linker.close()
    except nvJitLinkError as error:
        return re.findall(r"ptxas error\s*: (.*)", str(error)) or [str(error)]
    return []


def read(kernels, capabilities=CAPABILITIES, *, assembling=CAPABILITIES):
    """Return the number of kernels, and the errors by kernel and compute capability.

    The PTX for each of ``capabilities`` is read; for those in ``assembling`` it is also assembled.
    """
    count, found = 0, {}
    for kernel in kernels:
        count += 1
        for capability, text in zip(capabilities, ptx_of(kernel, capabilities), strict=True):
            wrong = violations(text, kernel.floats)
            if capability in assembling:
                wrong += assembled(text, capability)
            if wrong:
                found[kernel.loop.name, kernel.table.key, capability] = wrong
    return count, found


def read_launched(target, done):
    """Return the errors in the code of the kernels that a target has launched, by kernel.

    Each is read, and assembled, once: ``done`` is the set of those that have been.
    """
    found = {}
    for (loop, table), (_, compiled) in target._compiled.items():
        for library in [kernel.library for kernel in compiled._kernels.values()]:
            if library not in done:
                done.add(library)
                text = library.get_asm_str()
                wrong = violations(text, floats_of(loop, table)) + assembled(text, CAPABILITY)
                if wrong:
                    found[loop.name, table.key] = wrong
    return found
