"""Ready models: they train, with the same bits hardware or emulated, eager or compiled."""

import numpy as np
import pytest

from numlean import Options, Task, TrainConfig, get_scalar, instantiate, losses, nn, state_digest
from numlean.data import Dataset
from numlean.optim import sgd
from numlean.training import BACKENDS, run_steps

RNG = np.random.default_rng(139)
MODELS = nn.models


def classification_case(model, shape, classes=3):
    task = Task(model, losses.cross_entropy())
    return task, RNG.standard_normal((6, *shape)), RNG.integers(0, classes, 6)


def regression_case(model, shape, out):
    return Task.regression(model), RNG.standard_normal((6, *shape)), RNG.standard_normal((6, *out))


def token_case(model, vocabulary=7, time=4):
    tokens = RNG.integers(0, vocabulary, (6, time + 1))
    return Task(model, losses.cross_entropy()), tokens[:, :-1], tokens[:, 1:]


TASKS = {
    "mlp": regression_case(MODELS.mlp((3, 4, 2), activation=nn.Tanh), (3,), (2,)),
    "mlp_classifier": classification_case(MODELS.mlp_classifier((2, 3), (4,), 3), (2, 3)),
    "softmax_regression": classification_case(MODELS.softmax_regression((4,), 3), (4,)),
    "autoencoder": regression_case(MODELS.autoencoder(5, (4,), 2), (5,), (5,)),
    "small_cnn": classification_case(MODELS.small_cnn((4, 4), 3, channels=2), (4, 4)),
    "transformer_block": regression_case(
        MODELS.transformer_block(4, 2, hidden=6, dropout=0.25), (3, 4), (3, 4)
    ),
    "char_transformer": token_case(
        MODELS.char_transformer(7, 4, features=4, heads=2, blocks=1, dropout=0.25)
    ),
    **{
        f"char_rnn, {cell}": token_case(MODELS.char_rnn(7, features=3, hidden=4, cell=cell))
        for cell in ("rnn", "gru", "lstm")
    },
    "batch norm": classification_case(
        nn.Sequential(nn.Conv2d(1, 2, 2), nn.BatchNorm(2), nn.Flatten(), nn.Linear(8, 3)), (1, 3, 3)
    ),
    "pools": classification_case(
        nn.Sequential(
            nn.AvgPool2d(2, stride=1), nn.SmoothMaxPool2d(2), nn.Flatten(), nn.Linear(1, 3)
        ),
        (1, 3, 3),
    ),
    "scan": regression_case(nn.Sequential(nn.GatedScan(2, 3), nn.RMSNorm(2)), (3, 2), (3, 2)),
}


def trained(name, dtype, backend="eager", steps=3):
    task, x, y = TASKS[name]
    runner = instantiate(task, get_scalar(dtype), Options(backend=backend))
    losses_seen = []
    run_steps(
        runner,
        TrainConfig(steps, batch_size=4, optimizer=sgd(0.05, 0.9)),
        Dataset.of_arrays(x, y),
        on_step=lambda _, loss: losses_seen.append(loss),
    )
    named = [(str(k), loss) for k, loss in enumerate(losses_seen)]
    return state_digest([*named, *runner.named_parameters])


@pytest.mark.parametrize("name", TASKS)
def test_a_run_has_the_same_bits_hardware_or_emulated_eager_or_compiled(name):
    runs = {trained(name, dtype) for dtype in ("float32", "ieee32exec")}
    runs.add(trained(name, "float32", "compiled"))
    runs.add(trained(name, "ieee32exec", "compiled"))
    assert len(runs) == 1


@pytest.mark.parametrize("dtype", ["float32", "ieee32exec@round=stochastic"])
def test_a_compiled_step_of_every_layer_is_the_eager_one(case, dtype):
    layer = case.layer
    rng, scalar, digests = np.random.default_rng(149), get_scalar(dtype), set()
    x = rng.standard_normal((4, *case.shape))
    if layer.takes_indices:
        x = rng.integers(0, layer.index_count, (4, *case.shape))
    data = Dataset.of_arrays(x, rng.standard_normal((4, *layer.output_shape(case.shape))))
    for backend in BACKENDS:
        task = Task.regression(nn.Sequential(layer, nn.Square()))
        runner = instantiate(task, scalar, Options(backend=backend))
        seen = []
        config = TrainConfig(4, batch_size=2, optimizer=sgd(0.05))
        run_steps(runner, config, data, on_step=lambda _, loss, seen=seen: seen.append(loss))
        named = [*runner.named_parameters, *((str(k), loss) for k, loss in enumerate(seen))]
        digests.add(state_digest(named))
    assert len(digests) == 1


@pytest.mark.parametrize("name", ["small_cnn", "char_transformer"])
def test_compiled_runs_with_random_rounding_are_the_eager_ones(name):
    dtype = "ieee32exec@round=stochastic,seed=5"
    assert trained(name, dtype) == trained(name, dtype, "compiled")


@pytest.mark.parametrize(
    ("make", "shape", "output"),
    [
        (lambda: MODELS.mlp((3, 8, 2)), (3,), (2,)),
        (lambda: MODELS.mlp_classifier((8, 8), (16,), 10), (8, 8), (10,)),
        (lambda: MODELS.softmax_regression((2, 2), 3), (2, 2), (3,)),
        (lambda: MODELS.autoencoder(9, (6, 4), 2), (9,), (9,)),
        (lambda: MODELS.small_cnn((3, 9, 8), 5), (3, 9, 8), (5,)),
        (lambda: MODELS.transformer_block(8, 4), (5, 8), (5, 8)),
        (lambda: MODELS.char_transformer(11, 6), (4,), (4, 11)),
        (lambda: MODELS.char_rnn(11, cell="gru"), (4,), (4, 11)),
    ],
)
def test_a_ready_model_has_the_shapes_that_it_declares(make, shape, output):
    assert make().output_shape(shape) == output


def test_a_causal_model_does_not_see_later_elements():
    task, x, _ = TASKS["char_transformer"]
    runner = instantiate(task, get_scalar("float32"))
    other = x.copy()
    other[:, 2:] = (other[:, 2:] + 1) % 7
    a, b = (runner.predict(tokens).to_float() for tokens in (x, other))
    assert np.array_equal(a[:, :2], b[:, :2])
    assert not np.array_equal(a[:, 2:], b[:, 2:])
    full, _, _ = TASKS["transformer_block"]
    runner = instantiate(full, get_scalar("float32"))
    x = RNG.standard_normal((1, 3, 4))
    other = x.copy()
    other[:, 2, 0] += 1
    a, b = (runner.predict(values).to_float() for values in (x, other))
    assert not np.array_equal(a[:, 0], b[:, 0])


def test_a_small_cnn_learns_to_distinguish_horizontal_from_vertical_bars():
    images = np.zeros((12, 6, 6))
    for k in range(6):
        images[k, k], images[6 + k, :, k] = 1, 1
    data = Dataset.of_arrays(images, np.repeat([0, 1], 6))
    task = Task(MODELS.small_cnn((6, 6), 2, channels=4), losses.cross_entropy())
    runner = instantiate(task, get_scalar("float32"), Options(seed=1))
    run_steps(runner, TrainConfig(80, batch_size=12, optimizer=sgd(0.1, 0.9)), data)
    assert runner.accuracy(data) == (12, 12)
