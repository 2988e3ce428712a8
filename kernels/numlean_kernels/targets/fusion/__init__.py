"""Programs with fewer passes over memory: the same operations on the same numbers.

A product is written transposed if only its transposed copy is read; steps that compute cell by cell
run together, block by block.
"""
