"""What a run was and what it did, to be made again elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

from numlean.certificate.chain import Step
from numlean.certificate.errors import CertificateError
from numlean.certificate.file_format import dumps, loads
from numlean.checkpoint import atomic
from numlean.checkpoint.errors import FilePath, error_context
from numlean.checkpoint.fingerprint import Plain


@dataclass(frozen=True)
class Certificate:
    """A run written down so that anybody can make it again and see that no bit differs.

    Attributes:
        numlean: The version of numlean that made it.
        arguments: The task and how it was trained, as arguments of ``numlean train``; None if they
            cannot say it.
        run: What was run; see ``numlean.checkpoint.Run.description``.
        seeds: That of the ``initial`` parameters, and that of the samples' ``order``.
        environment: Where it was made: for information.
        steps_asked: How many steps were asked for.
        stopped_by: What ended it before: "interrupt" or "patience"; None if nothing did.
        initial: The ``state_digest`` of the initial parameters, and the ``chain``'s first link.
        final: The ``state_digest`` and the ``value_digest`` of the last.
        steps: Each step made.
    """

    numlean: str
    arguments: dict[str, Plain] | None
    run: dict[str, Plain]
    seeds: dict[str, int]
    environment: dict[str, Plain]
    steps_asked: int
    stopped_by: str | None
    initial: dict[str, str]
    final: dict[str, str]
    steps: tuple[Step, ...]

    @classmethod
    def load(cls, path: FilePath) -> Certificate:
        """Read a certificate, all of it checked.

        Raises:
            CertificateError: The file cannot be read, is no certificate, has been cut off or
                altered, or is of another version; the message says which, and of an altered step
                its number.
        """
        with error_context(path, CertificateError):
            document, steps = loads(Path(path).read_bytes())
        own = {field.name: document[field.name] for field in fields(cls) if field.name != "steps"}
        return cls(**own, steps=steps)

    def save(self, path: FilePath) -> None:
        """Write it, atomically; the same bytes for the same certificate.

        Raises:
            CheckpointError: It cannot be written.
        """
        document = {field.name: getattr(self, field.name) for field in fields(self)}
        atomic.write(path, dumps(document, self.steps))

    @property
    def dtype(self) -> str:
        """In which arithmetic it ran."""
        return str(self.run.get("dtype"))

    @property
    def side(self) -> str:
        """In which arithmetic, where and how it ran, as ``Side.parse`` takes it."""
        where = self.environment
        words = [self.dtype, str(where.get("device")), str(where.get("backend"))]
        return ":".join([*words, "fast"] if where.get("fast_kernels") else words)

    def __str__(self) -> str:
        name = self.run.get("task") or "a run"
        return f"{name} in {self.side}, {len(self.steps)} steps, chain {self.chain}"

    @property
    def chain(self) -> str:
        """The last link of the chain, which tells of the whole run."""
        return self.steps[-1].chain if self.steps else self.initial["chain"]
