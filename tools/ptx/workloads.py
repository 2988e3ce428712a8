"""Print digests of the results of kernels, by name: ``python -m ptx.workloads DEVICE [--all]``.

With NUMBA_ENABLE_CUDASIM=1 the device cuda is numba's simulator, which must be enabled before
numba is imported; this is why this is a separate program. Without --all, the doctor's trainings,
and layers and optimizers whose launches others have, too, are left out. ``tools/simulate_cuda``
runs all.
"""

import hashlib
import json
import sys
from functools import partial

import numpy as np

from layer_cases import CASES, Case, weighted
from numlean import (
    Flags,
    Options,
    Task,
    Tensor,
    get_block_format,
    get_matrix_unit,
    get_scalar,
    instantiate,
    losses,
    ops,
    precision,
    state_digest,
)
from numlean.autograd import value_and_gradient
from numlean.autograd.indices import INDEX
from numlean.data import Dataset
from numlean.nn import Conv2d, Dropout, Flatten, Linear, MaxPool2d, ReLU, Sequential, Tanh
from numlean.optim import adam, adamw, clip_by_norm, clip_by_value, sgd
from numlean.scalar.elementary import ARITIES
from numlean.scalar.registry import scalar_on
from numlean.training import TrainConfig, run_steps
from numlean.verification import doctor

RNG = np.random.default_rng(11)
STOCHASTIC = "bfloat16@round=stochastic,seed=4"
LONG = "ieee:e11m23"
"""A format with a narrow significand that is stored in 64 bits."""
DTYPES = ("float32", "float64", "ieee32exec", "e4m3", STOCHASTIC)
TRAINED = ("float32", "ieee32exec", STOCHASTIC)
BACKENDS = ("eager", "compiled")
RULES = (
    *("exact", "ordered(float32)", "fma(float32)", "pairwise(float32)"),
    "blocked(bfloat16, 2, float32)",
)
UNITS = (
    *("A100:fp16->fp16,promote_every=16,split_k=2", "A100:tf32,k_block=9", "H100:e4m3:mma"),
    *("A100:fp64", "MI100:fp16", "MI250:bf16:mfma_1k", "MI300:xf32", "MI300:e4m3fnuz"),
)
"""Matrix units with each kind of rule, operands and results."""
BLOCKS = (
    *("mxfp8_e4m3", "mxfp8_e5m2,scale_rule=even,preset=ocp", "mxfp4,preset=transformer_engine"),
    *("mxint8,preset=microxcaling", "mxfp6_e2m3,scale_rule=ceil,rounding=to_odd"),
    *("mxfp4,rounding=stochastic", "nvfp4", "nvfp4,preset=transformer_engine"),
    *("nvfp4,preset=torchao,rounding=stochastic", "nvfp4,preset=universal", "nvfp4,preset=triton"),
    *("nvfp4,preset=microxcaling", "nvfp4,scale_rounding=toward_zero,rounding=stochastic"),
)
"""Block formats with each rule of scales, each quantizer, and each way to round elements."""
LAYERS = (
    *("Conv2d in groups", "MaxPool2d with padding", "Dropout", "BatchNorm over images", "GRU"),
    *("SmoothMaxPool2d", "Embedding", "PositionalEmbedding", "causal MultiHeadAttention"),
)
"""Layers that launch, together, all loops that layers launch."""
OPTIMIZERS = (
    sgd(0.1, 0.9, nesterov=True, weight_decay=0.1),
    adam(0.1),
    adamw(0.1),
    clip_by_norm(adam(0.1), 0.5),
    clip_by_value(sgd(0.1, 0.9), 0.1),
)
X = np.array([0.75, -1.5, 0.0, np.inf, np.nan, 0.3, 2.5])
Y = np.array([1.25, 0.1, -0.0, -2.0, 1.0, np.inf, -0.6])
TALL = RNG.normal(size=(5, 3))
TALL[1, 1], TALL[2, 2], TALL[2, 0], TALL[4, 2] = np.nan, np.inf, -np.inf, np.inf
A, B, C = RNG.normal(size=(3, 5)), RNG.normal(size=(5, 4)), RNG.normal(size=(2, 5, 3))
UNARY = ("neg", "abs", "sqrt", "logb", "next_up", "next_down", "round_to_integral", "classify")
BINARY = ("add", "sub", "mul", "div", "rem", "copy_sign", "minimum", "maximum", "min_num")
PREDICATES = ("max_num", "compare", "eq", "lt", "le", "total_order")


