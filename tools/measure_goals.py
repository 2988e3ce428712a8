"""Measure the goals of speed, each against the library that it names, and write JSON.

python tools/measure_goals.py --out FILE.json [--only PREFIX ...] [--seconds S] [--label TEXT]

Figures are ratios of times measured in turns, so that other programs affect both alike; times on
one thread are those of the processor. What is not installed (PyTorch, SoftFloat, ml_dtypes) leaves
its figures out. The tool uses only what older revisions of numlean have as well, so that it can
measure them, too: run it by an interpreter that imports that revision.

tools/measurement_pages.py makes a table of two files, before and after.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from numlean.analysis.lockstep import RunSpec
from numlean.benchmarks.blas import one_thread
from numlean.benchmarks.functions import C_LIBRARY
from numlean.benchmarks.functions import entries as function_entries
from numlean.benchmarks.lockstep import STEPS
from numlean.benchmarks.lockstep import entries as lockstep_entries
from numlean.benchmarks.operations import entries as operation_entries
from numlean.benchmarks.operations import operands
from numlean.benchmarks.step import training_step
from numlean.data import Batch
from numlean.errors import NumleanError
from numlean.nn import Linear, ReLU, Sequential
from numlean.optim import sgd
from numlean.scalar.registry import get_scalar
from numlean.tasks import get_task
from numlean.training import Options, Stepper, Task

KIND, VERSION = "numlean goals", 1
ELEMENTS = 16_384
PAUSE = 0.02
"""The seconds after which threads of any of the libraries sleep."""
RATE = 0.01
Call = Callable[[], object]
Figures = dict[str, float]
Clock = Callable[[], float]

SMALL_FORMATS = {"binary16": "float16", "bfloat16": "bfloat16", "e4m3": "float8_e4m3fn"}
"""The dtypes of numpy and ml_dtypes by ours."""

ROWS_OF_COMMANDS = {
    "eval": ("eval", "1+1"),
    "xor float32": ("train", "xor", "--dtype", "float32"),
    "digits ieee32exec": ("train", "digits", "--dtype", "ieee32exec", "--steps", "1"),
    "digits bfloat16": ("train", "digits", "--dtype", "bfloat16", "--steps", "1"),
    "digits": ("train", "digits", "--steps", "1"),
    "--help": ("--help",),
}
COLD = ("eval", "xor float32", "digits ieee32exec", "digits bfloat16")
WARM = ("digits", "eval", "--help")


@dataclass
class Timing:
    """How long to measure.

    Attributes:
        seconds: About how long the rounds of one comparison take together.
        rounds: The least number of rounds.
    """

    seconds: float = 1.0
    rounds: int = 3

    def best(self, timed: Mapping[str, Call], clock: Clock = time.process_time) -> Figures:
        """Return the least time of one call of each, in alternating rounds.

        Before a turn by the clock on the wall there is a pause, and a call that does not count: the
        threads of the one before look for work for milliseconds, on processors that this one needs.
        """
        repeats = {}
        for name, call in timed.items():
            call()
            repeats[name] = max(1, int(0.002 / max(_time_of(call, 1, clock), 1e-7)))
        best = dict.fromkeys(timed, float("inf"))
        began, done = time.perf_counter(), 0
        while done < self.rounds or time.perf_counter() - began < self.seconds:
            for name, call in timed.items():
                if clock is time.perf_counter:
                    time.sleep(PAUSE)
                    call()
                best[name] = min(best[name], _time_of(call, repeats[name], clock))
            done += 1
        return best


def _time_of(call: Call, repeats: int, clock: Clock) -> float:
    began = clock()
    for _ in range(repeats):
        call()
    return (clock() - began) / repeats


def fastest(dtype: str) -> Any:
    """Return a Scalar with fast kernels, or without if its revision has none."""
    try:
        return get_scalar(dtype, fast_kernels=True)
    except NumleanError:
        return get_scalar(dtype)


def numpy_dtype(name: str) -> Any:
    """Return a dtype of numpy or ml_dtypes; None without ml_dtypes."""
    try:
        import ml_dtypes
    except ImportError:
        return np.dtype(name) if name == "float16" else None
    return np.dtype(getattr(ml_dtypes, name, name))


def matmul_figures(timing: Timing) -> Iterator[tuple[str, float]]:
    """Yield the speed of 512x512 products as a share of OpenBLAS's, on one thread."""
    a, b = operands("matmul", np.float32, 512)
    timed: dict[str, Call] = {"OpenBLAS": lambda: np.matmul(a, b)}
    for dtype in ("float32", "ieee32exec"):
        scalar = fastest(dtype)
        x, y = (scalar.from_float(each.astype(np.float64)) for each in (a, b))
        for contraction in ("separate", "fma"):
            timed[f"{dtype} {contraction}"] = partial(scalar.matmul, x, y, contraction=contraction)
    best = timing.best(timed)
    for name, seconds in best.items():
        yield f"{name} Gop/s", 2e-9 * 512**3 / seconds
        if name != "OpenBLAS":
            yield f"{name} / OpenBLAS", best["OpenBLAS"] / seconds


