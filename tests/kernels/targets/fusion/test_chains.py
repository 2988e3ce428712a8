"""Steps that run together block by block leave the bits of steps that run one after the other."""

import numpy as np
import pytest

import numlean as nl
from numlean.nn import Linear, ReLU, Sequential
from numlean.training import Options, Stepper, Task
from numlean_kernels.formats import BINARY32
from numlean_kernels.loops.elementwise import binary, broadcast_operand, unary
from numlean_kernels.loops.gather_scatter import WHERE
from numlean_kernels.protocol import CopyCall, HostCall, KernelCall
from numlean_kernels.tables import hardware_table
from numlean_kernels.targets import get_target, native_program
from numlean_kernels.targets.fusion import chain_calls, chains
from numlean_kernels.targets.fusion.chains import Chain, fuse
from numlean_kernels.targets.vector_matmul.machine import Caches
from numlean_kernels.threads import THREADS

CPU = get_target("cpu")
TABLE = hardware_table(BINARY32, CPU)
CELLS, ROWS = 3000, (12, 20)


@pytest.fixture(autouse=True)
def _chains_of_few_cells_in_several_blocks(monkeypatch):
    monkeypatch.setattr(chains, "FEWEST_CELLS", 1000)
    monkeypatch.setattr(chain_calls, "_FEWEST_OF_BLOCK", 64)
    monkeypatch.setattr(chain_calls, "caches", lambda: Caches(2048, 8192))
    monkeypatch.setattr(native_program, "_WORTHWHILE", 0.0)


