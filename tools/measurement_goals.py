"""The goals of speed: which figure of tools/measure_goals.py must reach what."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Goal:
    """One goal.

    Attributes:
        work: What is measured, and against what.
        figure: The name of the figure.
        at_least: The least figure that reaches the goal.
        at_most: The greatest one. Neither for a figure that only informs.
        unit: The unit behind the figure; ``%`` for a share.
    """

    work: str
    figure: str
    at_least: float | None = None
    at_most: float | None = None
    unit: str = ""

    @property
    def has_bound(self) -> bool:
        """Whether there is something to reach."""
        return self.at_least is not None or self.at_most is not None

    @property
    def text(self) -> str:
        """The goal for people."""
        if self.at_least is not None:
            return f"≥ {self.show(self.at_least)}"
        return f"≤ {self.show(self.at_most)}" if self.at_most is not None else ""

    def show(self, value: float | None) -> str:
        """Return a figure with its unit; nothing for None."""
        if value is None:
            return ""
        if self.unit == "%":
            return f"{value:.0%}"
        digits = f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
        return f"{digits} {self.unit}".rstrip()

    def is_reached(self, value: float) -> bool:
        """Return whether a figure reaches the goal."""
        if self.at_least is not None:
            return value >= self.at_least
        return self.at_most is None or value <= self.at_most

    def missed_by(self, value: float) -> float:
        """Return the part of the bound by which a figure misses it."""
        bound = self.at_least if self.at_least is not None else self.at_most
        return abs(value - bound) / bound if bound else 0.0


def _goals() -> tuple[Goal, ...]:
    found: list[Goal] = []
    for dtype in ("float32", "ieee32exec"):
        for kind, bound in (("separate", 0.85), ("fma", 0.92)):
            work = f"`matmul` 512, `{dtype}`, {kind}, fast: share of OpenBLAS's speed, one thread"
            found.append(Goal(work, f"matmul: {dtype} {kind} / OpenBLAS", bound))
    found += [
        Goal(
            "a step of 64-64-10, batch 32, by `numlean train`: times PyTorch's speed",
            *("training: PyTorch / numlean train", 4.0),
        ),
        Goal(
            "the same step with the loop around it",
            *("training: a step of numlean train us", None, None, "µs"),
        ),
        Goal(
            "the same step alone, called from Python",
            *("training: a step by a stepper us", None, None, "µs"),
        ),
    ]
    for name in ("784-1024-1024-10", "784-512-10"):
        work = f"a step of {name}, batch 128, `float32`: times PyTorch's speed, one thread"
        found.append(Goal(work, f"step: {name} PyTorch / float32", 1.0))
    found += [
        Goal(
            "a step of 784-1024-1024-10: times PyTorch's speed, two threads each",
            *("threads: PyTorch / step, 2 threads", 1.0),
        ),
        Goal(
            "a step of 784-1024-1024-10: two threads, times one",
            *("threads: step, 2 threads / 1", 1.8),
        ),
        Goal(
            "`matmul` 512, `float32`: two threads, times one",
            *("threads: matmul 512, 2 threads / 1", 1.8),
        ),
        Goal(
            "a step of 784-1024-1024-10 in `bfloat16`: time of PyTorch's in float32",
            *("step: 784-1024-1024-10 bfloat16 / PyTorch", None, 8.0),
        ),
    ]
    for operation, bound in {
        "add": 12.0,
        "mul": 10.0,
        "div": 6.0,
        "sqrt": 6.0,
        "fma": 8.0,
        "matmul": 12.0,
    }.items():
        work = f"plain `ieee32exec`, {operation}: times SoftFloat's speed"
        found.append(Goal(work, f"softfloat: {operation} SoftFloat / ieee32exec", bound))
    rivals = {"binary16": "numpy's", "bfloat16": "ml_dtypes'", "e4m3": "ml_dtypes'"}
    for dtype, rival in rivals.items():
        for operation in ("add", "mul"):
            work = f"`{dtype}`, {operation}: time of {rival}"
            found.append(Goal(work, f"small: {dtype} {operation} / theirs", None, 0.3))
    for dtype, rival in rivals.items():
        work = f"`from_float` to `{dtype}`: time of {rival}"
        found.append(Goal(work, f"small: {dtype} from_float / theirs", None, 1.0))
    for dtype in ("binary16", "bfloat16", "tf32", "e4m3", "e5m2"):
        work = f"`matmul` 256, `{dtype}`, every product and sum rounded"
        found.append(Goal(work, f"small matmul: {dtype} Gop/s", 2.0, None, "Gop/s"))
    found += [
        Goal(
            "`add` of 16,384 `float32` numbers, a call",
            *("elementwise: add us a call", None, 4.0, "µs"),
        ),
        Goal("the same by numpy", *("elementwise: numpy add us a call", None, None, "µs")),
        Goal(
            "pairwise sum of 16,384 numbers: time of numpy's",
            *("elementwise: pairwise sum / numpy's", None, 1.2),
        ),
        Goal(
            "ordered sum: time of a chain of additions",
            *("elementwise: ordered sum / chain of additions", None, 1.1),
        ),
        *(
            Goal(
                f"`{name}` in `float64`: time of numpy's",
                *(f"float64: {name} / theirs", None, 2.5),
            )
            for name in ("exp", "tanh")
        ),
        Goal(
            "`sin` in binary32: time of the C library's",
            *("functions: sin / C library, binary32", None, 1.5),
        ),
        Goal(
            "`pow` in binary32: time of the C library's",
            *("functions: pow / C library, binary32", None, 4.0),
        ),
        *(
            Goal(
                f"`{name}` in `binary64exec`, fast: time of `float64`'s",
                *(f"functions: {name} binary64exec fast / float64", None, 1.1),
            )
            for name in ("exp", "tanh")
        ),
        *(
            Goal(
                f"`{name}` in `binary64exec`, plain, which counts flags",
                *(f"functions: {name} binary64exec ns", None, None, "ns"),
            )
            for name in ("exp", "tanh")
        ),
    ]
    for precision in (24, 200, 512):
        work = f"a step of `digits` in `mp:{precision}`: times mpmath's speed"
        found.append(Goal(work, f"mp: mp:{precision} mpmath / ours", 20.0))
    found.append(
        Goal(
            "lockstep, fast kernels: more than two runs", "lockstep: lockstep more", None, 0.1, "%"
        )
    )
    for name in ("eval", "xor float32", "digits ieee32exec", "digits bfloat16"):
        work = f"first use, nothing compiled: {name}"
        found.append(Goal(work, f"commands: cold {name} s", None, 10.0, "s"))
    for name, bound in {"digits": 1.5, "eval": 0.5, "--help": 0.2}.items():
        words = {"digits": "train digits --steps 1", "eval": "eval 1+1"}.get(name, name)
        work = f"warm `numlean {words}`"
        found.append(Goal(work, f"commands: warm {name} s", None, bound, "s"))
    return tuple(found)


GOALS = _goals()
"""All goals, in the order of the table."""
