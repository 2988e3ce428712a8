"""Steps of a small model by policies, with numpy and ml_dtypes: for transcriptions in tests."""

from dataclasses import dataclass

import ml_dtypes
import numpy as np

BF16, F32 = ml_dtypes.bfloat16, np.float32
E4M3, E5M2 = (ml_dtypes.float8_e4m3fn, F32(448)), (ml_dtypes.float8_e5m2, F32(57344))
MOST = np.finfo(F32).max


@np.errstate(all="ignore")
def current_scale(a, greatest):
    """Return greatest / a, 1 if there is none, and at most the greatest number."""
    if a == 0 or not np.isfinite(a):
        return F32(1)
    return min(greatest / a, MOST)


def codes_of(v, s, kind):
    """Return v * s, clamped and rounded to a format, as float32."""
    dtype, greatest = kind
    return np.clip(v * s, -greatest, greatest).astype(dtype).astype(F32)


def ordered(a, b, kinds, names):
    """Return the sums of a[:, k] * b[:, k] in order, from +0."""
    z = np.zeros((len(a), len(b)), F32)
    for k in range(a.shape[1]):
        z = z + a[:, k : k + 1] * b[:, k]
    return z


class Unscaled:
    """Operands are rounded to their formats; rows are along k.

    ``sums(a, b, kinds, names)`` multiplies rows, float32 numbers that formats have, and adds up.
    """

    def __init__(self, sums=ordered):
        self.sums = sums

    def product(self, a, b, kinds, names):
        a, b = (v.astype(kind).astype(F32) for v, kind in zip((a, b), kinds, strict=True))
        return self.sums(a, b, kinds, names)

    def observed(self, v, name):
        """See a tensor of a training step."""

    def end_step(self):
        """Begin the next step."""


class CurrentTensor(Unscaled):
    """One scale for a tensor, which follows from its numbers."""

    def quantized(self, v, kind, name):
        s = current_scale(np.abs(v).max(), kind[1])
        return codes_of(v, s, kind), F32(1) / s

    def product(self, a, b, kinds, names):
        (qa, da), (qb, db) = (
            self.quantized(v, kind, name)
            for v, kind, name in zip((a, b), kinds, names, strict=True)
        )
        return self.sums(qa, qb, kinds, names) * (da * db)


class Delayed(CurrentTensor):
    """One scale for a tensor, which follows from the greatest magnitudes of earlier steps."""

    def __init__(self, sums=ordered):
        super().__init__(sums)
        self.greatest, self.scales, self.histories, self.amaxes = {}, {}, {}, {}

    def quantized(self, v, kind, name):
        self.greatest[name] = kind[1]
        s = self.scales.setdefault(name, F32(1))
        return codes_of(v, s, kind), F32(1) / s

    def observed(self, v, name):
        self.amaxes[name] = max(self.amaxes.get(name, F32(0)), np.abs(v).max())

    def end_step(self):
        for name, a in self.amaxes.items():
            # All magnitudes: the history is longer than the run.
            self.histories.setdefault(name, []).append(a)
            self.scales[name] = min(self.greatest[name] / max(self.histories[name]), MOST)
        self.amaxes = {}


class Blocks(CurrentTensor):
    """Blocks of 128 k, of one row, or of 128 rows of weights."""

    def quantized(self, v, kind, name):
        rows = 128 if name[0] == "w" else 1
        codes, inverses = np.zeros_like(v), np.zeros_like(v)
        for i in range(0, len(v), rows):
            for k in range(0, v.shape[1], 128):
                place = slice(i, i + rows), slice(k, k + 128)
                s = current_scale(np.abs(v[place]).max(), kind[1])
                codes[place], inverses[place] = codes_of(v[place], s, kind), F32(1) / s
        return codes, inverses

    def product(self, a, b, kinds, names):
        (qa, da), (qb, db) = (
            self.quantized(np.ascontiguousarray(v), kind, name)
            for v, kind, name in zip((a, b), kinds, names, strict=True)
        )
        z = np.zeros((len(a), len(b)), F32)
        for k in range(0, a.shape[1], 128):
            part = self.sums(qa[:, k : k + 128], qb[:, k : k + 128], kinds, names)
            z = z + part * (da[:, k : k + 1] * db[:, k])
        return z


class Integers(CurrentTensor):
    """Integers of 8 bits with a factor for each row, in exact sums."""

    def quantized(self, v, kind, name):
        c = np.abs(v).max(axis=1, keepdims=True) / F32(127)
        u = v * (F32(1) / np.maximum(c, F32(1e-12)))
        return np.clip(np.rint(u), -128, 127).astype(np.int8), c

    def product(self, a, b, kinds, names):
        (qa, ca), (qb, cb) = (self.quantized(v, None, None) for v in (a, b))
        sums = qa.astype(np.int32) @ qb.astype(np.int32).T
        return sums.astype(F32) * ca * cb.T


@dataclass
class Recipe:
    """How a policy multiplies, the formats of inputs and weights and of cotangents, and others.

    ``narrow`` is the format of activations, ``weight_output`` that of weights' gradients.
    """

    scaling: Unscaled
    operands: object
    cotangents: object
    narrow: type = BF16
    weight_output: type = F32

    def forward(self, layer, x, w, b):
        kinds, names = (self.operands, self.operands), (f"x{layer}", f"w{layer}")
        z = self.scaling.product(x, w, kinds, names) + b.astype(self.narrow).astype(F32)
        for v, name in zip((x, w), names, strict=True):
            self.scaling.observed(v, name)
        return z.astype(self.narrow).astype(F32)

    def gradients(self, layer, x, g):
        kinds, names = (self.cotangents, self.operands), (f"g{layer}", f"x{layer}")
        bias = np.zeros(g.shape[1], F32)
        for row in g:
            bias = bias + row
        weight = self.scaling.product(g.T, x.T, kinds, names)
        self.scaling.observed(g, f"g{layer}")
        return weight.astype(self.weight_output).astype(F32), bias.astype(self.narrow).astype(F32)

    def of_input(self, layer, g, w):
        kinds, names = (self.cotangents, self.operands), (f"g{layer}", f"w{layer}")
        return self.scaling.product(g, w.T, kinds, names).astype(self.narrow).astype(F32)

    def step(self, x, target, parameters):
        """Return the loss and the gradients of a step."""
        w1, b1, w2, b2 = parameters
        z = self.forward(1, x, w1, b1)
        h = np.maximum(z, F32(0))
        difference = self.forward(2, h, w2, b2) - target
        loss = F32(0)
        for each in (difference * difference).ravel():
            loss = loss + each
        g = F32(1) / F32(target.size) * difference
        g2 = (g + g).astype(self.narrow).astype(F32)
        g1 = np.where(z > 0, self.of_input(2, g2, w2), F32(0))
        found = (*self.gradients(1, x, g1), *self.gradients(2, h, g2))
        self.scaling.end_step()
        return loss / F32(target.size), found


def bits(arrays):
    """Return the encodings of float32 numbers."""
    return [np.asarray(a, F32).view(np.uint32).tolist() for a in arrays]