class Arrays:
    """Numbers for programs, and steps on them."""

    def __init__(self, seed, cells=CELLS):
        self.random, self.cells = np.random.default_rng(seed), cells
        self.whole = [self._numbers(cells) for _ in range(6)]
        self.long, self.row = self._numbers(cells + 8), self._numbers(ROWS[0])
        self.single, self.mask = self._numbers(1), np.zeros(cells, np.bool_)

    def _numbers(self, count):
        values = self.random.standard_normal(count).astype(np.float32)
        values[self.random.random(count) < 0.01] = np.nan
        values.view(np.uint32)[self.random.random(count) < 0.01] = 0x7FA00001
        return values

    @property
    def all(self):
        return [*self.whole, self.long, self.row, self.single, self.mask]

    def any_whole(self):
        return self.whole[self.random.integers(len(self.whole))]

    def step(self):
        """Return some step; some of them read or write the same memory in other places."""
        x, y, z = self.any_whole(), self.any_whole(), self.any_whole()
        # No step of a program reads single numbers or rows of what it writes.
        other = next(array for array in self.whole if array is not z)
        domain, start = (self.cells,), self.random.integers(4)
        one, row = other[start : start + 1], int(self.random.choice(ROWS))
        steps = (
            lambda: KernelCall(binary("add"), TABLE, domain, (x, y, z)),
            lambda: KernelCall(binary("mul"), TABLE, domain, (x, y, z)),
            lambda: KernelCall(unary("neg"), TABLE, domain, (x, z)),
            lambda: KernelCall(broadcast_operand("sub", 1), TABLE, domain, (x, self.single, z)),
            lambda: KernelCall(broadcast_operand("sub", 0), TABLE, domain, (self.single, x, z)),
            lambda: KernelCall(binary("lt"), TABLE, domain, (x, y, self.mask)),
            lambda: KernelCall(WHERE, TABLE, domain, (self.mask, x, z)),
            lambda: KernelCall(
                binary("add"), TABLE, domain, (x, self.long[start : start + self.cells], z)
            ),
            lambda: KernelCall(
                binary("add"), TABLE, domain, (x, y, self.long[start : start + self.cells])
            ),
            lambda: CopyCall(other, z),
            lambda: CopyCall(self.long[start : start + self.cells], z),
            lambda: KernelCall(broadcast_operand("mul", 1), TABLE, domain, (x, one, z)),
            lambda: CopyCall(
                np.broadcast_to(self.row, (self.cells // ROWS[0], ROWS[0])), z.reshape(-1, ROWS[0])
            ),
            lambda: CopyCall(
                np.broadcast_to(other[:row], (self.cells // row, row)), z.reshape(-1, row)
            ),
            lambda: CopyCall(np.broadcast_to(self.single, self.cells), z),
            lambda: CopyCall(x[7:8], self.single),
            lambda: CopyCall(x[: ROWS[0]], self.row),
            lambda: CopyCall(other.reshape(row, -1).T, z.reshape(-1, row)),
        )
        return steps[self.random.integers(len(steps))]()

    def program(self, length):
        return [self.step() for _ in range(length)]


def bits(arrays):
    return [x.copy().view(np.uint8).tobytes() for x in arrays]


def after_plain_runs(steps, arrays, runs):
    """Return the bits of all arrays after each run of the steps one by one, and restore them."""
    before, found = [x.copy() for x in arrays], []
    for _ in range(runs):
        for step in steps:
            step.bind(CPU)()
        found.append(bits(arrays))
    for x, values in zip(arrays, before, strict=True):
        x[...] = values
    return found


def count_chains(steps, results):
    return sum(isinstance(step, Chain) for step in fuse(steps, results))


@pytest.mark.parametrize("seed", range(60))
def test_any_program_leaves_the_bits_of_its_steps_one_by_one(seed):
    arrays = Arrays(seed, CELLS if seed % 2 else 4 * CELLS)
    steps = arrays.program(int(arrays.random.integers(2, 14)))
    chosen = [k for k in range(len(arrays.all)) if arrays.random.random() < 0.4]
    results = [arrays.all[k] for k in chosen] if seed % 3 else None
    expected = after_plain_runs(steps, arrays.all, runs=5)
    # What a program reads before it writes it has to be there in its next run.
    program = CPU.compile(steps, results=results)
    with THREADS.given(1 + seed % 4):
        for run in range(5):
            program()
            found = bits(arrays.all)
            kept = chosen if results is not None else range(len(found))
            assert all(found[k] == expected[run][k] for k in kept)


def test_most_random_programs_have_chains():
    found = 0
    for seed in range(60):
        arrays = Arrays(seed)
        found += count_chains(arrays.program(10), arrays.all) > 0
    assert found > 20


def test_an_update_is_one_chain_that_writes_nothing_but_its_result():
    arrays = Arrays(0)
    weights, gradient, scaled, following, *_ = arrays.whole
    domain = (CELLS,)
    steps = [
        KernelCall(broadcast_operand("mul", 1), TABLE, domain, (gradient, arrays.single, scaled)),
        KernelCall(binary("sub"), TABLE, domain, (weights, scaled, following)),
        CopyCall(following, weights),
    ]
    expected = after_plain_runs(steps, [weights], runs=1)[0]
    scaled[:], following[:] = 1, 2
    (chain,) = fuse(steps, [weights])
    assert len(chain.links) == 3
    CPU.compile(steps, results=[weights])()
    assert bits([weights]) == expected
    assert (scaled == 1).all()
    assert (following == 2).all()


def test_numbers_that_a_step_changes_in_place_are_read_from_memory():
    arrays = Arrays(0)
    x, y, z, *_ = arrays.whole
    steps = [
        KernelCall(binary("add"), TABLE, (CELLS,), (x, y, x)),
        KernelCall(unary("neg"), TABLE, (CELLS,), (x, z)),
    ]
    expected = after_plain_runs(steps, [x, z], runs=1)[0]
    CPU.compile(steps, results=[z])()
    assert bits([z]) == expected[1:]


def test_a_step_joins_a_chain_only_past_steps_that_do_not_touch_its_numbers():
    arrays = Arrays(0)
    x, y, z, w, *_ = arrays.whole
    add = KernelCall(binary("add"), TABLE, (CELLS,), (x, y, z))
    neg = KernelCall(unary("neg"), TABLE, (CELLS,), (z, w))
    other = CopyCall(arrays.row.reshape(3, 4).T, np.empty((4, 3), np.float32))
    reads, writes = CopyCall(w[:5], np.empty(5, np.float32)), CopyCall(arrays.row[:5], z[:5])
    assert count_chains([add, other, neg], None) == 1
    assert count_chains([add, reads, neg], None) == 0
    assert count_chains([add, writes, neg], None) == 0


def test_work_of_the_host_may_read_what_a_chain_computes():
    arrays = Arrays(0)
    x, y, z, w, *_ = arrays.whole
    seen = []
    steps = [
        KernelCall(binary("add"), TABLE, (CELLS,), (x, y, z)),
        KernelCall(unary("neg"), TABLE, (CELLS,), (z, w)),
        HostCall(lambda: seen.append(bits([z])), (z,), (arrays.row,)),
    ]
    expected = after_plain_runs(steps, [z, w], runs=1)[0]
    CPU.compile(steps, results=[w])()
    assert seen[-1] == expected[:1]


@pytest.mark.parametrize(
    ("dtype", "fast"), [("float32", True), ("ieee32exec", True), ("bfloat16@round=stochastic", 0)]
)
@pytest.mark.parametrize("optimizer", [nl.sgd(0.1), nl.momentum_sgd(0.1, 0.9), nl.adam(0.01)])
def test_compiled_training_has_the_bits_of_eager_training(dtype, fast, optimizer):
    random = np.random.default_rng(0)
    batch = nl.Batch(random.standard_normal((50, 40)), np.eye(3)[random.integers(0, 3, 50)])

    def trained(backend):
        model = Sequential(Linear(40, 64), ReLU(), Linear(64, 3))
        spec = nl.RunSpec.parse(dtype, Options(backend, fast_kernels=bool(fast)))
        stepper = Stepper(spec.runner(Task.classification(model)), optimizer)
        losses = [stepper.step(batch).data.tobytes() for _ in range(5)]
        return losses, bits([p.data for p in stepper.runner.params])

    with THREADS.given(2):
        assert trained("compiled") == trained("eager")
