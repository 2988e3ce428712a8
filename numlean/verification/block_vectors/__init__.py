"""Test vectors of block formats: files of blocks with their codes, written and checked."""

from numlean.verification.block_vectors.checking import Difference, check_vectors
from numlean.verification.block_vectors.making import make_vectors
from numlean.verification.block_vectors.vector import Vector, read_vectors, vectors_text

__all__ = [
    "Difference",
    "Vector",
    "check_vectors",
    "make_vectors",
    "read_vectors",
    "vectors_text",
]
