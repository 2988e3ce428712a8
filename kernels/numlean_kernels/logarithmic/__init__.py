"""Routines on logarithmic numbers: a sign, and the logarithm of the magnitude in fixed point.

A number is (-1)**s * 2**(L * 2**-F), where L is an integer in two's complement. The least L is
reserved: for zero with the sign 0, for the one NaN with the sign 1. Products and quotients are sums
of L. A sum is L of the greater term plus log2(1 +- 2**(-d * 2**-F)), where d is the difference of
both L: this depends on d alone, so a table has it, exactly enough to round by.
"""
