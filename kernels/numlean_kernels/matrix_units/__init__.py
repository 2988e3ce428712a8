"""Bit-level models of matrix units: the rules and the table of chips as data, and their kernels.

A rule (:mod:`.rule`) is data. The rules and their evidence are those of the publications that
:mod:`.chips` names. Routines and loops compute each of them for every target.
"""
