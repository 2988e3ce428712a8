"""Routines on fixed-point numbers: integers of N bits, which count units of 2**-F.

A code is the integer in two's complement, or unsigned. There is no NaN, no infinity and no -0. The
routines compute with the *count* of units, as a sign and a word of 64 bits; those that round return
their result and the flags that they raise.
"""
