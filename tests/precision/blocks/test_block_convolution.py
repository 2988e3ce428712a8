"""A convolution of operands in blocks with exact sums, against exact rationals."""

from fractions import Fraction

import numpy as np

import numlean as nl
from layer_cases import weighted
from numlean import Options, Task, Tensor, instantiate, nn
from numlean.autograd import value_and_gradient
from numlean.nn.layer import Context, Mode

F32 = np.float32
SIDE, KERNEL = 3, 2
PLACES = SIDE - KERNEL + 1
LOW = nl.get_scalar("bfloat16", "python")
BLOCKS = nl.get_block_format(
    "mxfp8_e4m3", scale_rule="rceil", preset="transformer_engine", device="python"
)


def narrow(x):
    """Return numbers rounded to bfloat16 once; fractions are sums of few bits."""
    return LOW.to_float(LOW.from_float(np.asarray(x, float)))


def exact(a, b):
    """Return the exact products of quantised operands (n, k) and (m, k), as fractions."""
    left, right = BLOCKS.quantize(a.astype(F32)), BLOCKS.quantize(b.astype(F32))
    z = np.empty((len(a), len(b)), object)
    for i, j in np.ndindex(z.shape):
        pairs = zip(left.dequantize()[i].tolist(), right.dequantize()[j].tolist(), strict=True)
        z[i, j] = sum((Fraction(u) * Fraction(v) for u, v in pairs), Fraction(0))
    return z


def windows(x):
    """Return the parts of an image (SIDE, SIDE) that the kernel covers, (kernel, places)."""
    rows = [
        x[i : i + PLACES, j : j + PLACES].reshape(-1) for i in range(KERNEL) for j in range(KERNEL)
    ]
    return np.array(rows)


def computed(x, initial):
    """Return the output and the gradients of weight, bias and input of an image."""
    model = nn.Sequential(nn.Conv2d(1, 2, KERNEL))
    policy = nl.policies.get("mxfp8", accumulate="exact")
    runner = instantiate(Task.regression(model), policy, Options(device="python"), initial=initial)
    precision, specs = runner.precision, model.parameters
    low = next(each for each in precision.everything if each.name == "bfloat16")
    context = Context(Mode.TRAIN, arithmetics=precision.layers)

    def program(tensors):
        return model(precision.copies(specs, tensors[:-1]), tensors[-1], context)

    tensors = [*runner.params, Tensor.of(low, x)]
    _, gradients = value_and_gradient(lambda watched: weighted(program, watched), tensors)
    return [each.numpy() for each in (program(tensors), *gradients)]


def test_a_convolution_in_blocks_has_exact_sums_forward_and_backward():
    rng = np.random.default_rng(9)
    x = narrow(rng.standard_normal((SIDE, SIDE)))
    weight, bias = rng.standard_normal((2, 4)).astype(F32), narrow(rng.standard_normal(2))
    found = computed(x[None, None], [weight.reshape(2, 1, KERNEL, KERNEL).astype(float), bias])
    parts, shape = windows(x), (2, PLACES * PLACES)
    g = narrow(np.linspace(0.3, 1.7, 2 * PLACES**2)).reshape(shape)

    z = exact(weight, parts.T) + np.array([[Fraction(float(each))] for each in bias])
    assert found[0].reshape(shape).tolist() == narrow(z).tolist()
    d_weight = exact(g, parts).astype(float).astype(F32)
    assert found[1].reshape(2, 4).astype(F32).tolist() == d_weight.tolist()
    # The cotangent of a pixel is the sum of those of its places in the windows, in float32.
    d_parts = exact(weight.T, g.T).astype(float).astype(F32)
    d_x = np.zeros((SIDE, SIDE), F32)
    for (i, j), row in zip(np.ndindex(KERNEL, KERNEL), d_parts, strict=True):
        d_x[i : i + PLACES, j : j + PLACES] += row.reshape(PLACES, PLACES)
    assert found[3].reshape(SIDE, SIDE).tolist() == narrow(d_x).tolist()
