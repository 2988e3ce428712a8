"""The figures of a comparison as HTML tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from numlean.analysis.drift import part_tables
from numlean.analysis.drift.operations import OperationErrors
from numlean.analysis.drift.page.settings import training_settings
from numlean.pages.html import Child, Html, element
from numlean.pages.numbers import format_number, power_of_two
from numlean.pages.tables import data_table, definition_list
from numlean.scalar.dtype import ALIASES

if TYPE_CHECKING:
    from numlean.analysis.drift.result import Comparison

_NOTABLE: Final = 2.0
"""From this amplification on, a row is marked."""

_OPERATIONS: Final = (
    *("phase", "layer", "operation", "calls", "local relative", "inherited relative"),
    *("total relative", "amplifies", "local max ulp", "local rms ulp", "inherited max ulp"),
    *("inherited rms ulp", "total max ulp", "total rms ulp", "inf", "NaN", "introduced", "flips"),
)


def settings(result: Comparison) -> Html:
    """Return the settings of the comparison."""
    header = result.header
    shown = {
        "task": header["task"],
        "dtypes": ", ".join(result.dtypes),
        "truth": result.truth,
        "seeds": ", ".join(map(str, header["seeds"])),
        "steps": f"{header['steps']}, measured every {header['every']}",
        **training_settings(header),
    }
    return definition_list(shown)


def measures(result: Comparison) -> Html:
    """Return the ulps and the exact arithmetic used for each run."""
    rows = [
        (
            *(dtype, unit_name(dtype, each["grid"]["name"]), str(each["grid"]["precision"])),
            *(_magnitudes(each.get("magnitudes")), each["judge"]),
        )
        for dtype, each in result.header["measures"].items()
    ]
    head = ("dtype", "ulp of", "bits", "magnitudes", "exact operations by")
    return data_table(head, rows, "<<><<", label="Ulps of each dtype")


def unit_name(dtype: str, unit: str) -> str:
    """Return the name of the format of ulps: as the run has it, if it is the run's own."""
    return dtype if ALIASES.get(dtype.casefold()) == unit else unit


def _magnitudes(exponents: Sequence[int] | None) -> str:
    """Return from which power of two to below which one all numbers lie."""
    if exponents is None:
        return "\N{EN DASH}"
    least, greatest = exponents
    return f"{power_of_two(least)} to {power_of_two(greatest + 1)}"


def runs(result: Comparison) -> Html:
    """Return the final results of each run."""
    rows = [
        (
            *(run["dtype"], str(run["seed"]), format_number(run["exact_loss"], 6)),
            *(_percent(run["accuracy"]), format_number(run["test_loss"], 6)),
            *(run["state_digest"], run["value_digest"]),
        )
        for run in sorted(result.runs, key=lambda run: result.dtypes.index(run["dtype"]))
    ]
    head = ("dtype", "seed", "last loss", "accuracy", "test loss", "state digest", "value digest")
    return data_table(head, rows, "<>>>><", css_class="digests", label="Final results")


def ends(result: Comparison) -> Html:
    """Return the relative errors of the parameters and the loss after the last step."""
    names = ("relative", "median_relative", "max_relative", "sign_flips", "inf", "nan")
    rows = [
        (
            *(dtype, str(record["seed"])),
            *(format_number(record["parameters"][name]) for name in names),
            format_number(record["loss_relative_error"]),
        )
        for dtype in result.measured
        for record in result.last(dtype)
    ]
    head = (
        *("dtype", "seed", "relative", "median relative", "max relative", "sign flips"),
        *("inf", "NaN", "loss: relative"),
    )
    return data_table(head, rows, label="Errors after the last step")


def ends_in_ulps(result: Comparison, dtype: str) -> Html:
    """Return the errors of one dtype after the last step, in ulps of its format."""
    unit = result.header["measures"][dtype]["grid"]
    names = ("median_ulp", "max_ulp", "rms_ulp")
    rows = [
        (
            str(record["seed"]),
            *(format_number(record["parameters"][name]) for name in names),
            format_number(record["loss_error_ulp"]),
        )
        for record in result.last(dtype)
    ]
    name = unit_name(dtype, unit["name"])
    own = "" if name == dtype else f" of {name}"
    title = f"{dtype}, in ulps{own} ({unit['precision']} bits)"
    head = ("seed", "median ulp", "max ulp", "rms ulp", "loss: ulp")
    return data_table(head, rows, ">", title=title, label=f"Errors of {dtype} in ulps")