def small_matmul_figures(timing: Timing) -> Iterator[tuple[str, float]]:
    """Yield the speed of 256x256 products in small formats, each product and sum rounded."""
    timed: dict[str, Call] = {}
    for dtype in (*SMALL_FORMATS, "tf32", "e5m2"):
        scalar = fastest(dtype)
        x, y = operands("matmul", scalar.from_float, 256)
        timed[dtype] = partial(scalar.matmul, x, y)
    for dtype, seconds in timing.best(timed).items():
        yield f"{dtype} Gop/s", 2e-9 * 256**3 / seconds


def _batch(rows: int, inputs: int, classes: int) -> Batch:
    generator = np.random.default_rng(0)
    x = generator.standard_normal((rows, inputs))
    return Batch(x, np.eye(classes)[generator.integers(0, classes, rows)])


def our_step(widths: tuple[int, ...], rows: int, dtype: str) -> Call:
    """Return a compiled step with fast kernels of a network with ReLU, cross-entropy and SGD."""
    layers: list[Any] = []
    for before, after in pairwise(widths):
        layers += [Linear(before, after), ReLU()]
    task = Task.classification(Sequential(*layers[:-1]))
    try:
        spec = RunSpec.parse(dtype, Options("compiled", fast_kernels=True))
    except NumleanError:
        spec = RunSpec.parse(dtype, Options("compiled"))
    runner = spec.runner(task)
    stepper = Stepper(runner, sgd(RATE))
    batch = Batch(*runner.batch(_batch(rows, widths[0], widths[-1])))
    return lambda: stepper.step(batch)