def functions(s):
    operands = s.from_float(X), s.from_float(Y)
    for name, arity in ARITIES.items():
        yield name, getattr(s, name)(*operands[:arity])


def elementwise(s):
    x, y = s.from_float(X), s.from_float(Y)
    for name in UNARY:
        yield name, getattr(s, name)(x)
    for name in (*BINARY, *PREDICATES):
        yield name, getattr(s, name)(x, y)
    yield "add to one number", s.add(x, s.from_float([0.1]))
    yield "sub from one number", s.sub(s.from_float(0.1), x)
    yield "fma", s.fma(x, y, x)
    yield "scaleb", s.scaleb(x, np.arange(-3, 4))


def conversions(s):
    x = s.from_float(X)
    yield "to_float", s.to_float(x)
    yield "from_int", s.from_int(np.array([1, -7, 2**40 + 1]))
    yield "from_bits", s.from_bits(s.to_bits(x))
    yield "from_string", s.from_string(["0.1", "-3"])
    for source in (scalar_on(name, s.device) for name in ("float64", "e4m3")):
        yield f"cast from {source.name}", s.cast_from(source, source.from_float(X))
        if s.storage_dtype.kind != "f":  # of hardware floats it is a kernel of the emulation
            choices = {"rounding": "toward_zero", "overflow": "saturate"}
            z = s.cast_from(source, source.from_float(X), **choices)
            yield f"cast from {source.name} toward zero", z
    for rounding in ("toward_zero", "ties_to_even"):
        yield f"to_int {rounding}", s.to_int(x, rounding, saturate=True)


def reductions(s):
    a, b, c = map(s.from_float, (A, B, C))
    for contraction in ("separate", "fma"):
        yield f"matmul {contraction}", s.matmul(a, b, contraction=contraction)
        yield f"bmm {contraction}", s.bmm(c.transpose(0, 2, 1), c, contraction=contraction)
        # Of several tiles, the last of them not full, with sums that become NaNs.
        tall, broad = s.from_float(TALL), s.from_float(TALL.T)
        yield f"matmul {contraction} of tiles", s.matmul(tall, broad, contraction=contraction)
    yield "matmul of nothing", s.matmul(a[:, :0], b[:0])
    for reduction in ("ordered", "pairwise"):
        yield f"sum {reduction}", s.sum(c, 1, reduction=reduction)
        yield f"sum {reduction} of all", s.sum(c, reduction=reduction)
    yield "max", s.max(c, 1)
    yield "argmax", s.argmax(c, 2)


def exact_products(s):
    """Multiply numbers of one format and of two, with and without addends."""
    c, tall = s.from_float(C), s.from_float(TALL)
    low = scalar_on("e4m3", s.device)
    others = low, low.from_float(C), low, low.from_float(C[0, 0])
    yield "exact with specials", s.exact_product(s, tall, s, tall.T)
    yield "exact batches with addends", s.exact_product(s, c.transpose(0, 2, 1), *others)


def contracted(s):
    """Multiply by every rule for the sums, in float32."""
    a, b = Tensor.of(s, A), Tensor.of(s, B)
    for text in RULES:
        rule = precision.accumulation_named(text, lambda name: scalar_on(name, s.device))
        yield text, precision.contract(a, b, precision.Contraction.of(s, rule)).data


def by_units(device, names=UNITS):
    """Multiply finite numbers and others by matrix units."""
    rng = np.random.default_rng(8)
    for name in names:
        unit = get_matrix_unit(name)
        given, output = unit.unit.left.format, unit.unit.output
        a, b = (rng.integers(0, 1 << given.width, n, np.uint64) for n in ((2, 37), (37, 3)))
        a[0], b[:, 0] = given.one + a[0] % 7, given.one + b[:, 0] % 9
        c = rng.integers(0, output.one, (2, 3))
        yield f"unit {name}", unit.matmul(a, b, c, device=device)


