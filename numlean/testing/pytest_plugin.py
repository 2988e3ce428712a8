"""A pytest plug-in: ``pytest --numlean-scalar "DTYPE [DEVICE]"`` runs the conformance suite.

Each promise is a test of its own, beside whatever else is collected. The option may be repeated.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from numlean.testing.conformance import Check, Subject

pytest.register_assert_rewrite("numlean.testing.conformance")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Say what the command takes."""
    parser.getgroup("numlean").addoption(
        "--numlean-scalar",
        action="append",
        default=[],
        metavar="DTYPE[@OPTIONS][ DEVICE]",
        help="run numlean's conformance suite on this arithmetic (repeatable)",
    )


def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Add the promises of every Scalar asked for."""
    for text in config.getoption("--numlean-scalar"):
        dtype, _, device = text.partition(" ")
        collector = ConformanceCollector.from_parent(
            session, name=f"numlean {text}", dtype=dtype, device=device or None
        )
        items += list(collector.collect())


class ConformanceCollector(pytest.Collector):
    """The promises of one Scalar."""

    def __init__(self, *, dtype: str, device: str | None, **options: object) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self.dtype = dtype
        self.device = device

    def collect(self) -> Iterator[pytest.Item]:
        """One item a promise.

        Raises:
            pytest.UsageError: There is no such Scalar.
        """
        # Imported only where it is asked for: this file is loaded by every run of pytest.
        from numlean.errors import NumleanError
        from numlean.scalar.registry import get_scalar
        from numlean.testing.conformance import CHECKS, Subject
        from numlean.testing.reference import reference_of

        try:
            scalar = get_scalar(self.dtype, self.device)
        except NumleanError as error:
            raise pytest.UsageError(str(error)) from None
        subject = Subject(scalar, reference_of(scalar))
        for check in CHECKS:
            yield ConformanceItem.from_parent(self, name=check.name, check=check, subject=subject)


class ConformanceItem(pytest.Item):
    """One promise of one Scalar."""

    def __init__(self, *, check: Check, subject: Subject, **options: object) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self.check = check
        self.subject = subject

    def runtest(self) -> None:
        """Check it; a promise without meaning for the Scalar is skipped with the reason."""
        from numlean.testing.conformance import NotApplicableError

        try:
            self.check.run(self.subject)
        except NotApplicableError as reason:
            pytest.skip(str(reason))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> str:  # type: ignore[override]
        """What was found instead."""
        return f"{self.parent.name if self.parent else ''}: {self.name}\n{excinfo.value!r}"

    def reportinfo(self) -> tuple[str, None, str]:
        """The promise as a heading."""
        return __file__, None, f"{self.parent.name if self.parent else ''}: {self.name}"
