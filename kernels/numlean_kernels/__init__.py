"""Formats, routines on encodings, and kernels: the ground floor of numlean."""
