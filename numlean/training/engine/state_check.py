"""Check an optimizer's state before an engine takes it over."""

from __future__ import annotations

from numlean.errors import MixedScalarError, NumleanError, ShapeError
from numlean.optim import State
from numlean.scalar.identity import name_both


def check_state(own: State, given: State) -> None:
    """Check that a state has the names, shapes and Scalars of an engine's own state.

    Raises:
        NumleanError: Names or numbers of tensors differ.
        ShapeError: A tensor has another shape.
        MixedScalarError: A tensor belongs to another Scalar.
    """
    counts, found = ({name: len(state[name]) for name in state} for state in (own, given))
    if counts != found:
        raise NumleanError(
            f"the optimizer's state has {_tensors(counts)}, got {_tensors(found)}; restore the"
            " state of the same optimizer and model"
        )
    for name, tensors in own.items():
        for index, (x, y) in enumerate(zip(tensors, given[name], strict=True)):
            if x.shape != y.shape:
                raise ShapeError(
                    f"tensor {index} of the state {name!r} has shape {x.shape}, got {y.shape}"
                )
            if x.scalar != y.scalar:
                raise MixedScalarError(
                    f"the Scalars of the run and of tensor {index} of the state {name!r} differ:"
                    f" {name_both(x.scalar, y.scalar)}"
                )


def _tensors(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} tensors {name!r}" for name, count in counts.items()) or "no tensors"
