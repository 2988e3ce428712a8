"""PyTorch modules become models with the same weights and the same outputs."""

import numpy as np
import pytest

import numlean as nl
from numlean.errors import NumleanError
from numlean.interop.torch import from_torch, to_loss, to_torch

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
tn = torch.nn

RNG = np.random.default_rng(1804)


def seeded(make):
    torch.manual_seed(5)
    return make().double()


IMAGES = (2, 4, 6, 5)
SEQUENCES = (3, 4, 6)
MODULES = {
    "Linear without bias": (lambda: tn.Linear(6, 2, bias=False), SEQUENCES),
    "Conv2d": (lambda: tn.Conv2d(4, 6, (3, 2), (2, 1), 1, (1, 2), 2, bias=False), IMAGES),
    "Conv2d, same": (lambda: tn.Conv2d(4, 2, 3, padding="same", dilation=2), IMAGES),
    "Conv2d, valid": (lambda: tn.Conv2d(4, 2, 3, padding="valid"), IMAGES),
    "MaxPool2d": (lambda: tn.MaxPool2d(2, 1, 1, dilation=2), IMAGES),
    "AvgPool2d": (lambda: tn.AvgPool2d((3, 2), padding=1), IMAGES),
    "BatchNorm2d": (lambda: tn.BatchNorm2d(4, eps=1e-3, momentum=0.2), IMAGES),
    "BatchNorm1d": (lambda: tn.BatchNorm1d(4, affine=False), SEQUENCES),
    "LayerNorm": (lambda: tn.LayerNorm(6, bias=False), SEQUENCES),
    "LayerNorm, plain": (lambda: tn.LayerNorm(6, elementwise_affine=False), SEQUENCES),
    "RMSNorm": (lambda: tn.RMSNorm(6), SEQUENCES),
    "RNN": (lambda: tn.RNN(6, 3, 2, nonlinearity="relu", batch_first=True), SEQUENCES),
    "GRU": (lambda: tn.GRU(6, 3, bidirectional=True, batch_first=True, bias=False), SEQUENCES),
    "LSTM": (lambda: tn.LSTM(6, 3, 3, bidirectional=True, batch_first=True), SEQUENCES),
    "MultiheadAttention": (
        lambda: tn.MultiheadAttention(6, 2, bias=False, batch_first=True),
        SEQUENCES,
    ),
    "nested": (
        lambda: tn.Sequential(
            tn.Identity(),
            tn.Sequential(tn.Conv2d(4, 4, 3, groups=4), tn.BatchNorm2d(4), tn.ReLU(inplace=True)),
            tn.Dropout(0.3),
            tn.Flatten(),
            tn.Linear(48, 6),
            tn.Sequential(tn.Tanh(), tn.Unflatten(1, (2, 3)), tn.GELU(), tn.Softmax(-1)),
        ),
        IMAGES,
    ),
    "activations": (
        lambda: tn.Sequential(
            *(tn.Sigmoid(), tn.SiLU(), tn.Softplus(), tn.GELU("tanh"), tn.LogSoftmax(-1))
        ),
        SEQUENCES,
    ),
}


def warmed_up(module, shape):
    """Return a module whose running statistics are those of a batch."""
    if not isinstance(module, tn.RNNBase | tn.MultiheadAttention):
        module.train()(torch.tensor(RNG.standard_normal(shape)))
    return module.eval()


def their_output(module, x, **options):
    if isinstance(module, tn.MultiheadAttention):
        return module(x, x, x, need_weights=False, **options)[0]
    z = module(x)
    return z[0] if isinstance(z, tuple) else z


@pytest.mark.parametrize("name", MODULES)
def test_a_module_s_model_has_its_outputs_and_gradients(name):
    make, shape = MODULES[name]
    module = warmed_up(seeded(make), shape)
    found = from_torch(module)
    runner = found.runner(nl.losses.mse(reduction=nl.Reduction.SUM), "float64")
    x = RNG.standard_normal(shape)
    theirs = their_output(module, torch.tensor(x))
    assert np.allclose(
        runner.predict(x).to_float(), theirs.detach().numpy(), rtol=1e-12, atol=1e-13
    )
    named = dict(module.named_parameters())
    if not named:
        return
    y = RNG.standard_normal(theirs.shape)
    ((theirs - torch.tensor(y)) ** 2).sum().backward()
    ours = runner.loss_and_gradient(nl.Batch(x, y))[1]
    trained = [spec.name for spec in found.model.parameters if spec.is_trainable]
    assert trained == list(named)
    for own, p in zip(ours, named.values(), strict=True):
        assert np.allclose(own.to_float(), p.grad.numpy(), rtol=1e-10, atol=1e-12)


