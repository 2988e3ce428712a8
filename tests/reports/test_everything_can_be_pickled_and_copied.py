"""Every public object goes through ``pickle``, ``copy`` and ``deepcopy``, so processes share it.

Loading executes nothing outside numlean but what makes an array of numpy: an unpickler that finds
nothing else loads everything, but for exact results, which are numbers of mpmath.
"""

import copy
import io
import pickle

import numpy as np
import pytest

import numlean as nl
from numlean import errors, testing
from numlean.autograd import Tape
from numlean.autograd.indices import INDEX
from numlean.precision import Blocked, Contraction, Fused, LayerPrecision, Ordered, Pairwise
from numlean.scalar.registry import backend_named, scalar_backends
from numlean.tasks.sources import TableSource
from numlean_kernels.formats import BFLOAT16

ALLOWED = {
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.numeric", "_frombuffer"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    # How exceptions are pickled in a process that has imported dask.distributed.
    ("tblib.pickling_support", "unpickle_exception"),
}


class OnlyNumlean(pickle.Unpickler):
    """Refuses every name that is not in numlean's packages, except those of numpy's arrays."""

    def find_class(self, module, name):
        assert module.split(".")[0].startswith("numlean") or (module, name) in ALLOWED
        return super().find_class(module, name)


def pickled(value, protocol=pickle.HIGHEST_PROTOCOL):
    return OnlyNumlean(io.BytesIO(pickle.dumps(value, protocol))).load()


WAYS = [pickled, lambda value: pickled(value, 3), copy.copy, copy.deepcopy]
ways = pytest.mark.parametrize("way", WAYS, ids=["pickle", "protocol 3", "copy", "deepcopy"])

S = nl.get_scalar("bfloat16")
DATA = nl.Dataset.of_list([([0.0, 1.0], [1.0, 0.0]), ([1.0, 1.0], [0.0, 1.0])])
MODEL = nl.nn.Sequential(
    nl.nn.Linear(2, 3), nl.nn.Tanh(), nl.nn.Dropout(0.5), nl.nn.Linear(3, 2), sample_shape=(2,)
)
TASK = nl.Task.classification(MODEL)


def same(a, b):
    return type(a) is type(b) and a == b


@ways
@pytest.mark.parametrize(
    "scalar",
    [
        S,
        nl.get_scalar("float32"),
        nl.get_scalar("mp:80"),
        nl.get_scalar("e4m3@overflow=saturate"),
        nl.get_scalar("ieee:e3m4@round=toward_zero"),
        nl.get_scalar("bfloat16", fast_kernels=False),
        nl.get_scalar("ieee32exec", fast_kernels=True),
        nl.WrappedScalar(S),
        nl.CountingScalar(S),
    ],
    ids=str,
)
def test_scalars_are_kept_by_name(scalar, way):
    again = way(scalar)
    assert same(again, scalar)
    if isinstance(scalar, type(S)):
        assert again.table.key == scalar.table.key


@ways
def test_a_random_stream_continues_where_it_was(way):
    scalar = nl.get_scalar("bfloat16@round=stochastic,seed=3").with_reset_stream()
    third = scalar.from_float(np.full(20, 1 / 3))
    scalar.start_step(5)
    scalar.add(third, third)
    again = way(scalar)
    assert again == scalar
    assert again.stream == scalar.stream
    if way is not copy.copy:
        before = scalar.add(third, third)
        assert again.to_bits(again.add(third, third)).tolist() == scalar.to_bits(before).tolist()


@ways
def test_counts_are_kept(way):
    scalar = nl.CountingScalar(S)
    scalar.add(scalar.from_float(1.0), scalar.from_float(2.0**-20))
    again = way(scalar)
    assert again.counts == scalar.counts
    assert again.counts["add"].inexact == 1