def torch_step(widths: tuple[int, ...], rows: int) -> Call | None:
    """Return PyTorch's eager step of the same network; None without PyTorch."""
    try:
        import torch
    except ImportError:
        return None
    layers: list[Any] = []
    for before, after in pairwise(widths):
        layers += [torch.nn.Linear(before, after), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    rule, loss = torch.optim.SGD(model.parameters(), lr=RATE), torch.nn.CrossEntropyLoss()
    batch = _batch(rows, widths[0], widths[-1])
    x = torch.tensor(np.asarray(batch.x), dtype=torch.float32)
    y = torch.tensor(np.asarray(batch.y).argmax(axis=1))

    def step() -> None:
        rule.zero_grad()
        loss(model(x), y).backward()
        rule.step()

    return step


WIDE = {"784-1024-1024-10": (784, 1024, 1024, 10), "784-512-10": (784, 512, 10)}


def step_figures(timing: Timing) -> Iterator[tuple[str, float]]:
    """Yield how long steps take, and how many times as long as ours PyTorch's take."""
    threads = _threads()
    clock = time.process_time if threads == 1 else time.perf_counter
    _set_torch_threads(threads)
    for name, widths in WIDE.items():
        timed = {"float32": our_step(widths, 128, "float32")}
        theirs = torch_step(widths, 128)
        if theirs is not None:
            timed["PyTorch"] = theirs
        if len(widths) == 4 and threads == 1:
            timed["bfloat16"] = our_step(widths, 128, "bfloat16")
        best = timing.best(timed, clock)
        for each, seconds in best.items():
            yield f"{name} {each} ms", 1e3 * seconds
        if "PyTorch" in best:
            yield f"{name} PyTorch / float32", best["PyTorch"] / best["float32"]
            if "bfloat16" in best:
                yield f"{name} bfloat16 / PyTorch", best["bfloat16"] / best["PyTorch"]


def _set_torch_threads(count: int) -> None:
    if "torch" in sys.modules or _has("torch"):
        import torch

        torch.set_num_threads(count)


def _set_our_threads(count: int) -> None:
    try:
        from numlean.executors.threads import set_num_threads
    except ImportError:  # a revision with one thread
        return
    set_num_threads(count)


def _has(module: str) -> bool:
    from importlib.util import find_spec

    return find_spec(module) is not None


def _threads() -> int:
    return int(os.environ.get("NUMLEAN_NUM_THREADS", "1"))


def training_figures(timing: Timing) -> Iterator[tuple[str, float]]:
    """Yield what a step of 64-64-10 costs in ``numlean train``, and in PyTorch's loop."""
    alone = timing.best({"step": our_step((64, 64, 10), 32, "float32")})["step"]
    few = 1_000
    many = few + int(min(3.0, 10 * timing.seconds) / alone)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "digits.npz")
        data = get_task("digits").load().train.stacked()
        x, labels = np.asarray(data.x).reshape(-1, 64), np.asarray(data.y).argmax(axis=1)
        np.savez(path, x=x, y=labels)
        words = ["train", "--data", str(path), "--target", "y", "--kind", "classification"]
        words += ["--hidden", "64", "--activation", "tanh", "--dtype", "float32"]
        words += ["--batch-size", "32", "--lr", "0.1", "--momentum", "0", "--standardise", "none"]
        words += ["--backend", "compiled", "--fast-kernels", "--json"]
        _command([*words, "--steps", str(few)], os.environ)  # which compiles
        took = {steps: float("inf") for steps in (few, many)}
        for _ in range(timing.rounds):
            for steps in took:
                _, seconds = _command([*words, "--steps", str(steps)], os.environ)
                took[steps] = min(took[steps], seconds)
    ours = (took[many] - took[few]) / (many - few)
    yield "a step of numlean train us", 1e6 * ours
    yield "a step by a stepper us", 1e6 * alone
    theirs = _torch_loop(x, labels)
    if theirs is not None:
        seconds = timing.best({"PyTorch": theirs})["PyTorch"] / 200
        yield "a step of PyTorch's loop us", 1e6 * seconds
        yield "PyTorch / numlean train", seconds / ours


def _torch_loop(x: Any, y: Any) -> Call | None:
    """Return 200 steps of PyTorch's usual loop over shuffled batches; None without PyTorch."""
    if not _has("torch"):
        return None
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    torch.set_num_threads(1)
    model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.Tanh(), torch.nn.Linear(64, 10))
    rule, loss = torch.optim.SGD(model.parameters(), lr=0.1), torch.nn.CrossEntropyLoss()
    pairs = TensorDataset(torch.tensor(x, dtype=torch.float32), torch.tensor(y))
    loader = DataLoader(pairs, batch_size=32, shuffle=True, drop_last=True)

    def loop() -> None:
        done = 0
        while done < 200:
            for inputs, labels in loader:
                rule.zero_grad()
                value = loss(model(inputs), labels)
                value.backward()
                rule.step()
                value.item()
                done += 1
                if done == 200:
                    break

    return loop


