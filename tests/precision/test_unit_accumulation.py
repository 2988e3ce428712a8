"""Products by matrix units in policies, next to steps that call a unit's own dot product."""

import re
from dataclasses import replace

import ml_dtypes
import numpy as np
import pytest

import numlean as nl
from layer_cases import weighted
from numlean import Options, Task, Tensor, instantiate, nn, stepper
from numlean.autograd import value_and_gradient
from numlean.data import Batch
from numlean.errors import NumleanError, UnavailableError
from numlean.nn.layer import Context, Mode
from numlean.optim import sgd
from numlean.precision import (
    Contraction,
    Unit,
    accumulation_named,
    contract,
    format_policy,
    parse_policy,
)
from numlean.precision.matrix_units import get_matrix_unit
from numlean.precision.matrix_units.choice import UnitChoice
from numlean.precision.policy_text import policy_from_plain, policy_to_plain
from numlean.precision.resolved import resolve_policy
from numlean.scalar.protocol import Numbers
from numlean.scalar.wrappers.counting import CountingScalar
from numlean_kernels.matrix_units.chips import OPERANDS
from recipes_numpy import E4M3, E5M2, F32, Blocks, CurrentTensor, Delayed, Recipe, Unscaled, bits

F16, BF16 = np.float16, ml_dtypes.bfloat16
FNUZ = (ml_dtypes.float8_e4m3fnuz, F32(240)), (ml_dtypes.float8_e5m2fnuz, F32(57344))
NAMES = {
    F16: "fp16",
    BF16: "bf16",
    F32: "tf32",
    E4M3[0]: "e4m3",
    E5M2[0]: "e5m2",
    FNUZ[0][0]: "e4m3fnuz",
    FNUZ[1][0]: "e5m2fnuz",
}
SAMPLES, HIDDEN, OUTPUTS, STEPS = 3, 3, 2, 2
RNG = np.random.default_rng(31)


def python(dtype):
    return nl.get_scalar(dtype, "python")


class UnitSums:
    """The dot product of a unit for each element; gradients may have other units."""

    def __init__(self, forward, by_input=None, by_weight=None):
        by_input = by_input or forward
        self.units = {"xw": forward, "gw": by_input, "gx": by_weight or by_input}

    def __call__(self, a, b, kinds, names):
        unit = get_matrix_unit(self.units["".join(name[0] for name in names)])
        types = [kind[0] if isinstance(kind, tuple) else kind for kind in kinds]
        left, right = (OPERANDS[NAMES[each]] for each in types)
        unit = replace(unit, unit=replace(unit.unit, left=left, right=right))
        words = {1: np.uint8, 2: np.uint16, 4: np.uint32}
        a, b = (
            np.ascontiguousarray(x.astype(each)).view(words[np.dtype(each).itemsize])
            for x, each in zip((a, b), types, strict=True)
        )
        zeros = np.zeros((len(a), len(b)), np.uint16 if unit.output == "fp16" else np.uint32)
        z = unit.dot(a[:, np.newaxis], b[np.newaxis], zeros, device="python")
        return z.view(F16 if unit.output == "fp16" else F32).astype(F32)


def plain(kind, *units):
    return Recipe(Unscaled(UnitSums(*units)), kind, kind, kind, kind)


WGMMA = "H100:e4m3:wgmma"
RECIPES = {
    "fp16-amp,accumulate=unit(V100:fp16)": plain(F16, "V100:fp16"),
    "fp16-amp,accumulate=unit(H100->fp16)": plain(F16, "H100:fp16->fp16"),
    "bf16-mixed,accumulate=unit(A100),weight_gradient.accumulate=unit(A100, promote_every=2)": (
        plain(BF16, "A100:bf16", "A100:bf16", "A100:bf16,promote_every=2")
    ),
    "bf16-mixed,accumulate=unit(A100),forward.accumulate=unit(A100, k_block=11, split_k=2)": (
        plain(BF16, "A100:bf16,k_block=11,split_k=2", "A100:bf16")
    ),
    "tf32,accumulate=unit(A100)": plain(F32, "A100:tf32"),
    "fp8-current,accumulate=unit(H100)": Recipe(
        CurrentTensor(UnitSums(WGMMA, f"{WGMMA},promote_every=128")), E4M3, E5M2
    ),
    "fp8-current,operands=e4m3fnuz,gradient_operands=e5m2fnuz,accumulate=unit(MI300)": Recipe(
        CurrentTensor(UnitSums("MI300:e4m3fnuz")), *FNUZ
    ),
    "fp8-delayed,accumulate=unit(H100:mma)": Recipe(Delayed(UnitSums("H100:e4m3:mma")), E4M3, E5M2),
    "deepseek-v3,accumulate=unit(H100)": Recipe(Blocks(UnitSums(WGMMA)), E4M3, E4M3),
}


