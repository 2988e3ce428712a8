"""Routines on tapered numbers, posits and takums, whose exponent fields have no fixed width.

A code of N bits is a two's complement integer: 0 is zero, the least integer is NaR (not a real),
and codes are in the order of their values. The magnitude of a negative number is the code of its
negative. After the sign, a code is a string of three parts: a *head*, the rest of the exponent, and
the fraction. Strings are unbounded to the right, and a code is such a string rounded to N bits, to
nearest, ties to the even code.

The notation is that of :mod:`numlean_kernels.ieee.routine_builder`, with words of 64 bits: a
working significand has its leading one at bit 62, and bit 0 is sticky. ``e`` is the exponent.
"""
