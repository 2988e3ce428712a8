"""Test cases in the format of Berkeley TestFloat: generated, and checked against our arithmetic.

A line holds the encodings of the operands, of a result, and the flags, in hexadecimal.
"""

from numlean.verification.testfloat.checking import CaseChecker, Conditions, Finding
from numlean.verification.testfloat.functions import TestFunction, function_named, type_named
from numlean.verification.testfloat.generating import generated_lines, operand_lines
from numlean.verification.testfloat.lines import BadLineError, read_cases

__all__ = [
    "BadLineError",
    "CaseChecker",
    "Conditions",
    "Finding",
    "TestFunction",
    "function_named",
    "generated_lines",
    "operand_lines",
    "read_cases",
    "type_named",
]