def softfloat_figures(timing: Timing) -> Iterator[tuple[str, float]]:
    """Yield how many times as fast as SoftFloat plain ``ieee32exec`` is."""
    for operation in ("add", "mul", "div", "sqrt", "fma", "matmul"):
        found = {one.name: one for one in operation_entries(operation, ["ieee32exec"])}
        best = timing.best({name: one.run for name, one in found.items()})
        each = {name: best[name] / one.count for name, one in found.items()}
        yield f"{operation} ns", 1e9 * each["ieee32exec"]
        rival = each.get("SoftFloat binary32")
        if rival is not None:
            yield f"{operation} SoftFloat / ieee32exec", rival / each["ieee32exec"]


def small_format_figures(timing: Timing) -> Iterator[tuple[str, float]]:
    """Yield times of small formats as multiples of numpy's or ml_dtypes'."""
    for dtype, theirs in SMALL_FORMATS.items():
        rival = numpy_dtype(theirs)
        scalar = fastest(dtype)
        for operation, function in (("add", np.add), ("mul", np.multiply)):
            x, y = operands(operation, scalar.from_float, 0)
            timed: dict[str, Call] = {"ours": partial(getattr(scalar, operation), x, y)}
            if rival is not None:
                others = operands(operation, lambda values, to=rival: values.astype(to), 0)
                timed["theirs"] = partial(function, *others)
            yield from _compared(f"{dtype} {operation}", timing.best(timed))
        (values,) = operands("from_float", np.asarray, 0)
        timed = {"ours": partial(scalar.from_float, values)}
        if rival is not None:
            timed["theirs"] = partial(values.astype, rival)
        yield from _compared(f"{dtype} from_float", timing.best(timed))


def _compared(name: str, best: Figures) -> Iterator[tuple[str, float]]:
    yield f"{name} ns", 1e9 * best["ours"] / ELEMENTS
    if "theirs" in best:
        yield f"{name} / theirs", best["ours"] / best["theirs"]


def elementwise_figures(timing: Timing) -> Iterator[tuple[str, float]]:
    """Yield what one call on 16,384 numbers takes, and sums as multiples of numpy's."""
    scalar = fastest("float32")
    x, y = operands("add", scalar.from_float, 0)
    total = np.empty(1, np.float32)
    timed: dict[str, Call] = {
        "add": partial(scalar.add, x, y),
        "numpy add": partial(np.add, x, y),
        "sum": partial(scalar.sum, x),
        "pairwise sum": partial(scalar.sum, x, reduction="pairwise"),
        "numpy sum": partial(np.sum, x),
        "chain": partial(_chain(), x, total),
    }
    best = timing.best(timed)
    for name in ("add", "numpy add"):
        yield f"{name} us a call", 1e6 * best[name]
    yield "ordered sum / chain of additions", best["sum"] / best["chain"]
    yield "ordered sum / numpy's", best["sum"] / best["numpy sum"]
    yield "pairwise sum / numpy's", best["pairwise sum"] / best["numpy sum"]


def _chain() -> Call:
    """Return the least code that adds numbers in order."""
    import numba

    def chain(x: Any, total: Any) -> None:
        found = np.float32(0)
        for k in range(len(x)):
            found += x[k]
        total[0] = found

    compiled: Call = numba.njit(chain)
    return compiled


def function_figures(timing: Timing) -> Iterator[tuple[str, float]]:
    """Yield times of elementary functions as multiples of numpy's or the C library's."""
    cases = {
        "exp": ("float64", ""),
        "tanh": ("float64", ""),
        "sin": ("float32", C_LIBRARY),
        "pow": ("float32", C_LIBRARY),
    }
    for name, (dtype, rival) in cases.items():
        found = {one.name: one for one in function_entries(name, [dtype, "binary64exec"])}
        kept = {key: found[key] for key in (dtype, "binary64exec", rival) if key in found}
        timed = {key: one.run for key, one in kept.items()}
        wide = [fastest("binary64exec")]
        (x, *_) = [operands("exp", wide[0].from_float, 0)]
        if name in ("exp", "tanh"):
            timed["binary64exec fast"] = partial(getattr(wide[0], name), *x)
        best = timing.best(timed)
        counts = {key: one.count for key, one in kept.items()}
        each = {key: seconds / counts.get(key, ELEMENTS) for key, seconds in best.items()}
        for key, seconds in each.items():
            yield f"{name} {key} ns", 1e9 * seconds
        if rival in each:
            yield f"{name} / {rival}", each[dtype] / each[rival]
        if "binary64exec fast" in each:
            yield f"{name} binary64exec fast / float64", each["binary64exec fast"] / each[dtype]


