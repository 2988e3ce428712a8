"""Arithmetic of small formats in wider hardware floats, each result rounded once more."""