def by_blocks(device, names=BLOCKS):
    """Bring numbers of many magnitudes, zeros, infinities and NaNs into block formats."""
    rng = np.random.default_rng(6)
    x = (rng.normal(size=(5, 37)) * 2.0 ** rng.integers(-6, 7, (5, 1))).astype(np.float32)
    x[1, :20], x[2, 3], x[3, 20], x[4] = 0.0, np.inf, np.nan, x[4] * 1e-38
    for name in names:
        q = get_block_format(name, size=16, device=device).quantize(x)
        yield (
            f"block format {name}",
            np.concatenate(
                [
                    q.elements.reshape(-1),
                    q.scales.reshape(-1),
                    q.tensor_scale.reshape(1).view(np.uint8),
                ]
            ),
        )


def movement(s):
    a, c = s.from_float(A), s.from_float(C)
    index = np.array([[2, 0, -1], [1, 1, 2]])
    yield "copy of a transpose", s.copy(c.transpose(2, 0, 1))
    folded = s.from_float(np.arange(64.0)).reshape(2, 2, 2, 2, 2, 2)
    yield "copy with many axes", s.copy(folded.transpose(5, 0, 4, 1, 3, 2))
    yield "concat", s.concat([a, a[:, 1:3]], 1)
    yield "pad", s.pad(a[:2, :2], (4, 4), (slice(1, 3), slice(0, 4, 2)))
    yield "take", s.take(a, index)
    yield "take rows", s.take(a, index, row_axes=1)
    yield "take_along_axis", s.take_along_axis(a, np.array([4, -1, 0]))
    yield "scatter_along_axis", s.scatter_along_axis(a[:, 0], np.array([1, 0, 2]), 3)
    yield "where", s.where(A > 0, a)
    yield "where of two", s.where(A > 0, a, s.neg(a))
    yield "scatter_add", s.scatter_add(a[:2, :3], index, (3,))
    yield "scatter_add rows", s.scatter_add(c[:, :3], index, (3, 3))


def counted(s):
    x, y = s.from_float(X), s.from_float(Y)
    for name, operands in {"mul": (x, y), "sqrt": (x,), "fma": (x, y, x)}.items():
        flags = Flags()
        yield f"{name} with flags", getattr(s, name)(*operands, flags=flags)
        yield f"flags of {name}", np.array(list(flags.as_dict().values()))


def replayed(s):
    """Replay a program of kernels, moves and a host call; some arrays are the host's."""
    operations = []
    recorder = s.with_recorder(operations)
    ours, theirs, place = s.from_float(A), np.array(s.from_float(-A)), np.array(s.from_float(A))
    draws = iter((A, 2 * A, 3 * A))
    z = recorder.add(recorder.mul(ours, theirs), recorder.from_host_callback(lambda: next(draws)))
    recorder.copy_into(z, place)
    total = recorder.sum(recorder.copy(place.T), 1)
    run = s.compile(operations)
    for _ in range(2):
        run()
        yield "a program's result", total.copy()
        theirs[...] = s.from_float(0.5 * A)


def with_gradients(program, tensors):
    value, gradients = value_and_gradient(program, tensors)
    return np.concatenate([x.scalar.to_bits(x.data).reshape(-1) for x in (value, *gradients)])


def layers(s, names=tuple(CASES)):
    for name in names:
        layer, shape = CASES[name]
        case = Case(layer, shape)
        yield name, with_gradients(partial(weighted, case.program), case.tensors(s))


def all_losses(s):
    p, target = np.random.default_rng(5).uniform(0.1, 0.9, (2, 2, 3)), np.array([1, 2])
    named = ("mse", "bce", "bce_with_logits", "cross_entropy_one_hot", "nll_one_hot")
    for name in (*named, "cross_entropy"):
        loss = getattr(losses, name)()
        y = Tensor(INDEX, target) if loss.takes_labels else Tensor.of(s, p[1])
        yield name, with_gradients(lambda x, of=loss, y=y: of(x[0], y), [Tensor.of(s, p[0])])


