"""Layers' arithmetic by bf16-mixed, by numpy, ml_dtypes and MPFR: for transcriptions in tests."""

import gmpy2
import ml_dtypes
import numpy as np

BF16, F32 = ml_dtypes.bfloat16, np.float32
CONTEXTS = {
    BF16: gmpy2.context(precision=8, emax=128, emin=-132, subnormalize=True),
    F32: gmpy2.context(precision=24, emax=128, emin=-148, subnormalize=True),
}


def rounded_once(function, x):
    """Return the exact values of a function of MPFR, each rounded once to the type of x."""
    of = getattr(CONTEXTS[x.dtype.type], function)
    values = [float(of(gmpy2.mpfr(float(v)))) for v in x.ravel()]
    return np.array(values).astype(x.dtype).reshape(x.shape)


def product(a, b):
    """Return a b in float32, of bfloat16 operands widened exactly, k ascending from +0."""
    a, b = a.astype(F32), b.astype(F32)
    sums = np.zeros((a.shape[0], b.shape[1]), F32)
    for k in range(a.shape[1]):
        sums = sums + a[:, k : k + 1] * b[k]
    return sums


def sums_along(x, axis):
    """Return sums in the type of x, in order from +0."""
    total = np.zeros(np.delete(x.shape, axis), x.dtype)
    for part in np.moveaxis(x, axis, 0):
        total = total + part
    return total


def affine(x, weight, bias):
    """Return x W^T + b, rounded to bfloat16 once."""
    return (product(x, weight.T) + bias.astype(F32)).astype(BF16)


def gradients_of(x, g):
    """Return the gradients of weight and bias: summed in float32, rounded, widened again."""
    weight = product(x.T, g).astype(BF16).T
    bias = sums_along(g.astype(F32), 0).astype(BF16)
    return weight.astype(F32), bias.astype(F32)
