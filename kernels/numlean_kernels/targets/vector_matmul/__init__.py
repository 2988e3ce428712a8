"""Matrix products in the vector registers of the CPU, in the order of the plain loop.

A tile of the result, some rows by some vectors, stays in registers while k ascends; each of its
elements starts from +0, and a term is added for every k, as in the plain loop. The set of elements
computed together is free; the order within an element is not.

``lanes`` says how a term is added, ``machine`` which vectors the processor has, ``tile`` emits the
loop over k, and ``product`` covers a matrix with tiles. The code around tiles computes on
addresses, distances in bytes and extents, and tiles are functions that LLVM does not inline: arrays
and inlined tiles, optimised again at each level, took two thirds of the time to compile a product.
"""