def float64_figures(timing: Timing) -> Iterator[tuple[str, float]]:
    """Yield times of functions in ``float64`` as multiples of numpy's."""
    scalar = get_scalar("float64")
    for name in ("exp", "tanh"):
        (x,) = operands("exp", scalar.from_float, 0)
        timed = {"ours": partial(getattr(scalar, name), x), "theirs": partial(getattr(np, name), x)}
        yield from _compared(name, timing.best(timed))


def mp_figures(timing: Timing) -> Iterator[tuple[str, float]]:
    """Yield steps of digits in ``mp:PREC``, and how many times as long mpmath takes."""
    task = get_task("digits")
    for precision in (24, 200, 512):
        timed: dict[str, Call] = {"ours": training_step(task, f"mp:{precision}")}
        try:
            timed["mpmath"] = training_step(task, f"mp:{precision}@engine=mpmath")
        except NumleanError:  # an older revision: mp:PREC is mpmath
            timed["mpmath"] = timed["ours"]
        best = Timing(min(timing.seconds, 1.0), 2).best(timed)
        yield f"mp:{precision} step ms", 1e3 * best["ours"]
        yield f"mp:{precision} mpmath / ours", best["mpmath"] / best["ours"]


def lockstep_figures(timing: Timing) -> Iterator[tuple[str, float]]:
    """Yield how much longer two runs take in lockstep with fast kernels than one after another."""
    way = "compiled:fast"
    timed = lockstep_entries(["float32", "ieee32exec"], way)
    steps = STEPS[way] if isinstance(STEPS, dict) else STEPS  # an older revision has one number
    best = Timing(max(timing.seconds, 0.1), max(timing.rounds, 5)).best(timed)
    yield "alone us a step", 1e6 * best["alone"] / steps
    yield "lockstep more", best["lockstep"] / best["alone"] - 1


def command_figures(timing: Timing) -> Iterator[tuple[str, float]]:
    """Yield the seconds of whole commands, with an empty cache of kernels and with a full one.

    Wall-clock time, and the processor time of all their processes.
    """
    for name in COLD:
        with tempfile.TemporaryDirectory() as folder:
            environment = {**os.environ, "NUMBA_CACHE_DIR": folder, "XDG_CACHE_HOME": folder}
            wall, processor = _command(ROWS_OF_COMMANDS[name], environment)
        yield f"cold {name} s", wall
        yield f"cold {name} processor s", processor
    for name in WARM:
        _command(ROWS_OF_COMMANDS[name], os.environ)
        took = [_command(ROWS_OF_COMMANDS[name], os.environ) for _ in range(timing.rounds)]
        yield f"warm {name} s", min(wall for wall, _ in took)
        yield f"warm {name} processor s", min(processor for _, processor in took)


