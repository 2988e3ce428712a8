"""Check lines of Berkeley TestFloat against our arithmetic, or generate such lines.

Standard input has lines as testfloat_gen writes them: operands, result and flags in hexadecimal,
such as 3F800000 3F800000 40000000 00. Functions and options have TestFloat's names: f32_add,
f16_mulAdd, f64_to_i32, f32_le_quiet. With --dtype D the type f is that of D: f_add, f_to_f32.

With --generate, lines of level 1 or 2 are written; a type (f32, i64) instead of a function gives
operands only. Exit status 1 if a line differs.

Unless -checkNaNs and -checkInvInts (or -checkAll) ask for it, NaNs and the integers of invalid
conversions are not compared bit for bit. Without --nan, zero times infinity plus a NaN may be
invalid or not.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, BinaryIO, Final

from numlean.cli import exit_status
from numlean.errors import NumleanError

if TYPE_CHECKING:
    from numlean.verification.testfloat import TestFunction

_ROUNDINGS: Final = {
    "near_even": "to nearest, ties to even (default)",
    "minMag": "toward zero",
    "min": "toward negative",
    "max": "toward positive",
    "near_maxMag": "to nearest, ties away from zero",
    "odd": "to odd",
}
_ERRORS: Final = 20
_MOST: Final = 10**15


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("function", metavar="FUNCTION", help="function such as f32_add")
    parser.add_argument("--generate", action="store_true", help="write lines; read none")
    for name, summary in _ROUNDINGS.items():
        parser.add_argument(
            f"-r{name}", dest="rounding", action="store_const", const=name, help=f"round {summary}"
        )
    for name in ("before", "after"):
        default = " (default)" if name == "after" else ""
        parser.add_argument(
            f"-tininess{name}",
            dest="tininess",
            action="store_const",
            const=name,
            help=f"detect tininess {name} rounding{default}",
        )
    parser.add_argument(
        "-exact", action="store_true", help="conversions to integers and roundToInt raise inexact"
    )
    parser.add_argument(
        "-notexact", dest="exact", action="store_false", help="they do not (default)"
    )
    parser.add_argument("--nan", metavar="RULE", help="NaN rule (default: that of the dtype)")
    parser.add_argument("--dtype", metavar="D", help="emulated dtype of the type f, with options")
    parser.add_argument("-checkNaNs", action="store_true", help="compare the bits of NaNs")
    parser.add_argument(
        "-checkInvInts", action="store_true", help="compare the integers of invalid conversions"
    )
    parser.add_argument("-checkAll", action="store_true", help="-checkNaNs and -checkInvInts")
    parser.add_argument(
        "-errors",
        type=int,
        default=_ERRORS,
        metavar="N",
        help="stop after N errors; 0 for no limit (default: %(default)s)",
    )
    parser.add_argument(
        "-level",
        type=int,
        default=1,
        choices=(1, 2),
        help="of generated lines: 1 = simple operands, 2 = random ones too (default: 1)",
    )
    parser.add_argument(
        "-n",
        type=int,
        dest="number",
        metavar="N",
        help="lines to generate (default: all of level 1, 1,000,000 of level 2)",
    )
    parser.add_argument("-prefix", metavar="TEXT", help="line to write before generated lines")
    parser.add_argument("-forever", action="store_true", help="generate lines of level 2 for ever")
    parser.add_argument(
        "-seed", type=int, default=1, metavar="S", help="seed of level 2 (default: 1)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Check standard input, or write lines."""
    for name, least in (("errors", 0), ("number", 1), ("seed", 0)):
        value = getattr(arguments, name)
        if value is not None and not least <= value <= _MOST:
            shown = "n" if name == "number" else name
            raise NumleanError(f"-{shown} must be between {least} and {_MOST:g}, got {value}")
    return _generate(arguments) if arguments.generate else _check(arguments)


def _function(arguments: argparse.Namespace) -> TestFunction:
    from numlean.verification.testfloat import function_named

    return function_named(
        arguments.function,
        dtype=arguments.dtype,
        rounding=arguments.rounding or "near_even",
        tininess=arguments.tininess or "after",
        nan=arguments.nan,
        is_exact=arguments.exact,
    )


def _check(arguments: argparse.Namespace) -> int:
    from numlean.verification.testfloat import CaseChecker, Conditions, read_cases

    every = arguments.checkAll
    conditions = Conditions(
        arguments.checkNaNs or every, arguments.checkInvInts or every, arguments.nan
    )
    checker = CaseChecker(_function(arguments), conditions)
    print(f"Testing {checker.title()}.")
    for line, columns in read_cases(_standard_input(), checker.fields):
        for finding in checker.check(line, columns):
            if checker.errors == 1:
                print(f"Errors found in {checker.title()}:")
            print(finding.text)
            if checker.errors == arguments.errors:
                print(f"Stopped at line {finding.line}, after {checker.errors} errors.")
                return exit_status.DIFFERENCE
    if not checker.tests:
        raise NumleanError("standard input has no lines; pipe those of testfloat_gen into it")
    if checker.errors:
        print(f"{checker.tests} tests performed; {checker.errors} errors found.")
        return exit_status.DIFFERENCE
    print(f"In {checker.tests} tests, no errors found in {checker.title()}.")
    return 0


def _generate(arguments: argparse.Namespace) -> int:
    from numlean.verification.testfloat import generated_lines, operand_lines, type_named

    number = arguments.number
    if number is None and arguments.level == 2 and not arguments.forever:
        number = 1_000_000
    kind = type_named(arguments.function, arguments.dtype)
    if kind is not None:
        lines = operand_lines((kind,), arguments.level, number, arguments.seed)
    else:
        function = _function(arguments)
        lines = generated_lines(function, arguments.level, number, arguments.seed)
    if arguments.prefix is not None:
        print(arguments.prefix)
    for part in lines:
        sys.stdout.write(part.decode("ascii"))
    return 0


def _standard_input() -> BinaryIO:
    buffer: BinaryIO | None = getattr(sys.stdin, "buffer", None)
    if buffer is None:
        raise NumleanError("standard input is closed; pipe the lines of testfloat_gen into it")
    return buffer