@ways
@pytest.mark.parametrize(
    "tensor",
    [
        nl.Tensor(S, S.from_bits(np.arange(65536))),  # NaNs with their payloads, too
        nl.Tensor.of("float64", [[0.1, -0.0], [np.inf, np.nan]]),
        nl.Tensor.of("mp:80", [0.1, -np.inf, np.nan, 1e-300]) / 3.0,
        nl.Tensor.of("e4m3", np.zeros((2, 0))),
        nl.Tensor.of("bfloat16", 2.5),
        nl.Tensor.of("float64", np.arange(12.0).reshape(3, 4)).T,
        nl.Tensor.of(INDEX, [[3, 1]]),
    ],
    ids=lambda tensor: tensor.dtype,
)
def test_tensors_keep_their_bits(tensor, way):
    again = way(tensor)
    assert again.scalar == tensor.scalar
    assert again.shape == tensor.shape
    if tensor.scalar is INDEX:
        assert again.tolist() == tensor.tolist()
    else:
        assert tensor.scalar.to_bytes(again.data) == tensor.scalar.to_bytes(tensor.data)


def test_a_watched_tensor_is_not_copied_without_its_gradient():
    watched = Tape().watch(nl.Tensor.of(S, 1.0))
    assert copy.copy(watched) is watched
    for way in (pickle.dumps, copy.deepcopy):
        with pytest.raises(nl.NumleanError, match=r"use t\.detach\(\)"):
            way(watched)


@ways
@pytest.mark.parametrize(
    "value",
    [
        MODEL,
        TASK,
        nl.nn.models.transformer_block(4, 2),
        nl.nn.models.small_cnn((6, 6), 2),
        nl.nn.models.char_rnn(5, cell="gru"),
        nl.nn.summary(MODEL),
        nl.losses.bce(),
        nl.losses.cross_entropy(),
        nl.Reduction.SUM,
        nl.Mode.TRAIN,
        LayerPrecision.of(S, Ordered(S)),
        Contraction.of(S, Blocked(S, 2, nl.get_scalar("float32"))),
        *(Fused(S), Pairwise(S)),
        nl.clip_by_norm(nl.adamw(0.1), 1.0),
        nl.momentum_sgd(0.1, nesterov=True),
        nl.OptimizerKind.AdamW,
        nl.schedules.linear_warmup(3, nl.schedules.cosine(0.1, 4)),
        nl.steps(3, optimizer=nl.adam(0.1)).step_lr(0.1, 2),
        nl.epochs(3),
        nl.Options("compiled", seed=1),
        nl.ExecConfig("bfloat16"),
        DATA,
        nl.DataLoader(DATA, 1, shuffle=True).after(2),
        nl.Dtype.parse("ieee:e3m4@round=to_odd"),
        nl.Flags(1, 2, 3, 4, 5),
        nl.Fault("flip"),
        nl.RunSpec.parse("bfloat16:cpu:eager"),
        nl.evaluate("0.1 + 0.2", "bfloat16"),
        nl.ops.exp,
        nl.ops.relu,
        nl.get_task("xor"),
        nl.get_task("char-transformer").task,
    ],
    ids=lambda value: type(value).__name__,
)
def test_definitions_and_results_are_equal_afterwards(value, way):
    assert same(way(value), value)


@ways
def test_a_layer_with_settings_of_its_function_computes_the_same(way):
    layer = nl.nn.GELU(approximate="tanh")
    x = nl.Tensor.of("float64", [0.5, -2.0])
    assert repr(way(layer)) == repr(layer)
    assert np.array_equal(way(layer)((), x, nl.nn.EVALUATION), layer((), x, nl.nn.EVALUATION))


def trained(backend="eager"):
    runner = nl.instantiate(TASK, S, nl.Options(backend, seed=4))
    stepper = nl.stepper(runner, nl.adam(0.1, 0.875, 0.96875), nl.schedules.step(0.1, 2))
    stepper.epoch(list(DATA))
    return stepper


def digest(stepper):
    return nl.state_digest(stepper.runner.named_parameters)


