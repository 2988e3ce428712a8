"""A certificate's bytes: JSON with a line for each step.

It begins with the version of its form and the SHA-256 of the whole file, taken with zeros where the
digest's digits stand. Steps come last; each is a list of loss, state digest and link of the chain.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any, Final

from numlean.certificate.chain import Step, broken_links, first_link
from numlean.certificate.errors import CertificateError
from numlean.checkpoint.fingerprint import Plain

VERSION: Final = 1
"""The version of the form that is written, and the only one that is read."""

KEY: Final = "numlean_certificate"
"""The name of the version, by which a certificate is known."""

_BLANK: Final = "0" * 64
_NO_STEPS: Final = '"steps": []'
_DIGEST: Final = re.compile("[0-9a-f]{64}")

_PARTS: Final[dict[str, tuple[type, ...]]] = {
    "numlean": (str,),
    "arguments": (dict, type(None)),
    "run": (dict,),
    "seeds": (dict,),
    "environment": (dict,),
    "steps_asked": (int,),
    "stopped_by": (str, type(None)),
    "initial": (dict,),
    "final": (dict,),
}
"""What a document has besides its steps, in order, and of which types."""


def dumps(document: dict[str, Plain], steps: Sequence[Step]) -> bytes:
    """The file of a document and steps; the same bytes for the same of both."""
    ordered = {name: document[name] for name in _PARTS}
    whole = {KEY: VERSION, "sha256": _BLANK, **ordered, "steps": []}
    head, _, tail = json.dumps(whole, indent=1, allow_nan=False).rpartition(_NO_STEPS)
    lines = ",\n".join(f"  {json.dumps(step)}" for step in steps)
    text = f'{head}"steps": [\n{lines}\n ]{tail}\n' if steps else f"{head}{_NO_STEPS}{tail}\n"
    digest = hashlib.sha256(text.encode()).hexdigest()
    return text.replace(_BLANK, digest, 1).encode()


def loads(content: bytes) -> tuple[dict[str, Any], tuple[Step, ...]]:
    """What ``packed`` was given.

    Raises:
        CertificateError: These are not the bytes of a certificate, or not all of them, or not as
            they were written, or those of another version; of an altered step its number is told.
    """
    document = _document(content)
    _refuse_version(document)
    _refuse_other_parts(document)
    steps = tuple(Step(*entry) for entry in document["steps"])
    _refuse_broken_chain(document, steps)
    _refuse_digest(content, document)
    return document, steps


def _document(content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise CertificateError("this is no JSON, or not the whole of it") from None
    if not isinstance(document, dict) or KEY not in document:
        raise CertificateError("this is no certificate of numlean's")
    return document


def _refuse_version(document: dict[str, Any]) -> None:
    version = document[KEY]
    if isinstance(version, bool) or not isinstance(version, int):
        raise CertificateError(f"the certificate names no version: {version!r:.80}")
    if version != VERSION:
        raise CertificateError(
            f"a certificate of version {version}, written by numlean"
            f" {document.get('numlean')!s:.20}; this numlean reads version {VERSION}"
        )


def _refuse_other_parts(document: dict[str, Any]) -> None:
    for name, kinds in _PARTS.items():
        if name not in document or not isinstance(document[name], kinds):
            raise CertificateError(f"the certificate has no {name}: {document.get(name)!r:.80}")
    for part, names in {"initial": ("state_digest", "chain"), "final": _FINAL}.items():
        for name in names:
            if not _is_digest(document[part].get(name)):
                given = document[part].get(name)
                raise CertificateError(f"the {part} {name} is no SHA-256: {given!r:.80}")
    for name in ("initial", "order"):
        if type(document["seeds"].get(name)) is not int:
            raise CertificateError(f"the seeds have no {name}: {document['seeds']!r:.80}")
    if not isinstance(document.get("steps"), list):
        raise CertificateError(f"the certificate has no steps: {document.get('steps')!r:.80}")
    for index, entry in enumerate(document["steps"]):
        if not _is_step(entry):
            raise CertificateError(
                f"step {index} is no list of loss, state digest and chain: {entry!r:.80}"
            )


_FINAL: Final = ("state_digest", "value_digest")


def _refuse_broken_chain(document: dict[str, Any], steps: Sequence[Step]) -> None:
    initial, final = document["initial"], document["final"]
    if first_link(document["run"], initial["state_digest"]) != initial["chain"]:
        raise CertificateError(
            "the file has been altered: the chain's beginning does not follow from the run and its"
            " initial parameters"
        )
    for index in broken_links(initial["chain"], steps):
        raise CertificateError(
            f"the file has been altered at step {index}: its chain does not follow from its loss,"
            " its state digest and the step before"
        )
    last = steps[-1].state if steps else initial["state_digest"]
    if final["state_digest"] != last:
        raise CertificateError(
            f"the file has been altered: the final state digest is {final['state_digest']}, and"
            f" that after the last step {last}"
        )


def _refuse_digest(content: bytes, document: dict[str, Any]) -> None:
    digest = document.get("sha256")
    if not _is_digest(digest):
        raise CertificateError(f"the certificate's own SHA-256 is none: {digest!r:.80}")
    blank = content.replace(str(digest).encode(), _BLANK.encode(), 1)
    actual = hashlib.sha256(blank).hexdigest()
    if actual != digest:
        raise CertificateError(
            f"the file has been altered, not in its steps: its SHA-256 is {actual}, not {digest}"
        )


def _is_step(entry: Plain) -> bool:
    return (
        isinstance(entry, list)
        and len(entry) == len(Step._fields)
        and all(isinstance(text, str) for text in entry)
    )


def _is_digest(value: Plain) -> bool:
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None
