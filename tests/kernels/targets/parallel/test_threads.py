"""Kernels by several threads: the same bits as by one, in any process, and no thread too many."""

import errno
import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import numlean as nl
from numlean.cli.main import main
from numlean.nn import Linear, ReLU, Sequential
from numlean.training import Options, Stepper, Task
from numlean_kernels.loops.flag_counts import NO_ROUTINES
from numlean_kernels.protocol import CopyCall, KernelCall, Loop
from numlean_kernels.targets import get_target, native_program
from numlean_kernels.targets.parallel import launch, partition, pool
from numlean_kernels.threads import THREADS

COUNTS = (1, 2, 3, 7)


@pytest.fixture
def eager_threads(monkeypatch):
    """Let all kernels be shared, however short."""
    monkeypatch.setattr(launch, "FEWEST_NUMBERS", 0)
    monkeypatch.setattr(launch, "_WORTHWHILE", 0.0)
    monkeypatch.setattr(native_program, "_WORTHWHILE", 0.0)


def bits(x):
    return np.ascontiguousarray(x).view(np.uint8).tobytes()


def by_all_counts(work, runs=3):
    """Return what work gives with each number of threads, several times."""
    found = []
    for count in COUNTS:
        with THREADS.given(count):
            found += [work() for _ in range(runs)]
    return found


def operands(scalar, *shape, seed=0):
    random = np.random.default_rng(seed)
    values = random.standard_normal(shape) * 2.0 ** random.integers(-9, 9, shape)
    values[random.random(shape) < 0.02] = np.nan
    values[random.random(shape) < 0.02] = np.inf
    return scalar.from_float(values)


DTYPES = (
    ("float32", True),
    ("float32", False),
    ("float64", True),
    ("ieee32exec", True),
    ("ieee32exec", False),
    ("bfloat16", True),
    ("e4m3", False),
    ("posit16", False),
    ("bfloat16@round=stochastic", False),
    ("bfloat16@round=stochastic", True),
    ("mp:60", False),
)


@pytest.mark.usefixtures("eager_threads")
@pytest.mark.parametrize(("dtype", "fast"), DTYPES)
def test_no_number_of_threads_changes_a_bit(dtype, fast):
    def work():
        scalar = nl.get_scalar(dtype, fast_kernels=fast)
        scalar.start_step(7)
        x, y = operands(scalar, 37, 65), operands(scalar, 37, 65, seed=1)
        a, b = operands(scalar, 33, 19, seed=2), operands(scalar, 19, 70, seed=3)
        results = [scalar.add(x, y), scalar.mul(x, y), scalar.div(x, y)]
        results += [scalar.neg(x), scalar.matmul(a, b), scalar.sum(x, 0), scalar.sum(x, 1)]
        results += [scalar.max(x, 1), scalar.exp(x[:3])]
        return [bits(z) if z.dtype != object else repr(z) for z in results]

    first, *others = by_all_counts(work)
    assert all(other == first for other in others)


@pytest.mark.usefixtures("eager_threads")
@pytest.mark.parametrize("rows", [0, 1, 5, 12, 13, 65])
@pytest.mark.parametrize("columns", [0, 1, 15, 32, 33, 97])
def test_no_number_of_threads_changes_a_product_at_the_edges_of_tiles(rows, columns):
    scalar = nl.get_scalar("float32", fast_kernels=True)
    a, b = operands(scalar, rows, 31), operands(scalar, 31, columns, seed=1)
    first, *others = by_all_counts(lambda: bits(scalar.matmul(a, b)))
    assert all(other == first for other in others)


@pytest.mark.usefixtures("eager_threads")
def test_the_numbers_of_flags_do_not_depend_on_threads():
    scalar = nl.get_scalar("ieee32exec")
    x, y = operands(scalar, 50, 61), operands(scalar, 50, 61, seed=1)

    def work():
        flags = nl.Flags()
        z = scalar.div(scalar.mul(x, y, flags=flags), y, flags=flags)
        return bits(z), repr(flags)

    first, *others = by_all_counts(work)
    assert all(other == first for other in others)


