"""The certificate of a run: its settings, and the bits of each step."""

from __future__ import annotations

from dataclasses import dataclass, fields

from numlean.arguments import checked
from numlean.certificate import unfinished
from numlean.certificate.chain import Step
from numlean.certificate.file_format import (
    VERSION,
    Document,
    FinalDigests,
    InitialDigests,
    Seeds,
    dumps,
    loads,
)
from numlean.checkpoint import atomic
from numlean.checkpoint.errors import FilePath, error_context
from numlean.checkpoint.fingerprint import Plain
from numlean.data.input_file import read_input
from numlean.display_text import printable
from numlean.errors import NumleanError
from numlean.precision import Policy, format_policy
from numlean.precision.policy_text import policy_from_plain
from numlean.tasks import Recipe, RecordedRecipe
from numlean.training.options import SHARD, Options


class CertificateError(NumleanError):
    """A file that is not a certificate, is incomplete or altered, or belongs to another run."""


@checked
@dataclass(frozen=True)
class Certificate:
    """The record of a run. With it anybody can replay the run and see whether a bit differs.

    Attributes:
        numlean: The version of numlean that made it.
        recipe: The settings of the run, as of ``numlean train``, which must be trusted before they
            are used; None if a recipe cannot express them.
        run: The description of the run; see ``numlean.checkpoint.Run.description``.
        seeds: The seed of the ``initial`` parameters, and the one of the samples' ``order``.
        environment: The machine and software, for information.
        steps_asked: Steps requested.
        stopped_by: "interrupt" or "patience" if the run ended early; None if it did not.
        initial: The ``state_digest`` of the initial parameters, and the first link of the
            ``chain``.
        final: The ``state_digest`` and the ``value_digest`` of the last parameters.
        steps: The steps made.
    """

    numlean: str
    recipe: RecordedRecipe | None
    run: dict[str, Plain]
    seeds: Seeds
    environment: dict[str, Plain]
    steps_asked: int
    stopped_by: str | None
    initial: InitialDigests
    final: FinalDigests
    steps: tuple[Step, ...]

    @classmethod
    def load(cls, path: FilePath) -> Certificate:
        """Read a certificate, and check all of it.

        If the run has not ended, or was killed, it is the certificate of the steps up to the last
        checkpoint.

        Raises:
            CertificateError: The file cannot be read, is not a certificate, is cut off or altered,
                or has another version; for an altered step the message contains its number.
        """
        content = read_input(path, pipes=True, error=CertificateError)
        with error_context(path, CertificateError):
            if unfinished.is_unfinished(content):
                version, document = VERSION, unfinished.loads(content)
            else:
                version, document = loads(content)
            own = {field.name: getattr(document, field.name) for field in fields(document)}
            return cls(**own | {"recipe": _recipe(document, version)})

    def save(self, path: FilePath) -> None:
        """Write the certificate atomically; equal certificates give equal bytes.

        Raises:
            CheckpointError: The file cannot be written.
        """
        atomic.write(path, dumps(self.document()))

    def document(self) -> Document:
        """Return the certificate as plain typed data."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        plain = None if self.recipe is None else self.recipe.recorded.to_plain()
        return Document(**own | {"recipe": plain})

    @property
    def dtype(self) -> str:
        """The number format of the run, as ``--dtype`` takes it."""
        return str(self.run.get("dtype"))

    @property
    def policy(self) -> Policy | None:
        """The policy of a run in several dtypes; else None.

        Raises:
            NumleanError: The file's policy is none.
        """
        plain = self.run.get("policy")
        return None if plain is None else policy_from_plain(plain)

    @property
    def arithmetic(self) -> str:
        """The dtype of the run, or ``policy:POLICY``."""
        policy = self.policy
        return self.dtype if policy is None else f"policy:{format_policy(policy)}"

    @property
    def options(self) -> Options:
        """The options of the run that affect its bits.

        Raises:
            CertificateError: The file has others than there can be.
        """
        shards, statistics = self.run.get("shards", 1), self.run.get("batch_statistics", SHARD)
        if type(shards) is not int or not isinstance(statistics, str):
            raise CertificateError(f"the run has {shards!r:.40} shards; expected an integer")
        return Options(seed=self.seeds["initial"], shards=shards, batch_statistics=statistics)

    @property
    def side(self) -> str:
        """Number format, device and engine of the run, as ``RunSpec.parse`` takes them."""
        where = self.environment
        words = [self.arithmetic, str(where.get("device")), str(where.get("backend"))]
        return ":".join([*words, "fast"] if where.get("fast_kernels") else words)

    def __str__(self) -> str:
        name = printable(str(self.run.get("task") or "a run"))
        return f"{name} in {printable(self.side)}, {len(self.steps)} steps, chain {self.chain}"

    @property
    def chain(self) -> str:
        """The last link of the chain, which identifies the whole run."""
        return self.steps[-1].chain if self.steps else self.initial["chain"]


def _recipe(document: Document, version: int) -> RecordedRecipe | None:
    if document.recipe is None:
        return None
    read = Recipe.from_version_1 if version == 1 else Recipe.from_plain
    recipe = read(document.recipe)
    if recipe.steps not in (None, document.steps_asked):
        raise CertificateError(
            f"the recipe asks for {recipe.steps!s:.24} steps, but the run was asked for"
            f" {document.steps_asked}"
        )
    return RecordedRecipe(recipe)