def _command(words: Any, environment: Mapping[str, str]) -> tuple[float, float]:
    """Return the seconds of wall-clock and of processor time of a command."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "numlean", *words],
        env=dict(environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    errors: list[bytes] = []
    reader = threading.Thread(target=lambda: errors.append(process.stderr.read()))
    reader.start()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - began
    reader.join()
    if process.returncode:
        raise SystemExit(f"numlean {' '.join(words)}: {b''.join(errors).decode()[-500:]}")
    return wall, usage.ru_utime + usage.ru_stime


def thread_figures(timing: Timing) -> Iterator[tuple[str, float]]:
    """Yield how many times as fast two threads are as one, each in a process of its own."""
    found: dict[int, Figures] = {}
    for threads in (1, 2):
        environment = {**os.environ, "NUMLEAN_NUM_THREADS": str(threads)}
        words = [sys.executable, __file__, "--part", "threaded", "--seconds", str(timing.seconds)]
        done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
        found[threads] = json.loads(done.stdout)
    for name, figure in found[1].items():
        if name.endswith(" s"):
            yield f"{name.removesuffix(' s')}, 2 threads / 1", figure / found[2][name]
    yield from ((f"{name}, 2 threads", figure) for name, figure in found[2].items())


def threaded_figures(timing: Timing) -> Iterator[tuple[str, float]]:
    """Yield what runs on several threads, by the clock on the wall."""
    scalar = fastest("float32")
    x, y = operands("matmul", scalar.from_float, 512)
    timed: dict[str, Call] = {"matmul 512": partial(scalar.matmul, x, y)}
    for name, seconds in timing.best(timed, time.perf_counter).items():
        yield f"{name} s", seconds
    for name, figure in step_figures_on_threads(timing):
        yield name, figure


def step_figures_on_threads(timing: Timing) -> Iterator[tuple[str, float]]:
    """Yield the wide step in float32 and in PyTorch, on all threads."""
    widths = WIDE["784-1024-1024-10"]
    _set_torch_threads(_threads())
    timed = {"step": our_step(widths, 128, "float32")}
    theirs = torch_step(widths, 128)
    if theirs is not None:
        timed["PyTorch"] = theirs
    best = timing.best(timed, time.perf_counter)
    yield "step s", best["step"]
    if "PyTorch" in best:
        yield "PyTorch / step", best["PyTorch"] / best["step"]


PARTS: dict[str, Callable[[Timing], Iterator[tuple[str, float]]]] = {
    "commands": command_figures,
    "matmul": matmul_figures,
    "training": training_figures,
    "step": step_figures,
    "softfloat": softfloat_figures,
    "small": small_format_figures,
    "small matmul": small_matmul_figures,
    "elementwise": elementwise_figures,
    "functions": function_figures,
    "float64": float64_figures,
    "mp": mp_figures,
    "lockstep": lockstep_figures,
    "threads": thread_figures,
}
"""The comparisons, by the name that figures begin with."""


def description() -> dict[str, Any]:
    """Return the machine, as far as this revision describes it."""
    try:
        from numlean.benchmarks.machine import describe_machine
    except ImportError:  # a revision before it
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return {"date": now, "load": [round(each, 2) for each in os.getloadavg()]}
    return describe_machine()


def main(argv: list[str] | None = None) -> int:
    """Measure, and write or print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="write JSON; other parts stay",
    )
    parser.add_argument("--label", default="", help="what is measured, such as a commit")
    parser.add_argument("--only", action="append", choices=PARTS, help="a part (repeatable)")
    parser.add_argument("--seconds", type=float, default=1.0, help="seconds of a comparison")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    timing = Timing(arguments.seconds)
    os.environ.setdefault("NUMLEAN_NUM_THREADS", "1")
    _set_our_threads(_threads())
    if arguments.part == "threaded":
        print(json.dumps(dict(threaded_figures(timing))))
        return 0
    machine = description()
    document = {"kind": KIND, "version": VERSION, "label": arguments.label, "machine": machine}
    figures: Figures = {}
    if arguments.out and Path(arguments.out).exists():
        figures |= json.loads(Path(arguments.out).read_text(encoding="utf-8"))["figures"]
    with one_thread():
        for part in arguments.only or PARTS:
            measure_part(part, timing, figures)
            if arguments.out:
                text = json.dumps({**document, "figures": figures}, indent=1) + "\n"
                Path(arguments.out).write_text(text, encoding="utf-8")
    if not arguments.out:
        print(json.dumps({**document, "figures": figures}, indent=1))
    return 0


def measure_part(part: str, timing: Timing, figures: Figures) -> None:
    """Measure a part, add its figures, and show them on standard error."""
    began = time.perf_counter()
    for name, figure in PARTS[part](timing):
        figures[f"{part}: {name}"] = figure
        print(f"{part}: {name:50s} {figure:10.4g}", file=sys.stderr, flush=True)
    print(f"  {time.perf_counter() - began:.1f} s", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