def trained(arithmetic, backend, *, steps=5):
    """Return the loss and the digest of a short training."""
    model = Sequential(Linear(6, 33), ReLU(), Linear(33, 3))
    spec = nl.RunSpec.parse(arithmetic, Options(backend))
    stepper = Stepper(spec.runner(Task.classification(model)), nl.momentum_sgd(0.1, 0.9))
    random = np.random.default_rng(0)
    x, y = random.standard_normal((17, 6)), np.eye(3)[random.integers(0, 3, 17)]
    losses = [bits(stepper.step(nl.Batch(x, y)).data) for _ in range(steps)]
    return losses, [bits(p.data) for p in stepper.runner.params]


@pytest.mark.usefixtures("eager_threads")
@pytest.mark.parametrize(
    "arithmetic", ["float32", "bfloat16@round=stochastic", "policy:bf16-mixed"]
)
def test_no_number_of_threads_changes_a_training(arithmetic):
    def work():
        return [trained(arithmetic, backend) for backend in ("eager", "compiled")]

    first, *others = by_all_counts(work)
    assert first[0] == first[1]
    assert all(other == first for other in others)


@pytest.mark.usefixtures("eager_threads")
def test_no_number_of_threads_changes_steps_made_in_blocks(capsys):
    def work():
        assert main(["train", "iris", "--steps", "60", "--dtype", "float32", "--json"]) == 0
        report = json.loads(capsys.readouterr().out)
        return report["state_digest"], report["loss_after"]

    first, *others = by_all_counts(work, runs=1)
    assert all(other == first for other in others)


@pytest.mark.usefixtures("eager_threads")
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_no_number_of_threads_changes_a_copy(dtype):
    cpu = get_target("cpu")
    for shape in ((1, 1), (7, 9), (8, 40), (33, 17), (3, 20, 5), (2, 3, 4, 9)):
        x = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
        for source in (x, x.T, x[::2], x.T[:, ::-1], np.broadcast_to(x[:1], shape)):
            z = np.zeros(source.shape, dtype)
            program = cpu.compile([CopyCall(source, z)])
            for count in (*COUNTS, 2, 2, 2):
                with THREADS.given(count):
                    z[...] = 0
                    program()
                    assert (z == source).all()


def test_parts_cover_a_domain_once():
    for extent in (*range(40), 255, 256, 511, 512, 513, 4097):
        for parts in (1, 2, 3, 7, 16):
            found = partition.cut(extent, parts)
            assert 1 <= len(found) <= parts
            assert [start for start, _ in found] == [0, *(stop for _, stop in found[:-1])]
            assert found[-1][1] == extent


@pytest.mark.usefixtures("eager_threads")
def test_several_threads_of_python_may_compute_at_once():
    scalar = nl.get_scalar("float32", fast_kernels=True)
    a, b = operands(scalar, 64, 40), operands(scalar, 40, 64, seed=1)
    expected = bits(scalar.matmul(a, b))
    with THREADS.given(3), ThreadPoolExecutor(4) as python_threads:
        found = [*python_threads.map(lambda _: bits(scalar.matmul(a, b)), range(400))]
    assert set(found) == {expected}


@pytest.mark.usefixtures("eager_threads")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_process_has_threads_of_its_own():
    scalar = nl.get_scalar("float32", fast_kernels=True)
    a, b = operands(scalar, 64, 40), operands(scalar, 40, 64, seed=1)
    with THREADS.given(3):
        expected = bits(scalar.matmul(a, b))
        child = os.fork()
        if child == 0:
            status = 1
            try:
                status = 0 if bits(scalar.matmul(a, b)) == expected else 2
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert bits(scalar.matmul(a, b)) == expected


PROGRAM = """
import threading
import numpy as np
import numlean as nl
from numlean_kernels.targets.parallel import launch
launch.FEWEST_NUMBERS, launch._WORTHWHILE = 0, 0.0
nl.set_num_threads(3)
scalar = nl.get_scalar("float32")
x = scalar.from_float(np.ones(5000))
for _ in range(50):
    z = scalar.add(x, x)
print(nl.get_num_threads(), threading.active_count(), float(scalar.to_float(z).sum()))
{}
"""


INTERRUPTED = """
import os, signal
try:
    os.kill(os.getpid(), signal.SIGINT)
    [None for _ in range(10**6)]
except KeyboardInterrupt:
    print("stopped")
"""