@ways
@pytest.mark.parametrize("backend", ["eager", "compiled"])
def test_a_run_continues_with_the_same_bits(way, backend):
    stepper = trained(backend)
    again = way(stepper)
    assert digest(again) == digest(stepper)
    assert (again.step_count, again.schedule_count) == (2, 2)
    assert again.runner.mode is stepper.runner.mode
    if way is copy.copy:  # which shares the runner
        return
    before = digest(stepper)
    again.epoch(list(DATA))
    assert digest(stepper) == before
    stepper.epoch(list(DATA))
    assert digest(again) == digest(stepper)


@ways
def test_a_runner_keeps_its_parameters_mode_and_options(way):
    runner = trained().runner
    again = way(runner)
    assert again.options == runner.options
    assert again.task == runner.task
    assert again.is_training
    assert again.clock == runner.clock
    assert nl.state_digest(again.named_parameters) == nl.state_digest(runner.named_parameters)
    assert again.params is not runner.params


@ways
def test_a_scalar_trainer_continues_with_the_same_bits(way):
    trainer = nl.ScalarTrainer.of(TASK, S, nl.adam(0.1, 0.875, 0.96875))
    trainer.step_t([0.0, 1.0], [1.0, 0.0])
    again = way(trainer)
    losses = [each.step_t([1.0, 1.0], [0.0, 1.0]) for each in (again, trainer)]
    assert losses[0] == losses[1]
    assert all(np.array_equal(a, b) for a, b in zip(again.params, trainer.params, strict=True))


@ways
@pytest.mark.parametrize("backend", ["eager", "compiled"])
def test_a_session_keeps_its_parameters(way, backend):
    session = nl.Session("bfloat16", backend)
    w = session.param([1.5, 2.5])
    if way is not copy.copy:
        session, w = way((session, w))
    else:
        session = copy.copy(session)
    x = session.use(w)
    session.backward_scalar(session.sum(session.mul(x, x)))
    session.sgd_step_all(0.5)
    assert session.get_value(w).tolist() == [0.0, 0.0]  # w - 2w * 0.5
    with pytest.raises(nl.NumleanError, match="reset_tape"):
        pickle.dumps(session)


def test_hooks_reports_and_comparisons_are_kept():
    hook = nl.EarlyStopping(1, DATA, 3)
    _, report = nl.train(TASK, S, nl.steps(2), DATA, log=lambda _: None, on_step=hook)
    for value in (report, hook.best, nl.Evaluate(1, DATA)):
        assert pickled(value) == value
    assert pickled(hook).best == hook.best
    found = nl.crosscheck(TASK, "bfloat16", "e5m2", config=nl.steps(1), data=DATA)
    assert str(pickled(found)) == str(found)
    compared = nl.compare_function(lambda x: x * x, 0.5, ["bfloat16"])
    assert str(pickle.loads(pickle.dumps(compared))) == str(compared)


@pytest.mark.parametrize(
    "error",
    [
        errors.NumleanError("a"),
        errors.UnknownNameError("dtype", "a", ("b", "c")),
        errors.IndexOutOfRangeError("a"),
        errors.ExportError("a"),
        nl.checkpoint.CheckpointError("a"),
    ],
    ids=lambda error: type(error).__name__,
)
@ways
def test_errors_keep_their_class_and_message(error, way):
    again = way(error)
    assert type(again) is type(error)
    assert (str(again), again.args) == (str(error), error.args)


def test_what_has_no_name_is_refused_in_one_line():
    made = nl.autograd.Primitive("mine", lambda s, x: x, (None,))
    assert copy.deepcopy(made) is made
    with pytest.raises(nl.NumleanError, match="is not one of numlean's"):
        pickle.dumps(made)


def test_a_name_that_is_no_primitive_is_not_loaded():
    from numlean.autograd.primitive import primitive_named

    for module, name in [("tensor", "Tensor"), ("primitives.elementary", "__builtins__"), ("", "")]:
        with pytest.raises(nl.NumleanError, match="no primitive"):
            primitive_named(module, name)