def optimized(dtype, device, backend, optimizer):
    runner = instantiate(
        Task.regression(Linear(2, 1)), get_scalar(dtype, device), Options(backend=backend)
    )
    data = Dataset.of_arrays(A[:2, :2], A[:2, 2:3])
    run_steps(runner, TrainConfig(2, 2, optimizer), data)
    return state_digest(runner.named_parameters)


def trained(dtype, device, backend):
    model = (Conv2d(1, 2, 2), ReLU(), MaxPool2d(2), Flatten(), Dropout(0.25), Linear(2, 3), Tanh())
    task = Task.regression(Sequential(*model))
    rng = np.random.default_rng(3)
    data = Dataset.of_arrays(rng.normal(size=(3, 1, 3, 3)), rng.normal(size=(3, 3)))
    runner = instantiate(task, get_scalar(dtype, device), Options(backend=backend))
    each = []
    config = TrainConfig(3, 2, sgd(0.1, 0.9))
    run_steps(runner, config, data, on_step=lambda _, loss: each.append(("loss", loss)))
    return state_digest([*runner.named_parameters, *each])


def mixed(device, backend):
    """Take a step through products of bfloat16 numbers that are added in float32."""
    low, high = (get_scalar(name, device) for name in ("bfloat16", "float32"))
    rule = precision.LayerPrecision.of(low, precision.Ordered(high))

    class Mixed(Linear):
        def __call__(self, parameters, x, context):
            operands = [ops.cast(each, low) for each in (x, *parameters)]
            return ops.cast(precision.linear(*operands, rule), high)

    runner = instantiate(Task.regression(Mixed(2, 1)), high, Options(backend=backend))
    data = Dataset.of_arrays(A[:2, :2], A[:2, 2:3])
    run_steps(runner, TrainConfig(2, 2, sgd(0.1)), data)
    return state_digest(runner.named_parameters)


def workloads_of(dtype, layer_names):
    """Return the functions that yield the names and results of a Scalar."""
    parts = [reductions, exact_products, movement, replayed, elementwise, conversions, functions]
    if dtype == "ieee32exec":
        parts.append(counted)
    if dtype == "float32":
        parts += [partial(layers, names=layer_names), all_losses]
    return parts


def digests(device, every=False):
    """Return the digests of all results on a device: of all workloads, or of a selection."""
    found = {}
    for dtype in DTYPES:
        for part in workloads_of(dtype, tuple(CASES) if every else LAYERS):
            for name, z in part(get_scalar(dtype, device).with_reset_stream()):
                content = f"{z.shape} {z.dtype}".encode() + np.ascontiguousarray(z).tobytes()
                found[f"{dtype}: {name} ({len(found)})"] = hashlib.sha256(content).hexdigest()[:16]
    for name, z in reductions(get_scalar(LONG, device)):
        found[f"{LONG}: {name}"] = hashlib.sha256(np.ascontiguousarray(z)).hexdigest()[:16]
    for name, z in contracted(get_scalar("bfloat16", device)):
        found[f"contraction {name}"] = hashlib.sha256(z).hexdigest()[:16]
    found |= {name: hashlib.sha256(z).hexdigest()[:16] for name, z in by_units(device)}
    found |= {name: hashlib.sha256(z).hexdigest()[:16] for name, z in by_blocks(device)}
    for k, optimizer in enumerate(OPTIMIZERS):
        for backend in BACKENDS if every else (BACKENDS[k % 2],):
            found[f"{optimizer} {backend}"] = optimized("float32", device, backend, optimizer)
    for backend in BACKENDS:
        found[f"mixed {backend}"] = mixed(device, backend)
    for k, dtype in enumerate(TRAINED):
        for backend in BACKENDS if every else (BACKENDS[1 - k % 2],):
            found[f"{dtype}: trained {backend}"] = trained(dtype, device, backend)
    return found


def main(device, every=False):
    """Print the digests of the doctor, if every one is asked for, and those of the workloads."""
    several = doctor.digests(device) if every else {}
    checked = {part: sorted(found) for part, found in several.items()}
    print(json.dumps([checked, digests(device, every)]))


if __name__ == "__main__":
    main(sys.argv[1], "--all" in sys.argv[2:])
