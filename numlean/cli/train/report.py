"""The report of a training run, as text."""

from __future__ import annotations

from typing import Any, Final

from numlean.cli.train.nonfinite import nonfinite_text
from numlean.optim import format_hyperparameters
from numlean.text_table import TextTable, align_rows
from numlean_kernels.flags import FLAGS

_SHOWN: Final = 5
"""Maximum number of skipped steps by their numbers."""

_ENDINGS = {
    "interrupt": " (interrupted)",
    "patience": " (test loss stopped improving)",
    "nonfinite": " (not finite)",
    None: "",
}


def as_text(report: dict[str, Any]) -> str:
    """Return the report as text."""
    accuracy, test_loss = report["accuracy"], report["test_loss"]
    steps = f"{report['steps']} steps{_ENDINGS[report['stopped_by']]}"
    shards = f" in {report['shards']} shards" if "shards" in report else ""
    rows = {
        "task": f"{report['task']}, {steps} of {report['batch_size']} samples{shards}",
        "dtype": f"{report['dtype']} on {report['device']}, {report['backend']}",
        "optimizer": format_hyperparameters(report["hyperparameters"]),
        "loss": f"{report['loss_before']:.9g} -> {report['loss_after']:.9g}",
        f"loss in {report['dtype']}": _in_format(report),
        "test loss": "" if test_loss is None else f"{test_loss:.9g}",
        "test accuracy": "" if accuracy is None else f"{accuracy:.2%}",
        "best test loss": _best(report.get("best")),
        "loss scaling": _loss_scaling(report.get("loss_scaling")),
        "not finite": nonfinite_text(report["nonfinite"]) if report["nonfinite"] else "",
        "seconds": f"{report['seconds']:.3f}",
        "state_digest": report["state_digest"],
        "value_digest": report["value_digest"],
    }
    lines = align_rows((name, value) for name, value in rows.items() if value)
    return "\n".join([*lines, *_flag_lines(report)])


def _flag_lines(report: dict[str, Any]) -> list[str]:
    """Return the table of flags, by operation and, in a run by a policy, by dtype."""
    if "flags_by_dtype" not in report:
        return _flag_table(report["flags"]) if "flags" in report else []
    counts = {
        f"{dtype} {operation}": flags
        for dtype, by_operation in report["flags_by_dtype"].items()
        for operation, flags in by_operation.items()
    }
    others = report["flags_not_counted"]
    return [*_flag_table(counts), *(["not counted: " + ", ".join(others)] if others else [])]


def _in_format(report: dict[str, Any]) -> str:
    """Return the losses in the run's arithmetic, if they look different."""
    exact, own = (
        [f"{report[key + end]:.3g}" for key in ("loss_before", "loss_after")]
        for end in ("", "_in_format")
    )
    return "" if exact == own else " -> ".join(own)


def _best(found: dict[str, Any] | None) -> str:
    return "" if found is None else f"{found['test_loss']:.9g} after {found['updates']} steps"


def _loss_scaling(found: dict[str, Any] | None) -> str:
    """Return the last scale and the first skipped steps."""
    if found is None:
        return ""
    skipped = found["skipped_steps"]
    first = ", ".join(map(str, skipped[:_SHOWN])) + (", ..." if len(skipped) > _SHOWN else "")
    steps = f"skipped {len(skipped)} steps ({first})" if skipped else "skipped no step"
    return f"{steps}, last scale {found['scale']:g}"


def _flag_table(by_operation: dict[str, dict[str, int]]) -> list[str]:
    rows = (
        (operation, *(f"{counts[name]:,}" for name in FLAGS))
        for operation, counts in by_operation.items()
    )
    return TextTable(("flags", *FLAGS), tuple(rows), "<>").lines()