@ways
@pytest.mark.parametrize("name", nl.task_names())
def test_tasks_of_numlean_are_kept_by_name(name, way):
    assert way(nl.get_task(name)) is nl.get_task(name)


@pytest.mark.parametrize("way", [lambda task: pickle.loads(pickle.dumps(task)), copy.deepcopy])
def test_a_task_of_a_table_keeps_its_data(way, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b,y\n1,2,x\n3,4,z\n5,6,x\n1,3,z\n2,2,x\n")
    task = TableSource(str(path), "y").resolve()
    path.unlink()
    again = way(task)
    assert (again.name, again.task) == (task.name, task.task)
    for one, other in zip(again.load().train, task.load().train, strict=True):
        assert np.array_equal(one.x, other.x)
        assert np.array_equal(one.y, other.y)


@ways
def test_registered_backends_are_kept_by_name(way):
    for name, backend in scalar_backends():
        assert way(backend) is backend, name


def test_a_backend_that_is_not_registered_is_not_loaded():
    with pytest.raises(nl.NumleanError, match="unknown dtype 'os'"):
        backend_named("os")


@ways
def test_references_compute_the_same(way):
    model = testing.ExactArithmetic(BFLOAT16, "toward_zero", flush=True)
    again = way(model)
    for operation in ("add", "mul", "div"):
        operands = operation, 0x3F81, 0x0001
        assert again.compute(*operands) == model.compute(*operands)


def test_checks_of_the_conformance_suite_are_equal_afterwards():
    again = pickle.loads(pickle.dumps(testing.CHECKS))
    assert [check.name for check in again] == [check.name for check in testing.CHECKS]


def records(folder):
    """Return what saving, certifying and comparing a run give."""
    scalar = nl.get_scalar("mp:24")
    stepper = nl.stepper(nl.instantiate(TASK, scalar), nl.adam(0.1))
    stepper.epoch(list(DATA))
    run = nl.checkpoint.Run(nl.steps(2), DATA)
    nl.checkpoint.save(folder / "a.ckpt", stepper, run)
    certificate = nl.certify(TASK, "mp:24", config=nl.steps(1), data=DATA)
    found = nl.crosscheck(TASK, "mp:24", "mp:20", config=nl.steps(1), data=DATA)
    return [
        *(run, nl.checkpoint.load(folder / "a.ckpt"), certificate),
        nl.checkpoint.export(folder / "a.ckpt", folder / "a.npz"),
        nl.replay(certificate, "mp:30", task=TASK, config=nl.steps(1), data=DATA),
        *(found, *found.pairs, *(pair.divergence for pair in found.pairs)),
        nl.compare(TASK, "mp:24", truth="mp:60", config=nl.steps(1), data=DATA),
        nl.compare_function(lambda x: x * x, 0.5, ["mp:24"], truth="mp:60"),
        nl.inspect(nl.Tensor.of("mp:24", [0.1])),
    ]


def test_records_of_runs_show_the_same(tmp_path):
    for record in records(tmp_path):
        for way in (lambda value: pickle.loads(pickle.dumps(value)), copy.copy, copy.deepcopy):
            again = way(record)
            assert type(again) is type(record)
            assert repr(again) == repr(record)


def errors_of_numlean():
    """Yield every class of errors, with the arguments of an example."""
    classes = [errors.NumleanError]
    for known in classes:
        classes += [new for new in known.__subclasses__() if new not in classes]
    for known in classes:
        yield known, (("dtype", "a", ("b", "c")) if known is errors.UnknownNameError else ("a",))


@ways
def test_every_class_of_errors_is_kept(way):
    found = list(errors_of_numlean())
    assert len(found) > 10
    for known, arguments in found:
        error = known(*arguments)
        error.add_note("a note")
        again = way(error)
        assert type(again) is known
        assert (again.args, vars(again)) == (error.args, vars(error))