@pytest.mark.parametrize("text", RECIPES)
def test_steps_by_a_policy_with_a_unit_have_the_bits_of_its_dot_products(text):
    inputs = 131 if "deepseek" in text else 37  # of more than one block
    model = nn.Sequential(nn.Linear(inputs, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, OUTPUTS))
    policy, rng = parse_policy(f"{text},loss_scaling=none"), np.random.default_rng(7)
    runner = instantiate(Task.regression(model), policy, Options(device="python"))
    training, recipe = stepper(runner, sgd(0.0625)), RECIPES[text]
    parameters = [p.numpy().astype(F32) for p in runner.params[:4]]
    for _ in range(STEPS):
        x = rng.standard_normal((SAMPLES, inputs)) * 2.0 ** rng.integers(-9, 1, (SAMPLES, 1))
        x, target = x.astype(F32), rng.standard_normal((SAMPLES, OUTPUTS)).astype(F32)
        loss, gradients = recipe.step(x, target, parameters)
        parameters = [p - g * F32(0.0625) for p, g in zip(parameters, gradients, strict=True)]
        assert bits([training.step(Batch(x, target)).numpy()]) == bits([loss])
        assert bits(p.numpy() for p in runner.params[:4]) == bits(parameters)
    assert np.isfinite(parameters[0]).all()


LAYERS = [
    (nn.Linear(5, 3), (2, 5)),
    (nn.Conv2d(2, 4, (3, 2), stride=(2, 1), padding=(0, 1), groups=2), (2, 2, 4, 3)),
    (nn.MultiHeadAttention(4, 2), (2, 3, 4)),
    (nn.LSTM(3, 2), (2, 3, 3)),
]


@pytest.mark.parametrize(("layer", "shape"), LAYERS, ids=lambda x: type(x).__name__)
def test_every_product_of_a_layer_is_the_unit_s(layer, shape):
    """A unit that is a chain of fma has the bits of the accumulation ``fma(float32)``."""
    found = set()
    x, weights = RNG.standard_normal(shape), None
    for rule in ("fma(float32)", "unit(MI300:fp32)"):
        model = nn.Sequential(layer)
        weights = weights or [RNG.standard_normal(p.shape) for p in model.parameters]
        policy = parse_policy(f"bf16-mixed,accumulate={rule}")
        runner = instantiate(
            Task.regression(model), policy, Options(device="python"), initial=weights
        )
        precision, specs = runner.precision, model.parameters
        context = Context(Mode.TRAIN, arithmetics=precision.layers)

        def program(tensors, precision=precision, specs=specs, model=model, context=context):
            return model(precision.copies(specs, tensors[:-1]), tensors[-1], context)

        tensors = [*runner.params, Tensor.of(python("bfloat16"), x)]
        z = program(tensors)
        _, gradients = value_and_gradient(lambda watched: weighted(program, watched), tensors)
        found.add(tuple(t.data.tobytes() for t in (z, *gradients)))
    assert len(found) == 1


def trained(text, backend):
    """Return the digest of the parameters after three steps."""
    rng = np.random.default_rng(4)
    batch = Batch(rng.standard_normal((3, 40)), rng.standard_normal((3, 2)))
    task = Task.regression(nn.Sequential(nn.Linear(40, 2)))
    options = Options(backend=backend, device="python", seed=1)
    runner = instantiate(task, parse_policy(text), options)
    training = stepper(runner, sgd(0.1))
    losses = [training.step(batch).item() for _ in range(3)]
    assert np.isfinite(losses).all()
    return nl.state_digest(runner.named_parameters)


@pytest.mark.parametrize(
    "text",
    [
        "uniform(float32),operands=binary16,accumulate=unit(V100:fp16)",
        "fp8-current,accumulate=unit(H100)",
    ],
)
def test_a_step_by_a_unit_has_the_same_bits_eager_and_compiled(text):
    ordered = parse_policy(text).with_fields({"accumulate": "ordered(float32)"})
    digest = trained(text, "eager")
    assert digest == trained(text, "compiled")
    assert digest != trained(format_policy(ordered), "eager")


def test_a_contraction_by_a_unit_has_the_bits_of_the_interpreter_on_the_processor():
    values, found = [RNG.standard_normal(shape) for shape in ((2, 20), (20, 3))], set()
    for device in ("python", "cpu"):
        half, f32 = (nl.get_scalar(dtype, device) for dtype in ("binary16", "float32"))
        rule = Unit.of(UnitChoice.parse("V100:fp16"), lambda _, f32=f32: f32, (half, half))
        a, b = (half.from_bits(x.astype(F16).view(np.uint16)) for x in values)
        found.add(Contraction(half, half, rule, f32).product(half, a, b).tobytes())
    assert len(found) == 1


