"""Values for options: valid ones, extreme ones and hostile ones.

No value asks for much work that is allowed, such as a million steps.
"""

from __future__ import annotations

import argparse
import random
import re
from typing import Final

_LONG: Final = "9" * 5000
_TEXTS: Final = (
    *("", " ", "-", "--", ",", ":", "@", "=", "%s{0}", "\0", "\n", "a\nnumlean: error: b"),
    *("é", "0"),
    *("\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x9b2J", "\u202egnp.exe", "$x$", "[/b]", "\udcff"),
    *("a" * 300, "x" * 1200, "y, " * 400, "'" * 600, '"' + "z" * 900 + '"', "{}" * 300),
    *("none", "auto", "x", "b", "a", "1", "1e999999999", "../../x", "~"),
)
_INTEGERS: Final = (
    *("0", "1", "2", "3", "-1", "-0", "+1", "", " ", " 2 ", "1_0", "1__0", "1.5", "1e3", "0x10"),
    *("nan", "inf", "\u0661\u0662", "\xb2", "10**3", "--1", str(10**30), str(-(10**30))),
    *(_LONG, f"-{_LONG}"),
)
_HUGE_INTEGERS: Final = (str(2**31), str(2**63 - 1), str(10**18))
_REALS: Final = (
    *("0", "-0", "0.0", "0.5", "0.999", "1", "1.5", "1e-3", "1e-300", "1e308", "-1", "+.5"),
    *(" 0.1 ",),
    *("nan", "-nan", "inf", "-inf", "infinity", "1e400", "-1e400", "1e-400", "0x1p-3", "1,5", ""),
    *("\u0661\u066b\u0665", "1_0.5", "1__0", "1e", "e5", ".", "0." + "3" * 5000, _LONG),
    *("1e" + _LONG, "1/3"),
)
_DTYPES: Final = (
    *("float64", "mp:53", "FLOAT64", "double", "mp:1", "mp:60"),
    *("", " ", "mp", "mp:", "mp:0", "mp:-1", "mp:1000001", f"mp:{_LONG}", "mp:\u0661\u0662"),
    *("mp:1e3", "mp:\xb2"),
    *("float64:1", "float64@", "float64@round=x", "mp:53@round=toward_zero", "ieee:e99999m99999"),
    *(f"ieee:e{_LONG}m3", "ieee:e0m0", "float31", "posit32", "float64,float64", "float64@a=b,a=b"),
)
_RUNS: Final = (
    *("float64", "mp:53", "float64:cpu", "mp:53:python:compiled", "float64:cpu:eager"),
    *("float64:", ":", "float64:fast:fast", "float64:gpu", "mp:53:python:eager:fast:more", ""),
)
_DTYPE_LISTS: Final = (
    *("float64,mp:53", "mp:53,mp:60", "float64", "float64,float64", "", ",", ",,", "float64,", " "),
    *("mp:53,nonsense", "float64," * 50, "mp:0,mp:1", "=", "a=b", "float64@round=x,y=z"),
    *("x" * 1200,),
)
_WIDTHS: Final = (
    *("none", "1", "2,3", " 2 , 3 ", "0", "-1", "1,", ",", "1.5", "x", "\u0661", "1e3", "2;3"),
    *("1__0",),
    *("1111111111111111111,1", "1000000000", "99999999,99999999", f"{_LONG},1", "9," * 2000 + "9"),
)
_SHARES: Final = (
    *("0", "0.2", "1/5", "1/3", "1", "-0.1", "nan", "inf", "1/0", "0/1", "1e-400", "0x1p-3", ""),
    *("1e999999999", "1e-999999999", f"1/{_LONG}", f"{_LONG}/{_LONG}", "0." + "1" * 5000),
    *("\u0661/\u0662",),
)
_EXPRESSIONS: Final = (
    *("1/3", "0.1 + 0.2", "sqrt(2) < 1.5", "bits(1)", "pi * e", "1e999999999", "-1e-999999999"),
    *("exp(1e300)", "exp2(99999)", "exp(exp(exp(10)))", "pow(1e300, 1e300)", "sigmoid(-1e300)"),
    *("scaleb(1, 999999999999)", "9**9**9**9", "2**-2**99", "sin(1e999999)", "rem(1e9999999, 3)"),
    *("exp(" * 100 + "1" + ")" * 100, "(" * 500 + "1" + ")" * 500, "-" * 3000 + "1"),
    *("+".join("1" * 3000), "*".join(["9e999"] * 800), "1" * 5000, "0." + "1" * 20000),
    *("1e" + _LONG,),
    *("", " ", "1 +", "x", "__import__('os')", "f'{1}'", "1 if 1 else 2", "[1]", "a.b"),
    *("lambda: 1",),
    *("nan(0x12)", "snan", "inf - inf", "1 < 2 < 3", "\x1b[31m1", "1\n2", "\udcff", "\0"),
    *("\u0661 + \u0661",),
    *("expm1(1e99)", "tan(1e300)", "log(1e-999999)", "cbrt(1e999999999)", "floor(1e30)"),
    *("fma(1,2)",),
    *("hypot(1e999999, 1)", "atan2(1e-999999, 1e999999)", "0x" + "f" * 5000, "0x1p999999999"),
)
_FAULTS: Final = (
    *("flip", "flip:operation=mul,step=0", "order", "fma:step=1", "math", "flush:element=0"),
    *("flip:bit=-1", f"flip:step={_LONG}", "flip:", ":", "flip:step", "flip:step=1,step=2"),
    *("x" * 1200,),
)
_INPUTS: Final = (
    *("t.csv", "./t.csv", "../work/t.csv", "link.csv", "hard.csv", "t.npz", "text.txt", "run.ckpt"),
    *("run.json", "w.safetensors", "missing.csv", ".", "sub", "", " ", "\0", "empty.csv"),
    *("noise.npz",),
    *(
        "$x$ [b].csv",
        "[/b].csv",
        "\x1b[31m.csv",
        "\udcff.csv",
        "n" * 300 + ".csv",
        "x/../t.csv",
        "t.csv/",
    ),
    *("/dev/null", "no/such/folder.csv", "loop.csv", "dangling.csv"),
)
_OUTPUTS: Final = (
    *("o1", "./o1", "o1.npz", "o1.safetensors", "o1.html", "o1.png", "o1.svg", "sub/o2"),
    *("sub/../o1",),
    *("sub", ".", "", " ", "\0", "n" * 300, "no/such/folder", "/dev/null", "o-link"),
    *("[/$x$b].png",),
    *("\x1b[31m.svg", "\udcff.svg", "o1.HTML", "o1/", "t.csv/x", "dangling.csv", "loop.csv"),
)
_TASKS: Final = ("xor", "xor", "xor", "xor", "XOR", "nonsense", "", "digit", "\x1b[31m", "x" * 1200)