def run_program(end="", **environment):
    return subprocess.run(
        [sys.executable, "-c", PROGRAM.format(end)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_process_with_threads_ends_and_has_no_further_threads_of_python():
    done = run_program()
    assert (done.returncode, done.stdout, done.stderr) == (0, "3 1 10000.0\n", "")


def test_ctrl_c_reaches_the_program_and_not_the_threads():
    done = run_program(INTERRUPTED)
    assert done.stdout.splitlines()[-1:] == ["stopped"]
    assert done.returncode == 0


def test_threads_sleep_when_there_is_nothing_to_do(eager_threads):
    scalar = nl.get_scalar("float32")
    x = scalar.from_float(np.ones(5000))
    with THREADS.given(3):
        for _ in range(20):
            scalar.add(x, x)
        for _ in range(1000):  # until they sleep, however slow the machine is
            before = os.times()
            threading.Event().wait(0.05)
            after = os.times()
            if after.user - before.user + after.system - before.system < 0.02:
                return
    pytest.fail("the threads of the pool do not sleep")


@pytest.mark.parametrize("text", ["0", "-1", "x", "1.5", "10000", "٣"])
def test_the_environment_variable_is_checked(text):
    code = "import numlean as nl; nl.get_num_threads()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "NUMLEAN_NUM_THREADS": text},
        capture_output=True,
        text=True,
        check=False,
    )
    last = done.stderr.splitlines()[-1]
    assert last.startswith("numlean.errors.NumleanError: NUMLEAN_NUM_THREADS must be an integer")


@pytest.mark.parametrize("count", [0, -1, 1025, 1.5, True, "2"])
def test_set_num_threads_is_checked(count):
    with pytest.raises(nl.NumleanError, match=r"\(count\) must be an integer from 1"):
        nl.set_num_threads(count)


def test_processes_share_the_processors_unless_a_number_was_given(monkeypatch):
    monkeypatch.setattr(THREADS, "_count", 8)
    monkeypatch.setattr(THREADS, "_is_given", False)
    assert [THREADS.of_each(n) for n in (1, 3, 8, 100)] == [8, 2, 1, 1]
    with THREADS.given(5):
        assert THREADS.of_each(8) == 5
    assert THREADS.count == 8


class _Refusing:
    """The C library of a system that allows no thread."""

    def __init__(self, library):
        self.library, self.refused = library, 0

    def __getattr__(self, name):
        return getattr(self.library, name)

    def pthread_create(self, *_):
        self.refused += 1
        return errno.EAGAIN


def test_a_system_that_allows_no_threads_costs_only_time():
    threads = pool.Pool()
    threads._library = _Refusing(threads._library)
    assert threads.hold(3) == threads.hold(3) == threads.state
    assert threads._library.refused == 1
    threads.stop()


def _make_failing(table):
    def fails(start, stop, x, z):
        for i in range(start, stop):
            if x[i] < 0:
                raise MemoryError
            z[i] = x[i]

    return fails


@pytest.mark.usefixtures("eager_threads")
def test_a_kernel_that_fails_in_a_part_is_an_error():
    loop, x = Loop("fails", rank=1, make=_make_failing), np.ones(4000, np.float32)
    z = np.zeros_like(x)
    run = get_target("cpu").kernel(loop, NO_ROUTINES)
    program = get_target("cpu").compile([KernelCall(loop, NO_ROUTINES, x.shape, (x, z))])
    with THREADS.given(3):
        for _ in range(6):
            run(x.shape, x, z)
            program()
        assert (z == 1).all()
        x[-1] = -1
        with pytest.raises(MemoryError, match="kernel fails"):
            run(x.shape, x, z)
        with pytest.raises(MemoryError, match="compiled program"):
            program()
        x[-1] = 2
        run(x.shape, x, z)
    assert z[-1] == 2


@pytest.mark.parametrize("text", ["0", "-1", "1025", "x"])
def test_the_option_is_checked(text, capsys):
    try:
        status = main(["train", "xor", "--threads", text])
    except SystemExit as end:
        status = end.code
    assert status == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert THREADS.count >= 1