def units(result: Comparison, dtype: str) -> str:
    """Return a sentence that states the units of a dtype's operations."""
    measure = result.header["measures"][dtype]
    if measure["local_grid"] is None:
        return (
            "Errors in ulp are in ulps of the arithmetic that an operation names, and all but local"
            " ones in those of the reference run if they are larger."
        )
    local, others = (unit_name(dtype, measure[grid]["name"]) for grid in ("local_grid", "grid"))
    if local == others:
        return f"Errors in ulp are in ulps of {local}."
    return f"Local errors in ulp are in ulps of {local}, all others in ulps of {others}."


def operations(result: Comparison, dtype: str) -> Html:
    """Return every operation of every layer, over all steps and seeds."""
    found = result.operations.get(dtype, {})
    rows = [(*key, *_figures(errors)) for key, errors in found.items()]
    return data_table(
        _OPERATIONS,
        rows,
        "<<<>",
        css_class="wide",
        label=f"Operations in {dtype}",
        links={k: operation_id(result, dtype, k) for k in range(len(rows))},
    )


def operation_id(result: Comparison, dtype: str, number: int) -> str:
    """Return the identifier of an operation's row, by its number in program order."""
    return f"operation-{result.dtypes.index(dtype)}-{number}"


def products(result: Comparison, dtype: str) -> Html:
    """Return the parts of the errors of each product of a layer, over all steps and seeds."""
    rows = part_tables.product_rows(result.products[dtype])
    return data_table(part_tables.PARTS_OF_PRODUCTS, rows, "<<>>>><", label=f"Products in {dtype}")


def quantised(result: Comparison, dtype: str) -> Html:
    """Return the shares, errors and scales of each scaled operand, over all steps and seeds."""
    rows = part_tables.quantised_rows(result.quantisations[dtype])
    return data_table(
        part_tables.QUANTISED,
        rows,
        part_tables.QUANTISED_ALIGN,
        label=f"Scaled operands in {dtype}",
    )


def worst_blocks(result: Comparison, dtype: str) -> Html:
    """Return the blocks with the greatest relative errors, over all operands."""
    rows = part_tables.worst_rows(result.quantisations[dtype])
    return data_table(
        part_tables.WORST,
        rows,
        "<<<<>",
        title="Blocks with the greatest errors",
        label=f"Worst blocks in {dtype}",
    )


def updates(result: Comparison, dtype: str) -> Html:
    """Return what the updates of each parameter lose, over all steps and seeds."""
    found = result.updates[dtype]
    return data_table(
        part_tables.update_head(found), part_tables.update_rows(found), label=f"Updates in {dtype}"
    )


def states(result: Comparison) -> Html | None:
    """Return the errors of the optimizer's state after the last step; None if there are none."""
    rows = list(part_tables.state_rows(result))
    return (
        data_table(part_tables.STATE_HEAD, rows, "<<>", label="State of the optimizer")
        if rows
        else None
    )


def policies(result: Comparison) -> Iterator[Child]:
    """Yield the fields of each policy."""
    for name, fields in result.header.get("policies", {}).items():
        shown = definition_list({key: str(value) for key, value in fields.items()})
        yield element("h3", name), shown


def flags(result: Comparison) -> Html | None:
    """Return the flags raised in the measured steps; None if no run counts them."""
    totals: dict[tuple[str, str], Counter[str]] = {}
    for record in result.steps:
        for operation, counts in (record["flags"] or {}).items():
            totals.setdefault((record["dtype"], operation), Counter()).update(counts)
    if not totals:
        return None
    names = list(next(iter(totals.values())))
    order = sorted(totals, key=lambda key: (result.dtypes.index(key[0]), key[1]))
    rows = [(*key, *(format_number(totals[key][name]) for name in names)) for key in order]
    head = ("dtype", "operation", *(name.replace("_", " ") for name in names))
    return data_table(head, rows, "<<>", label="Flags")


def _figures(errors: OperationErrors) -> list[str]:
    local, inherited, total = errors.local, errors.inherited, errors.total
    parts = (local, inherited, total)
    relative: list[Any] = [each.relative if each.is_measured else None for each in parts]
    ulps = [value for each in parts for value in _ulps(each)]
    mark = "▲ " if errors.amplification >= _NOTABLE else ""
    specials = (errors.inf, errors.nan, errors.introduced_nonfinite, errors.flipped_comparisons)
    gain = mark + format_number(errors.amplification) if errors.amplification else "\N{EN DASH}"
    numbers = (*ulps, *specials)
    return [*map(format_number, [errors.calls, *relative]), gain, *map(format_number, numbers)]


def _ulps(stats: Any) -> tuple[float | None, float | None]:
    return (stats.max_ulp, stats.rms_ulp) if stats.is_measured else (None, None)


def _percent(accuracy: float | None) -> str:
    return "\N{EN DASH}" if accuracy is None else f"{100 * accuracy:.2f} %"