_BY_DEST: Final[dict[str, tuple[str, ...]]] = {
    "dtype": _DTYPES,
    "truth": _DTYPES,
    "high": _DTYPES,
    "low": _DTYPES,
    "dtypes": _DTYPE_LISTS,
    "a": _RUNS,
    "b": _RUNS,
    "hidden": _WIDTHS,
    "test_share": _SHARES,
    "expression": _EXPRESSIONS,
    "inject": _FAULTS,
    "kills": ("0", "-1", "-0", "", "x", "1.5", _LONG),  # others start processes
    "task": _TASKS,
    "device": ("cpu", "python", "cuda:0", "", "gpu", "x" * 1200, "\x1b[31m"),
    "impute": ("mean", "median", "0", "nan", "1e400", "", "inf", _LONG, "x" * 1200),
    "delimiter": (",", ";", "tab", "", "\n", "\0", "ab", "\x1b", "a", '"'),
    "encoding": (
        "utf-8",
        "latin-1",
        "utf-16",
        "nonsense",
        "",
        "\0",
        "rot13",
        "hex",
        "zlib",
        "idna",
    ),
    "target": ("b", "a", "t.npy", "missing.npy", "", "1", "-1", _LONG, "x" * 1200, "\x1b[31m"),
}
"""Values of options by the name of their value; others have values by their type."""

_LONG_WORK: Final = ("steps", "seeds", "count", "kills", "mutations", "rounds")
"""Integers that are numbers of things to do, so that every great one is valid, and takes long."""

_PATH: Final = re.compile(r"\b(FILE|DIR|CHECKPOINT|OUT)\b")
_READ: Final = ("data", "test_data", "text", "weights", "resume", "checkpoint", "files")


def names_a_file(action: argparse.Action) -> bool:
    """Return whether an option or argument names a file; ``--target`` may."""
    return bool(_PATH.search(_placeholder(action))) and action.dest != "target"


def is_read(action: argparse.Action) -> bool:
    """Return whether the file that an option names is only read."""
    return action.dest in _READ


def value_for(action: argparse.Action, draw: random.Random) -> str:
    """Return a value of an option or argument."""
    return draw.choice(_values_for(action, draw))


def _values_for(action: argparse.Action, draw: random.Random) -> tuple[str, ...]:
    if action.dest in _BY_DEST:
        return _BY_DEST[action.dest]
    if names_a_file(action):
        return _INPUTS if is_read(action) != (draw.random() < 0.15) else _OUTPUTS
    if action.type is int:
        return _INTEGERS if action.dest in _LONG_WORK else _INTEGERS + _HUGE_INTEGERS
    if action.type is float:
        return _REALS
    if action.choices is not None and draw.random() < 0.7:
        return tuple(map(str, action.choices))
    return _TEXTS


def _placeholder(action: argparse.Action) -> str:
    return str(action.metavar or action.dest.upper())
