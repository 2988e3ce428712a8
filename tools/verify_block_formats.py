"""Compare the elements of block formats with casts of ml_dtypes, and NVFP4 with exact quotients.

python tools/verify_block_formats.py [--blocks N]

MX: for each format and scale rule, blocks on the boundaries of elements at every scale, and N / 4
random blocks. Elements are those of numbers over their scale, cast by ml_dtypes; scales are checked
by their definition.

NVFP4: 2 N random blocks, and numbers on boundaries. Scales and elements of the presets `exact` and
`microxcaling` are those found by comparing numbers with the products of boundaries and scales,
which are exact in binary64. The other presets are compared with `exact`, on fewer random numbers.
Exit status 1 if anything but these differs.
"""

from __future__ import annotations

import argparse
import sys
from time import perf_counter as now
from typing import Any

import ml_dtypes
import numpy as np

from numlean.precision.blocks import BlockFormat, block_formats, get_block_format
from numlean.precision.blocks.values import values_of_element, values_of_format
from numlean_kernels.formats import E4M3

TYPES = {
    "e5m2": ml_dtypes.float8_e5m2,
    "e4m3": ml_dtypes.float8_e4m3fn,
    "e3m2": ml_dtypes.float6_e3m2fn,
    "e2m3": ml_dtypes.float6_e2m3fn,
    "e2m1": ml_dtypes.float4_e2m1fn,
}
EXACT = ("exact", "microxcaling")
"""The presets whose quotients are exact; the other one rounds ties away from zero."""
RULES = ("floor", "ceil", "even", "rceil")
E2M1_BOUNDARIES = np.array([0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0])
EVEN_BELOW = np.array([True, False, True, False, True, False, True])
"""Whether a tie goes to the smaller neighbour, whose code is even."""

Floats = np.ndarray[Any, np.dtype[np.float32]]


def main() -> int:
    """Compare, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--blocks", type=int, default=312_500, help="random blocks (default: %(default)s)"
    )
    blocks = parser.parse_args().blocks
    wrong = 0
    for name in block_formats():
        if name != "nvfp4":
            wrong += sum(compare_mx(name, rule, blocks // len(RULES)) for rule in RULES)
    return 1 if wrong + compare_nvfp4(2 * blocks) else 0


def compare_mx(name: str, rule: str, blocks: int) -> int:
    """Compare a format by a rule; print a line, and return the number of differences."""
    started, f = now(), get_block_format(name, scale_rule=rule)
    differences = numbers = 0
    for x in (on_boundaries(f), random_blocks(f, blocks)):
        q = f.quantize(x)
        scale = q.scales[:, 0].astype(np.int64)
        kept = scale != 255
        y = np.ldexp(x[kept].astype(np.float64), -(scale[kept] - 127)[:, np.newaxis])
        if f.rule.element.is_integer:
            n = np.clip(np.rint(y * 64), -127, 127)  # ties to even
            expected = n.astype(np.int8).view(np.uint8)
        else:
            greatest = greatest_of(f)
            clamped = np.clip(y, -greatest, greatest).astype(np.float32)
            expected = clamped.astype(TYPES[f.element]).view(np.uint8)
        differences += int((q.elements[kept] != expected).sum())
        differences += int((q.scales[:, 0] != scales_of(f, rule, x)).sum())
        numbers += x.size
    seconds = now() - started
    print(
        f"{name:<11} {rule:<6} {numbers:>11,} numbers, {differences:,} differences, {seconds:.0f} s"
    )
    return differences


def finite(f: BlockFormat) -> Any:
    """Return which codes are of numbers."""
    return np.isfinite(values_of_element(f.rule.element))


def greatest_of(f: BlockFormat) -> float:
    """Return the greatest element."""
    return float(np.max(values_of_element(f.rule.element), initial=0, where=finite(f)))


def on_boundaries(f: BlockFormat) -> Floats:
    """Return blocks whose numbers are on boundaries, for every scale, and next to them."""
    values = values_of_element(f.rule.element)
    magnitudes = np.unique(values[finite(f) & (values >= 0)])
    middles = (magnitudes[1:] + magnitudes[:-1]) / 2
    powers = np.exp2(np.arange(-127, 128 - f.rule.element.format.emax))
    numbers = (middles[np.newaxis] * powers[:, np.newaxis]).astype(np.float32)
    encodings = numbers.view(np.uint32)
    three = np.stack([encodings - 1, encodings, encodings + 1], axis=-1).reshape(len(powers), -1)
    width = -(-three.shape[1] // (f.size - 1)) * (f.size - 1)
    padded = np.pad(three, [(0, 0), (0, width - three.shape[1])])
    blocks = np.zeros((len(powers), width // (f.size - 1), f.size), np.uint32)
    blocks[..., 1:] = padded.reshape(len(powers), -1, f.size - 1)
    with np.errstate(over="ignore"):  # such blocks are left out below
        greatest = (magnitudes[-1] * powers).astype(np.float32)
    blocks[..., 0] = greatest.view(np.uint32)[:, np.newaxis]
    blocks[..., 1::2] |= np.uint32(0x80000000)
    x = blocks.reshape(-1, f.size).view(np.float32)
    return x[np.isfinite(x).all(axis=1)]


def random_blocks(f: BlockFormat, count: int) -> Floats:
    """Return random blocks of one magnitude each, over the whole range."""
    rng = np.random.default_rng(1)
    powers = np.exp2(rng.integers(-140, 126, (count, 1)).astype(np.float64))
    return (rng.standard_normal((count, f.size)) * powers).astype(np.float32)


def scales_of(f: BlockFormat, rule: str, x: Floats) -> Any:
    """Return the codes of scales by their definitions, of finite blocks under torchao's rules."""
    format = f.rule.element.format
    bits = np.abs(x).max(axis=1).view(np.uint32).astype(np.int64)
    exponent, fraction = bits >> 23, bits & 0x7FFFFF
    if rule == "ceil":
        exponent = exponent + (fraction != 0)
    elif rule == "even":
        exponent = (bits + (1 << (22 - format.trailing_bits))) >> 23
    e = exponent - 127 - format.emax
    if rule == "rceil":
        greatest = greatest_of(f)
        amax = np.abs(x).max(axis=1).astype(np.float64)
        e = np.where(amax > np.ldexp(greatest, e), e + 1, e)
    codes = np.where(e > 127, 255, np.maximum(e, -127) + 127)
    return np.where((rule == "even") & (exponent == 255), 255, codes)