def test_weights_of_every_dtype_enter_exactly_and_keep_their_names():
    for dtype in (torch.float64, torch.float32, torch.float16, torch.bfloat16):
        module = seeded(lambda: tn.Sequential(tn.Linear(3, 4), tn.Tanh(), tn.Linear(4, 2))).to(
            dtype
        )
        model, weights = from_torch(module)
        assert [spec.name for spec in model.parameters] == list(weights)
        for name, tensor in module.state_dict().items():
            assert np.array_equal(weights[name], tensor.double().numpy())
        task = nl.Task.regression(model)
        for source in (weights, module, module.state_dict()):
            runner = nl.instantiate(task, "mp:60", initial=source)
            for p, q in zip(runner.params, weights.values(), strict=True):
                assert np.array_equal(p.to_float(), q)


def test_an_embedding_and_its_padding_have_pytorch_s_gradient():
    module = seeded(lambda: tn.Embedding(5, 3, padding_idx=2))
    found = from_torch(module)
    assert found.model == nl.nn.Embedding(5, 3, padding_idx=2)
    tokens, y = RNG.integers(0, 5, (4, 6)), RNG.standard_normal((4, 6, 3))
    ((module(torch.tensor(tokens)) - torch.tensor(y)) ** 2).sum().backward()
    runner = found.runner(nl.losses.mse(reduction=nl.Reduction.SUM), "float64")
    (gradient,) = runner.loss_and_gradient(nl.Batch(tokens, y))[1]
    assert np.allclose(gradient.to_float(), module.weight.grad.numpy(), rtol=1e-13, atol=0)


@pytest.mark.parametrize("causal", [False, True])
def test_a_key_padding_mask_is_pytorch_s(causal):
    module = seeded(lambda: tn.MultiheadAttention(6, 3, batch_first=True)).eval()
    model, weights = from_torch(module)
    layer = nl.nn.MultiHeadAttention(6, 3, causal)
    assert model == nl.nn.MultiHeadAttention(6, 3)
    mask = np.array([[False, False, True, True], [False, True, False, False], [False] * 4])
    x = RNG.standard_normal((3, 4, 6))
    later = torch.ones(4, 4, dtype=torch.bool).triu(1) if causal else None
    theirs = their_output(
        module, torch.tensor(x), key_padding_mask=torch.tensor(mask), attn_mask=later
    )
    wide = nl.get_scalar("float64")
    ours = layer(
        [nl.Tensor.of(wide, w) for w in weights.values()],
        nl.Tensor.of(wide, x),
        nl.nn.EVALUATION,
        key_padding_mask=mask,
    )
    assert np.allclose(ours.to_float(), theirs.detach().numpy(), rtol=1e-12, atol=1e-13)


LOSSES = {
    "weights": {"weight": [0.5, 2, 1, 0]},
    "ignored": {"ignore_index": -100},
    "an ignored class": {"ignore_index": 1},
    "smoothing": {"label_smoothing": 0.2},
    "everything": {"weight": [0.5, 2, 1, 3], "ignore_index": -7, "label_smoothing": 0.1},
}


@pytest.mark.parametrize("reduction", nl.Reduction)
@pytest.mark.parametrize("name", LOSSES)
def test_options_of_the_cross_entropy_are_pytorch_s_and_so_are_the_gradients(name, reduction):
    options = LOSSES[name]
    x, labels = RNG.standard_normal((5, 3, 4)), RNG.integers(0, 4, (5, 3))
    labels[RNG.random((5, 3)) < 0.3] = options.get("ignore_index", 0)
    rows = RNG.dirichlet(np.ones(4), (5, 3))
    with_rows = {k: v for k, v in options.items() if k != "ignore_index"}
    weight = torch.tensor(options["weight"]).double() if "weight" in options else None
    for ours, target, given in (
        (nl.losses.cross_entropy(reduction=reduction, **options), labels, options),
        (nl.losses.cross_entropy_one_hot(reduction=reduction, **with_rows), rows, with_rows),
    ):
        module = tn.CrossEntropyLoss(reduction=reduction.value, **{**given, "weight": weight})
        their_x, own_x = (torch.tensor(x, requires_grad=True) for _ in range(2))
        y = torch.tensor(target)
        value = module(their_x.movedim(-1, 1), y if y.ndim == 2 else y.movedim(-1, 1))
        value.backward()
        task = nl.Task(nl.nn.Sequential(nl.nn.Reshape(3, 4)), ours)
        runner = nl.instantiate(task, "float64")
        scalar = runner.scalar
        read = runner.batch(nl.Batch(x, target))[1]
        found, (gradient,) = nl.autograd.value_and_gradient(
            lambda given, ours=ours, read=read: ours(given[0], read), [nl.Tensor.of(scalar, x)]
        )
        assert found.item() == pytest.approx(value.item(), rel=1e-12)
        assert np.allclose(gradient.to_float(), their_x.grad.numpy(), rtol=1e-11, atol=1e-14)
        converted = to_loss(ours)(own_x, torch.tensor(read.data))
        assert converted.item() == pytest.approx(value.item(), rel=1e-13)