def test_fp8_gradients_of_a_chip_alone_promote_its_accumulator_every_128_terms():
    def sums(text):
        policy = parse_policy(text)
        products = policy.forward, policy.input_gradient, policy.weight_gradient
        assert parse_policy(format_policy(policy)) == policy
        assert policy_from_plain(policy_to_plain(policy)) == policy
        assert {p.accumulate for p in products} == {text.partition("accumulate=")[2]}
        return [policy.to_fields()[f"{name}.accumulate"] for name in GRADIENTS]

    assert sums("fp8-current,accumulate=unit(H100)") == ["unit(H100, promote_every=128)"] * 2
    assert sums("deepseek-v3,accumulate=unit(H200)") == ["unit(H200, promote_every=128)"] * 2
    for unit in ("unit(H100:wgmma)", "unit(H100, promote_every=64)", "unit(Ada)", "unit(B200:mma)"):
        assert sums(f"fp8-current,accumulate={unit}") == [unit] * 2
    assert sums("fp16-amp,accumulate=unit(H100)") == ["unit(H100)"] * 2
    text = "fp8-current,accumulate=unit(H100)"
    assert format_policy(parse_policy(text)) == text


GRADIENTS = "input_gradient", "weight_gradient"


def test_a_policy_lists_its_units_those_of_exceptions_too():
    policy = parse_policy(
        "bf16-mixed,forward.accumulate=unit(A100),except.last=(tf32,accumulate=exact)"
    )
    assert {field: str(unit) for field, unit in policy.units.items()} == {
        "forward.accumulate": "A100"
    }
    policy = parse_policy("bf16-mixed,except.last=(tf32,forward.accumulate=unit(A100))")
    assert list(policy.units) == ["except.last.forward.accumulate"]
    assert parse_policy("fp8-current").units == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "fp16-amp,accumulate=unit(A100:bf16)",
            "forward.accumulate: unit(A100:bf16) needs operands",
        ),
        (
            "bf16-mixed,accumulate=unit(V100)",
            "forward.accumulate: unit(V100) multiplies operands in",
        ),
        ("tf32,operands=mp:24,accumulate=unit(A100)", "not a dtype without encodings"),
        (
            "fp8-current,input_gradient.accumulate=unit(A100)",
            "input_gradient.accumulate: unit(A100)",
        ),
        ("deepseek-v3,accumulate=unit(H100, split_k=2)", "does not add up such blocks"),
    ],
)
def test_a_unit_that_does_not_fit_a_product_is_refused_by_the_name_of_the_field(text, message):
    with pytest.raises(NumleanError, match=f"policy field .*{re.escape(message)}") as caught:
        resolve_policy(parse_policy(text), python)
    assert "\n" not in str(caught.value)


def test_products_of_a_unit_keep_no_flags():
    counted = CountingScalar(python("ieee32exec"))
    x, unit = counted.from_float([[1.0]]), get_matrix_unit("A100:tf32").unit
    with pytest.raises(UnavailableError, match="unit_product of ieee32exec keeps no flags"):
        counted.unit_product(counted, x, counted, x, unit=unit)


def test_a_contraction_widens_operands_and_adds_the_addend_after_the_chain():
    e4m3, f32 = python("e4m3"), python("float32")
    rule = accumulation_named("unit(A100:fp16)", python)
    assert isinstance(rule, Unit)
    a, b = (Tensor.of(f32, RNG.standard_normal(shape)) for shape in ((2, 20), (20, 3)))
    z = contract(a, b, Contraction(e4m3, e4m3, rule, f32))
    values = (x.to_float().astype(ml_dtypes.float8_e4m3fn) for x in (a, b))
    codes = [x.astype(F16).view(np.uint16) for x in values]
    expected = get_matrix_unit("A100:fp16").matmul(*codes, device="python")
    assert z.scalar.to_bits(z.data).tolist() == expected.tolist()
    addend = f32.from_float([0.1, 1e9, -3.0])
    operands = (Numbers(e4m3, e4m3.cast_from(f32, x.data)) for x in (a, b))
    sums = rule.product(*operands, Numbers(f32, addend), f32)
    assert sums.tobytes() == f32.add(z.data, np.broadcast_to(addend, (2, 3))).tobytes()


def test_a_rule_made_for_other_operands_is_refused():
    half, f32, f64, tf32 = map(python, ("binary16", "float32", "float64", "tf32"))
    rule = accumulation_named("unit(A100)", python, (half, half))
    for operand in (f64, tf32):
        with pytest.raises(NumleanError, match=f"made for other operands than {operand.name}"):
            Contraction(operand, operand, rule, f32)
    rule = accumulation_named("unit(A100)", python, (tf32, tf32))
    assert Contraction(tf32, tf32, rule, f32).unit_name == "A100:tf32"
    assert Contraction(half, half, rule, f32).unit_name == "A100:fp16"
