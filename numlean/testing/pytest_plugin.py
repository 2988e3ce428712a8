"""A pytest plug-in: ``pytest --numlean-scalar "DTYPE [DEVICE]"`` runs the conformance suite.

Each check is a test of its own, in addition to the tests collected. The option may be repeated.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from numlean.testing.conformance import Check, Subject

pytest.register_assert_rewrite("numlean.testing.conformance")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
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
    """Add the checks of every Scalar requested."""
    for text in config.getoption("--numlean-scalar"):
        dtype, _, device = text.partition(" ")
        collector = ConformanceCollector.from_parent(
            session, name=f"numlean {text}", dtype=dtype, device=device or None
        )
        items += list(collector.collect())


class ConformanceCollector(pytest.Collector):
    """The checks of one Scalar."""

    def __init__(self, *, dtype: str, device: str | None, **options: object) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self.dtype = dtype
        self.device = device

    def collect(self) -> Iterator[pytest.Item]:
        """Yield one item for each check.

        Raises:
            pytest.UsageError: The dtype or the device is unknown.
        """
        # Imported only if requested: every run of pytest loads this file.
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
    """One check of one Scalar."""

    def __init__(self, *, check: Check, subject: Subject, **options: object) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self.check = check
        self.subject = subject

    def runtest(self) -> None:
        """Run the check; skip one that does not apply, with the reason."""
        from numlean.testing.conformance import NotApplicableError

        try:
            self.check.run(self.subject)
        except NotApplicableError as reason:
            pytest.skip(str(reason))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> str:  # type: ignore[override]
        """Return the difference that was found."""
        return f"{self.parent.name if self.parent else ''}: {self.name}\n{excinfo.value!r}"

    def reportinfo(self) -> tuple[str, None, str]:
        """Return the check as a heading."""
        return __file__, None, f"{self.parent.name if self.parent else ''}: {self.name}"
