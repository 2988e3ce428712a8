"""The bytes of a certificate: JSON with one line per step.

This is the file of a run that has ended; ``unfinished.py`` defines the one of a run that goes on. A
file begins with the version of its format and the SHA-256 of the whole file, computed with zeros
in place of the digest. Steps come last; each is a list of loss, state digest and link of the chain,
and for a run that scales its loss also a list of the scale, the number of good steps and whether
the step was skipped. A file of version 2 contains a recipe (see ``numlean.tasks.recipe``). One of
version 1 contains the options of ``numlean train`` by their names, as ``arguments``; it can be
read, but is not written.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, TypedDict

from numlean.certificate.chain import Step, broken_links, first_link
from numlean.data.bounded_json import parse_bounded
from numlean.display_text import printable
from numlean.errors import DocumentError
from numlean.json_lines import read_document

VERSION: Final = 2
"""The version that is written."""

READABLE_VERSIONS: Final = (1, 2)

KEY: Final = "numlean_certificate"
"""The name of the version field, which identifies a certificate."""

_BLANK: Final = "0" * 64
_NO_STEPS: Final = '"steps": []'
_DIGEST: Final = re.compile("[0-9a-f]{64}")
_LOSS: Final = re.compile(r"-?0x[0-9a-f]+(\.[0-9a-f]+)?(p[+-][0-9]{1,1000})?|[+-]?inf|nan")
_MAX_COUNT: Final = 1 << 63


class Seeds(TypedDict):
    """The seed of the initial parameters, and the seed of the order of the samples."""

    initial: int
    order: int


class InitialDigests(TypedDict):
    """The state digest of the initial parameters, and the first link of the chain."""

    state_digest: str
    chain: str


class FinalDigests(TypedDict):
    """The digests of the last parameters."""

    state_digest: str
    value_digest: str


@dataclass(frozen=True)
class _Way:
    """The entries of the environment that say how the run was executed."""

    device: str
    backend: str
    fast_kernels: bool


@dataclass(frozen=True)
class _Dtype:
    """The entry of the description of a run that a replay needs before it compares the others."""

    dtype: str


@dataclass(frozen=True)
class Document:
    """A certificate as plain typed data; see ``Certificate`` for the fields."""

    numlean: str
    recipe: dict[str, Any] | None
    run: dict[str, Any]
    seeds: Seeds
    environment: dict[str, Any]
    steps_asked: int
    stopped_by: str | None
    initial: InitialDigests
    final: FinalDigests
    steps: tuple[Step, ...]


def dumps(document: Document) -> bytes:
    """Return the bytes of a document; equal documents give equal bytes."""
    whole = {KEY: VERSION, "sha256": _BLANK, **asdict(document), "steps": []}
    head, _, tail = json.dumps(whole, indent=1, allow_nan=False).rpartition(_NO_STEPS)
    lines = ",\n".join(f"  {json.dumps(step.to_list())}" for step in document.steps)
    text = f'{head}"steps": [\n{lines}\n ]{tail}\n' if lines else f"{head}{_NO_STEPS}{tail}\n"
    digest = hashlib.sha256(text.encode()).hexdigest()
    return text.replace(_BLANK, digest, 1).encode()


def loads(content: bytes) -> tuple[int, Document]:
    """Return the version and the document.

    The recipe of version 1 consists of options by their names.

    Raises:
        DocumentError: The bytes are not a certificate, are incomplete or altered, or have another
            version; for an altered step the message contains its number.
    """
    plain = _parsed(content)
    version, digest = check_version(plain, KEY, READABLE_VERSIONS), plain.get("sha256")
    document = _document(plain, version)
    check_contents(document)
    _check_file_digest(content, digest)
    return version, document


def check_contents(document: Document) -> None:
    """Check that the digests and the chain of a certificate follow from each other.

    Raises:
        DocumentError: They do not; for an altered step the message contains its number.
    """
    _check_values(document)
    _check_digests(document)
    _check_chain(document)


def _parsed(content: bytes) -> dict[str, Any]:
    plain = parse_bounded(content, "certificate")
    if not isinstance(plain, dict) or KEY not in plain:
        raise DocumentError("not a numlean certificate")
    return plain


def check_version(plain: dict[str, Any], key: str, versions: Sequence[int]) -> int:
    """Return the version in a field of a certificate.

    Raises:
        DocumentError: It is not one of those given.
    """
    version = plain[key]
    if type(version) is not int:
        raise DocumentError(f"the certificate has no version: {version!r:.80}")
    if version not in versions:
        raise DocumentError(
            f"a certificate of version {version}, written by numlean"
            f" {printable(str(plain.get('numlean')), 20)}; this numlean reads versions"
            f" {' and '.join(map(str, versions))}"
        )
    return version


def _document(plain: dict[str, Any], version: int) -> Document:
    own = {name: value for name, value in plain.items() if name not in (KEY, "sha256")}
    if version == 1 and "arguments" in own:
        own["recipe"] = own.pop("arguments")
    return read_document(Document, own, "certificate")


def _check_values(document: Document) -> None:
    """Check what the types of the fields leave open.

    The other entries of the description of the run are compared before they are used, and those of
    the environment are for information.
    """
    _read_part(_Dtype, document.run, "run")
    _read_part(_Way, document.environment, "environment")
    counts = {"steps_asked": document.steps_asked}
    counts |= {f"seeds.{name}": seed for name, seed in document.seeds.items()}  # type: ignore[misc]
    for name, count in counts.items():
        if count < 0 or (name == "steps_asked" and count >= _MAX_COUNT):
            raise DocumentError(f"certificate.{name} is out of range: {count!s:.24}")


def _read_part(kind: type[Any], plain: dict[str, Any], name: str) -> None:
    own = {field.name: plain[field.name] for field in fields(kind) if field.name in plain}
    read_document(kind, own, f"certificate.{name}")


def _check_digests(document: Document) -> None:
    for part, digests in {"initial": document.initial, "final": document.final}.items():
        for name, value in digests.items():
            if not is_digest(value):
                raise DocumentError(f"the {part} {name} is not a SHA-256 digest: {value!r:.80}")


def _check_chain(document: Document) -> None:
    initial, final, steps = document.initial, document.final, document.steps
    if first_link(document.run, initial["state_digest"]) != initial["chain"]:
        raise DocumentError(
            "the file has been altered: the first link of the chain does not follow from the run"
            " and its initial parameters"
        )
    for index, step in enumerate(steps):
        if not (_LOSS.fullmatch(step.loss) and is_digest(step.state) and is_digest(step.chain)):
            raise DocumentError(
                f"the file has been altered at step {index}: its loss is not a number, or its state"
                " digest or link is not a SHA-256 digest"
            )
        if step.scaling is not None and not _LOSS.fullmatch(step.scaling.scale):
            raise DocumentError(
                f"the file has been altered at step {index}: its loss scale is not a number"
            )
    for index in broken_links(initial["chain"], steps):
        raise DocumentError(
            f"the file has been altered at step {index}: its link does not follow from its loss,"
            " its state digest and the step before"
        )
    last = _last_state(steps, initial["state_digest"])
    if final["state_digest"] != last:
        raise DocumentError(
            f"the file has been altered: the final state digest is {final['state_digest']}, but"
            f" the one after the last step is {last}"
        )


def _last_state(steps: Sequence[Step], initial: str) -> str:
    return steps[-1].state if steps else initial


def _check_file_digest(content: bytes, digest: object) -> None:
    if not is_digest(digest):
        raise DocumentError(f"the sha256 field is not a SHA-256 digest: {digest!r:.80}")
    blank = content.replace(str(digest).encode(), _BLANK.encode(), 1)
    actual = hashlib.sha256(blank).hexdigest()
    if actual != digest:
        raise DocumentError(
            f"the file has been altered outside its steps: its SHA-256 is {actual}, not {digest}"
        )


def is_digest(value: object) -> bool:
    """Return whether a value is a SHA-256 digest in hexadecimal."""
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None
