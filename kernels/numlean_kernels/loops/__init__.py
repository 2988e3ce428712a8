"""Kernels, each written once against a table of routines."""