def compare_nvfp4(blocks: int) -> int:
    """Compare NVFP4; print a line for each preset, and return the differences of exact ones."""
    wholes = (1.0, 0.75, 1.0 / 3.0, 1.0 + 2.0**-23, 0.9, 2.0**-50, 1.1 * 2.0**40)
    boundary = [tensor_on_boundaries(whole) for whole in wholes]
    wrong = 0
    for preset in (*EXACT, "torchao", "transformer_engine", "universal", "triton"):
        f, rng, started = get_block_format("nvfp4", preset=preset), np.random.default_rng(2), now()
        random = [rng.standard_normal((4500, 16)).astype(np.float32) for _ in range(7)]
        counts = []
        for tensors in (boundary, random):
            differences = sum(differing(f, x) for x in tensors)
            numbers = sum(x.size if tensors is random else 49 * 126 // 7 for x in tensors)
            counts.append(f"{differences:,} of {numbers:,}")
            wrong += differences if preset in EXACT else 0
        print(f"nvfp4 {preset:<19} on boundaries {counts[0]}, random {counts[1]} elements differ")
        if preset in EXACT:
            several = -(-blocks // 10_000)
            differences = sum(differing(f, random_tensor(rng)) for _ in range(several))
            wrong += differences
            print(f"{'':<25} {several * 160_000:,} numbers of {several} tensors,", end=" ")
            print(f"{differences:,} differences, {now() - started:.0f} s")
    return wrong


def random_tensor(rng: np.random.Generator) -> Floats:
    """Return 10,000 random blocks of some magnitudes, in a tensor of one magnitude."""
    powers = rng.integers(-60, 60) + rng.integers(-12, 3, (10_000, 1))
    return (rng.standard_normal((10_000, 16)) * np.exp2(powers * 1.0)).astype(np.float32)


def tensor_on_boundaries(whole: float) -> Floats:
    """Return a tensor whose scale is about ``whole``: each boundary times each scale, in blocks."""
    scales = values_of_format(E4M3)[1:127]
    gamax = np.float32(2688 * whole)
    tensor_scale = float(np.float32(gamax / np.float32(2688)))
    x = np.zeros((len(scales) + 1, 16), np.float32)
    x[0, 0] = gamax
    x[1:, 0] = 6 * scales * tensor_scale
    x[1:, 1:8] = E2M1_BOUNDARIES * scales[:, np.newaxis] * tensor_scale
    return x


def differing(f: BlockFormat, x: Floats) -> int:
    """Return the number of codes that are not those of exact quotients."""
    q = f.quantize(x)
    gamax = np.abs(x).max()
    whole = np.float64(np.float32(gamax / np.float32(2688)))
    amax = np.abs(x).max(axis=1).astype(np.float64)
    # A scale goes up where amax exceeds a boundary between scales, times 6 S: exact in binary64.
    scales = values_of_format(E4M3)[:127]
    middles = (scales[1:] + scales[:-1]) / 2 * (6 * whole)
    ties_up = np.arange(126) % 2 == 1
    above = (amax[:, np.newaxis] > middles) | ((amax[:, np.newaxis] == middles) & ties_up)
    codes = above.sum(axis=1)
    products = E2M1_BOUNDARIES * scales[codes][:, np.newaxis] * whole
    magnitudes = np.abs(x).astype(np.float64)[..., np.newaxis]
    limits = products[:, np.newaxis, :]
    up_at_ties = ~EVEN_BELOW | (f.preset == "microxcaling")
    up = (magnitudes > limits) | ((magnitudes == limits) & up_at_ties)
    expected = np.where(codes[:, np.newaxis] == 0, 0, up.sum(axis=-1)) + 8 * np.signbit(x)
    if f.preset not in EXACT:
        # Where a preset has another scale, its elements are of other quotients.
        same = q.scales[:, 0] == codes
        return int((q.elements != expected)[same].sum())
    return int((q.elements != expected).sum() + (q.scales[:, 0] != codes).sum())


if __name__ == "__main__":
    sys.exit(main())