def test_options_of_layers_are_converted_both_ways():
    model = nl.nn.Sequential(
        nl.nn.Conv2d(2, 4, 2, 1, 1, 2, 2, bias=False),
        nl.nn.MaxPool2d(2, 1, dilation=2),
        nl.nn.Flatten(),
        nl.nn.Linear(16, 3, bias=False),
    )
    task = nl.Task.regression(model)
    runner = nl.instantiate(task, "float32")
    module, _ = to_torch(task, runner)
    again = from_torch(module)
    for found, given in zip(again.model.layers, model.layers, strict=True):
        assert type(found) is type(given)
        assert getattr(found, "window", None) == getattr(given, "window", None)
    assert again.model.layers[0].groups == 2
    assert [p.name for p in again.model.parameters] == ["0.weight", "3.weight"]
    for p, q in zip(runner.params, again.weights.values(), strict=True):
        assert np.array_equal(p.to_float(), q)


def test_a_crosscheck_starts_from_a_module_s_weights():
    module = seeded(lambda: tn.Sequential(tn.Linear(2, 3), tn.Tanh(), tn.Linear(3, 1))).float()
    model, weights = from_torch(module)
    data = nl.Dataset.of_arrays(RNG.standard_normal((4, 2)), RNG.standard_normal((4, 1)))
    config = nl.TrainConfig(2, 2, nl.sgd(0.1))
    task = nl.Task.regression(model)
    for source in (weights, module):
        found = nl.crosscheck(task, "float32", "mp:24", config=config, data=data, initial=source)
        assert found.identical


def tied():
    module = tn.Sequential(tn.Linear(3, 3), tn.Linear(3, 3))
    module[1].weight = module[0].weight
    return module


class Custom(tn.Module):
    def forward(self, x):
        return x


class Subclass(tn.Linear):
    pass


def hooked():
    module = tn.Linear(2, 2)
    module.register_forward_hook(lambda *given: None)
    return tn.Sequential(module)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: 5, "torch.nn.Module, got int"),
        (Custom, "module Custom: it has no counterpart"),
        (lambda: tn.Sequential(tn.ReLU(), tn.Sequential(tn.ELU())), "module 1.0 ELU: .* supported"),
        (lambda: Subclass(2, 3), "module Subclass"),
        (lambda: tn.Conv2d(1, 1, 3, padding_mode="reflect"), "padding_mode='reflect' .*='zeros'"),
        (lambda: tn.Conv2d(1, 1, 2, padding="same"), "padding='same'"),
        (lambda: tn.MaxPool2d(2, ceil_mode=True), "ceil_mode=True"),
        (lambda: tn.AvgPool2d(2, padding=1, count_include_pad=False), "count_include_pad=False"),
        (lambda: tn.AvgPool2d(2, divisor_override=3), "divisor_override=3"),
        (lambda: tn.BatchNorm2d(2, track_running_stats=False), "track_running_stats=False"),
        (lambda: tn.BatchNorm2d(2, momentum=None), "momentum=None"),
        (lambda: tn.LayerNorm((2, 3)), r"normalized_shape=\(2, 3\)"),
        (lambda: tn.Embedding(4, 2, max_norm=1.0), "max_norm=1.0"),
        (lambda: tn.LSTM(2, 3), "batch_first=False .* batch_first=True"),
        (lambda: tn.LSTM(2, 3, proj_size=2, batch_first=True), "proj_size=2"),
        (lambda: tn.MultiheadAttention(4, 2, dropout=0.1, batch_first=True), "dropout=0.1"),
        (lambda: tn.MultiheadAttention(4, 2, kdim=3, batch_first=True), "kdim=3"),
        (lambda: tn.MultiheadAttention(4, 2, add_bias_kv=True, batch_first=True), "add_bias_kv"),
        (lambda: tn.Softmax(1), "dim=1 .* dim=-1"),
        (lambda: tn.Softplus(beta=2), "beta=2"),
        (lambda: tn.Flatten(0), "start_dim=0"),
        (lambda: tn.Dropout(1.0), "p=1"),
        (lambda: tn.Linear(2, 3).requires_grad_(False), "weight is frozen"),
        (lambda: tn.Linear(2, 3, device="meta"), "no numbers"),
        (tied, "0.weight and 1.weight are one parameter"),
        (hooked, "module 0 Linear: it has hooks"),
        (lambda: tn.utils.parametrizations.weight_norm(tn.Linear(2, 2)), "no counterpart"),
    ],
)
def test_what_numlean_lacks_is_named_in_one_line(make, words):
    with pytest.raises(NumleanError, match=words) as caught:
        from_torch(make())
    assert "\n" not in str(caught.value)


def test_a_batch_norm_keeps_pytorch_s_running_statistics_in_training():
    module = seeded(lambda: tn.Sequential(tn.BatchNorm1d(3, momentum=0.3)))
    runner = from_torch(module).runner(nl.losses.mse(), "float64")
    x = RNG.standard_normal((5, 3))
    module.train()(torch.tensor(x))
    runner.backward(nl.Batch(x, x))
    named = dict(runner.named_parameters)
    for name in ("0.running_mean", "0.running_var"):
        assert np.allclose(named[name].to_float(), module.state_dict()[name].numpy(), rtol=1e-14)
