"""The tables of docs/benchmarks.md, made from the files in docs/measurements/.

``render`` replaces what is between ``<!-- measured: NAME -->`` and ``<!-- end -->``. A limit is the
time that a part of the processor needs at least, by the loops of ``numlean bench limits`` in the
same file: its arithmetic pipes, the latency of sums, or the bandwidth of the caches.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from measurement_goals import GOALS, Goal

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
_BLOCK = re.compile(r"(<!-- measured: ([a-z ]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_KIND_NAMES = {512: "AVX-512", 256: "AVX2", 128: "128 bits"}
_TIMES = "\N{MULTIPLICATION SIGN}"
_WIDTHS = {"float32": 4, "ieee32exec": 4, "float64": 8, "binary64exec": 8}
_BITS = {4: "float32", 8: "float64"}
_OPERANDS = {"add": 2, "mul": 2, "div": 2, "sqrt": 1, "fma": 3}

_NOTHING = "Not measured yet; `tools/measure_all` does.\n"

Key = tuple[str, str, str | None]


@dataclass(frozen=True)
class File:
    """The figures of one processor with one kind of vectors.

    Attributes:
        name: The name of the file.
        document: Its contents.
    """

    name: str
    document: dict[str, Any]

    @property
    def kind(self) -> str:
        """The kind of vectors, for people."""
        return _KIND_NAMES[self.document["machine"]["compiled_for"]["vector_bits"]]

    @property
    def title(self) -> str:
        """The processor and the kind of vectors."""
        processor = self.document["machine"]["processor"]
        return f"{self.kind}, {processor['name']} ({processor['llvm_name']})"

    def seconds(self, benchmark: str) -> dict[Key, float]:
        """Return the seconds of one unit by work, implementation and variant."""
        found = self.document["benchmarks"].get(benchmark, {"measurements": []})
        return {
            (each["work"], each["by"], each.get("variant")): each["seconds"] / each["count"]
            for each in found["measurements"]
        }

    @cached_property
    def limits(self) -> dict[str, float]:
        """Return the seconds of one unit by work; of ``x + 3y``, in the caches."""
        found: dict[str, float] = {}
        for (work, _, _), seconds in self.seconds("limits").items():
            found.setdefault(work, seconds)
        return found

    @property
    def revisions(self) -> str:
        """Return the commits that were measured; a version if there are none."""
        found = [each.get("revision") for each in self.document["benchmarks"].values()]
        kept = [revision.rstrip("+")[:10] for revision in found if revision]
        return ", ".join(dict.fromkeys(kept)) or self.document["machine"]["versions"]["numlean"]

    @property
    def caption(self) -> str:
        """Return where and when the figures were measured, and on which software."""
        machine = self.document["machine"]
        processor, versions = machine["processor"], machine["versions"]
        compiled = machine["compiled_for"]
        how = f"numba compiles for `{compiled['processor']}`"
        if self.document["is_imitated"]:
            how += ", and numpy, OpenBLAS and PyTorch use no AVX-512: the same core with narrower"
            how += " instructions, not an older processor"
        dates = sorted({one["date"][:10] for one in self.document["benchmarks"].values()})
        loads = [one["load"][0] for one in self.document["benchmarks"].values() if one["load"]]
        load = f"{min(loads):.1f} to {max(loads):.1f}" if loads else "unknown"
        blas = machine["blas"]
        library = f"{blas['name']} {blas['version']} for {blas['kernels']}, " if blas else ""
        torch = f", PyTorch {versions['torch']}" if "torch" in versions else ""
        return (
            f"**{self.kind}**: {processor['name']}, family {processor['family']} model"
            f" {processor['model']} (`{processor['llvm_name']}`), {processor['processors']}"
            f" processors; {how}. {' to '.join(dict.fromkeys((dates[0], dates[-1])))}, load {load}"
            f" (other programs ran). Python {versions['python']}, numpy {versions['numpy']},"
            f" {library}numba {versions['numba']}, LLVM by llvmlite {versions['llvmlite']}{torch};"
            f" numlean {self.revisions}."
        )


@dataclass(frozen=True)
class Files:
    """All files of a folder.

    Attributes:
        machines: The figures of machines, wide vectors first.
        goals: The figures of goals, by the names of :data:`RUNS_OF_GOALS`.
    """

    machines: tuple[File, ...]
    goals: dict[str, dict[str, Any]]


def read_files(folder: Path) -> Files:
    """Read the files of measurements in a folder."""
    documents = {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}
    machines = [
        File(name, one) for name, one in documents.items() if one["kind"] == "numlean measurements"
    ]
    machines.sort(key=lambda one: -one.document["machine"]["compiled_for"]["vector_bits"])
    goals = {
        name.removeprefix("goals-"): one
        for name, one in documents.items()
        if one["kind"] == "numlean goals"
    }
    return Files(tuple(machines), goals)


def render(page: str, files: Files) -> str:
    """Return the page with its tables made again.

    Raises:
        KeyError: A marker names no table.
    """

    def block(found: re.Match[str]) -> str:
        return f"{found[1]}{TABLES[found[2]](files) or _NOTHING}{found[3]}"

    return _BLOCK.sub(block, page)


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]], texts: int = 1) -> str:
    """Return a table, whose first columns are texts and whose others are numbers."""
    marks = ["---"] * texts + ["---:"] * (len(head) - texts)
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, marks, *rows)) + "\n"


def figure(value: float | None) -> str:
    """Return a number with three digits; nothing for None."""
    if value is None:
        return ""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _by_machine(make: Callable[[File], str]) -> Callable[[Files], str]:
    """Return tables of all machines, one below the other."""

    def tables(files: Files) -> str:
        made = [(file, make(file)) for file in files.machines]
        return "\n".join(f"{file.title}:\n\n{table}" for file, table in made if table)

    return tables


def _machines(files: Files) -> str:
    return "".join(f"- {file.caption}\n" for file in files.machines)


def _limits(files: Files) -> str:
    """Return the speeds of all loops, and per cycle of the clock, side by side."""
    works: dict[str, str] = {}
    for file in files.machines:
        for one in file.document["benchmarks"]["limits"]["measurements"]:
            size = one.get("variant") if one["unit"] == "byte" else None
            works.setdefault(f"{one['work']}, {size}" if size else one["work"], one["unit"])
    head, rows = ["loop", "unit"], []
    for file in files.machines:
        head += [f"{file.kind}: 10⁹/s", "a cycle"]
    for name, unit in works.items():
        row = [name, f"{unit}s"]
        for file in files.machines:
            speeds = {
                f"{w}, {v}" if (w in ("loads", "x + 3y")) else w: s
                for (w, _, v), s in file.seconds("limits").items()
            }
            seconds = speeds.get(name)
            row += [
                figure(seconds and 1e-9 / seconds),
                figure(seconds and file.limits["clock"] / seconds),
            ]
        rows.append(row)
    return markdown(head, rows, 2) if rows else ""


def _products(file: File) -> str:
    found, rows = file.seconds("products"), []
    for work in dict.fromkeys(work for work, _, _ in found):
        is_fused = work.endswith("fma")
        for dtype, size in _WIDTHS.items():
            plain, fast = (found.get((work, dtype, kind)) for kind in ("plain", "fast"))
            if plain is None or fast is None:
                continue
            name = _BITS[size]
            blas = found.get((work, f"numpy, {name}", None))
            limit = file.limits.get(f"{'fma' if is_fused else 'mul + add'}, {name}")
            rows.append(
                [
                    f"`{dtype}`, {'fma' if is_fused else 'separate'}",
                    *(figure(s and 1e-9 / s) for s in (plain, fast, blas)),
                    figure(blas and blas / fast),
                    figure(limit and 1e-9 / limit),
                    figure(limit and limit / fast),
                ]
            )
    head = [
        f"512{_TIMES}512",
        "plain",
        "fast",
        "OpenBLAS",
        "fast / OpenBLAS",
        "limit",
        "fast / limit",
    ]
    return markdown(head, rows) if rows else ""


def _small_products(file: File) -> str:
    found, rows = file.seconds("small products"), []
    for dtype in dict.fromkeys(by for _, by, _ in found):
        cells = [f"`{dtype}`"]
        for work in ("matmul 256", "matmul 256, fma"):
            plain, fast = (found.get((work, dtype, kind)) for kind in ("plain", "fast"))
            cells += [figure(each and 1e-9 / each) for each in (plain, fast)]
            cells.append(figure(plain and fast and plain / fast))
        rows.append(cells)
    head = [
        f"256{_TIMES}256",
        "plain",
        "fast",
        "fast / plain",
        "fma, plain",
        "fma, fast",
        "fast / plain",
    ]
    return markdown(head, rows) if rows else ""


def elementwise_limit(file: File, operation: str, dtype: str) -> tuple[float, str] | None:
    """Return the least seconds of an element, and what needs them; None if that is not known."""
    size = _WIDTHS.get(dtype)
    if size is None:
        return None
    name, moved = _BITS[size], file.limits["x + 3y"]
    if operation == "sum":
        return file.limits[f"chain of add, {name}"], "latency"
    if operation == "from_float":
        return (8 + size) * moved, "bandwidth"
    if operation not in _OPERANDS:
        return None
    bandwidth = (_OPERANDS[operation] + 1) * size * moved
    pipe = file.limits[f"{operation}, {name}"] * (2 if operation == "fma" else 1)
    return max((bandwidth, "bandwidth"), (pipe, f"{operation} pipe"))


def _elementwise_of(benchmark: str) -> Callable[[File], str]:
    def table(file: File) -> str:
        found, rows = file.seconds(benchmark), []
        for work, dtype in dict.fromkeys((work, by) for work, by, kind in found if kind == "fast"):
            plain, fast = (found[work, dtype, kind] for kind in ("plain", "fast"))
            numpy = next(
                (found[key] for key in found if key[0] == work and key[1] in _rivals(dtype)), None
            )
            limit = elementwise_limit(file, work, dtype)
            cells = [work, f"`{dtype}`", *(figure(s and 1e9 * s) for s in (plain, fast, numpy))]
            cells.append(figure(limit and 1e9 * limit[0]))
            cells += [figure(limit and fast / limit[0]), limit[1] if limit else ""]
            rows.append(cells)
        head = ["", "", "plain", "fast", "numpy", "limit", "fast / limit", "limited by"]
        return markdown(head, rows, 2) if rows else ""

    return table


def _rivals(dtype: str) -> tuple[str, ...]:
    """Return the names of numpy's and ml_dtypes' entries on the same numbers."""
    size = _WIDTHS.get(dtype)
    others = {"binary16": "float16", "e4m3": "float8_e4m3fn", "e5m2": "float8_e5m2"}
    return (f"numpy, {_BITS[size] if size else others.get(dtype, dtype)}",)


def _operations(file: File) -> str:
    found, rows = file.seconds("operations"), []
    for work in dict.fromkeys(work for work, _, _ in found):
        ours = found.get((work, "ieee32exec", None))
        theirs = found.get((work, "SoftFloat binary32", None))
        names = ("float32", "ieee32exec", "ieee32exec, flags")
        times = [found.get((work, name, None)) for name in names]
        cells = [figure(s and 1e9 * s) for s in (*times, theirs)]
        rows.append([work, *cells, figure(theirs and ours and theirs / ours)])
    head = ["", "`float32`", "`ieee32exec`", "with flags", "SoftFloat", "SoftFloat / `ieee32exec`"]
    return markdown(head, rows) if rows else ""


def _functions(file: File) -> str:
    found, rows = file.seconds("functions"), []
    names = (
        *("float64", "binary64exec", "numpy, float64", "float32", "ieee32exec", "numpy, float32"),
        "C library, binary32",
    )
    for work in dict.fromkeys(work for work, _, _ in found):
        times = [found.get((work, name, None)) for name in names]
        rows.append([work, *(figure(s and 1e9 * s) for s in times)])
    head = ["", *(name if " " in name else f"`{name}`" for name in names)]
    return markdown(head, rows) if rows else ""


def _mp(file: File) -> str:
    rows = []
    digits = {("step of digits", by, None): s for (_, by, _), s in file.seconds("digits").items()}
    found = file.seconds("mp") | digits
    for work in dict.fromkeys(work for work, _, _ in found):
        cells = [f"{work}, {'ms' if work.startswith('step') else 'ns'}"]
        for precision in (24, 200, 512):
            ours = found.get((work, f"mp:{precision}", None))
            theirs = found.get((work, f"mp:{precision}@engine=mpmath", None))
            scale = 1e3 if work.startswith("step") else 1e9
            cells += [figure(ours and ours * scale), figure(ours and theirs and theirs / ours)]
        rows.append(cells)
    head = ["", *(x for p in (24, 200, 512) for x in (f"`mp:{p}`", "mpmath / it"))]
    return markdown(head, rows) if rows else ""


_STEP_OPERATIONS = 2 * 32 * (2 * 64 * 64 + 3 * 64 * 10)
"""A step of 64-64-10 on 32 images: products of the first layer twice, of the second three times."""


def _steps(file: File) -> str:
    found, rows = file.seconds("steps"), []
    names = ("eager", "compiled", "compiled, fast kernels")
    torch = next((by for _, by, _ in found if by.startswith("PyTorch")), None)
    for work in dict.fromkeys(work for work, _, _ in found if "64-64-10" in work):
        dtypes = dict.fromkeys(by.split()[0] for w, by, _ in found if w == work and by != torch)
        for dtype in dtypes:
            times = [found.get((work, f"{dtype} {name}", None)) for name in names]
            theirs = found.get((work, torch, None)) if torch and dtype == "float32" else None
            limit = _STEP_OPERATIONS * file.limits["mul + add, float32"]
            fast = times[-1]
            cells = [figure(s and 1e6 * s) for s in (*times, theirs, limit)]
            label = work.removeprefix("step of 64-64-10, ")
            rows.append([f"`{dtype}`, {label}", *cells, figure(theirs and fast and theirs / fast)])
    head = ["µs", *names, "PyTorch", "limit: products", "PyTorch / fast"]
    return markdown(head, rows) if rows else ""


def _policies(file: File) -> str:
    found = {by: seconds for (_, by, _), seconds in file.seconds("policies").items()}
    base = found.get("float32")
    rows = [
        [f"`{by.removeprefix('policy:')}`", figure(1e6 * s), figure(base and s / base)]
        for by, s in found.items()
    ]
    return markdown(["", "µs a step", f"{_TIMES} `float32`"], rows) if rows else ""


def _blocks(file: File) -> str:
    found = {by: seconds for (_, by, _), seconds in file.seconds("blocks").items()}
    moved = _memory(file)
    rows = [
        [
            f"`{by}`" if " " not in by else by,
            figure(1e9 * s),
            figure(5e9 * moved),
            figure(s / (5 * moved)),
        ]
        for by, s in found.items()
    ]
    return markdown(["", "ns a number", "limit: memory", f"{_TIMES} limit"], rows) if rows else ""


def _memory(file: File) -> float:
    """Return the seconds of a byte by the triad in memory, the last one of the limits."""
    return [s for (work, _, _), s in file.seconds("limits").items() if work == "x + 3y"][-1]


def _units(file: File) -> str:
    found = {by: seconds for (_, by, _), seconds in file.seconds("units").items()}
    base = found.get("ieee32exec")
    rows = [
        [f"`{by}`", figure(2e-9 / s), figure(1e9 * s), figure(base and base / s)]
        for by, s in found.items()
    ]
    return (
        markdown([f"256{_TIMES}256", "Gop/s", "ns a term", f"{_TIMES} plain `ieee32exec`"], rows)
        if rows
        else ""
    )


def _lockstep(file: File) -> str:
    found, rows = file.seconds("lockstep"), []
    for way in dict.fromkeys(variant for _, _, variant in found):
        alone, both = (
            next(s for (work, _, v), s in found.items() if v == way and work.endswith(name))
            for name in ("alone", "lockstep")
        )
        rows.append([str(way), figure(1e6 * alone), figure(1e6 * both), f"{both / alone - 1:.1%}"])
    return markdown(["µs for two steps", "alone", "lockstep", "more"], rows) if rows else ""


def _threads(file: File) -> str:
    found, rows = file.seconds("threads"), []
    counts = sorted({int(str(variant).split()[-2]) for _, _, variant in found})
    for work, by, option in dict.fromkeys((w, b, str(v).rpartition(", ")[0]) for w, b, v in found):
        times = [
            next(
                s
                for (w, b, v), s in found.items()
                if (w, b) == (work, by)
                and str(v).startswith(option)
                and str(v).endswith(f"{count} threads")
            )
            for count in (counts[0], counts[-1])
        ]
        scale = 1e3 if work.startswith("step") else 1e3 * 512**3
        name = ", ".join(filter(None, (f"{work} `{by}`", option)))
        rows.append([name, *(figure(scale * s) for s in times), figure(times[0] / times[1])])
    head = ["ms", *(f"{count} thread{'s' * (count > 1)}" for count in counts), _TIMES]
    return markdown(head, rows) if rows else ""


RUNS_OF_GOALS = {
    "before": ("before",),
    "after": ("after", "reached"),
    "after-avx2": ("after, AVX2", "reached"),
}
"""The columns of each run of tools/measure_goals.py: of an earlier revision, and of this one by the
instructions of the machine and by those of AVX2."""


def _goals(files: Files) -> str:
    runs = [name for name in RUNS_OF_GOALS if name in files.goals]
    rows = list(_goal_rows({name: files.goals[name]["figures"] for name in runs}))
    head = ["work", "goal", *(column for name in runs for column in RUNS_OF_GOALS[name])]
    return markdown(head, rows, 1) if rows else ""


def _goal_rows(runs: dict[str, dict[str, float]]) -> Iterator[list[str]]:
    for goal in GOALS:
        found = {name: figures.get(goal.figure) for name, figures in runs.items()}
        if any(figure is not None for figure in found.values()):
            row = [goal.work, goal.text]
            for name, figure in found.items():
                cells = (goal.show(figure), _verdict(goal, figure))
                row += cells[: len(RUNS_OF_GOALS[name])]
            yield row


def _verdict(goal: Goal, now: float | None) -> str:
    if now is None or not goal.has_bound:
        return ""
    return "yes" if goal.is_reached(now) else f"no, by {goal.missed_by(now):.0%}"


def _goal_machines(files: Files) -> str:
    lines = []
    for name, (title, *_) in RUNS_OF_GOALS.items():
        found = files.goals.get(name)
        if found:
            machine, label = found["machine"], found["label"]
            date = machine["date"][:16].replace("T", " ")
            load = f", load {machine['load'][0]} at the start" if machine.get("load") else ""
            lines.append(f"- *{title}*: {label}, {date} UTC{load}\n")
    return "".join(lines)


TABLES: dict[str, Callable[[Files], str]] = {
    "machines": _machines,
    "limits": _limits,
    "goals": _goals,
    "goal runs": _goal_machines,
    "products": _by_machine(_products),
    "small products": _by_machine(_small_products),
    "elementwise": _by_machine(_elementwise_of("elementwise")),
    "small elementwise": _by_machine(_elementwise_of("small elementwise")),
    "operations": _by_machine(_operations),
    "functions": _by_machine(_functions),
    "mp": _by_machine(_mp),
    "steps": _by_machine(_steps),
    "policies": _by_machine(_policies),
    "blocks": _by_machine(_blocks),
    "units": _by_machine(_units),
    "lockstep": _by_machine(_lockstep),
    "threads": _by_machine(_threads),
}
"""The tables by the names in markers."""
