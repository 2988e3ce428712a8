"""Make the runs of certificates again, here and perhaps otherwise, and compare every step.

A certificate is what `numlean train --certificate` writes. Within a format the losses' encodings
and the digests of all parameters and buffers are compared after each step; across formats the exact
values of the losses and of the last parameters. Without options a run is made as it was; if it is
made otherwise and differs, both ways are run in lockstep to find the operation that parts them.

Exit status 0 if all steps are identical, 1 if one is not, 2 if a file is no whole certificate, has
been altered, or is of another run. With --json, one object for each FILE with the keys file, task,
side, steps, identical_steps, identical, compared ("state": encodings, within a format; "value":
exact values, across formats), difference (null if there is none: step, from 0, null before the
first; what; expected; found), divergence (the operation that parts the two ways, as text, or null)
and reproducible (false if the certificate's own way does not give its numbers here; null if that is
not known).
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import Any

from numlean.analysis.lockstep import RunSpec
from numlean.certificate import Certificate, CertificateError, ReplayResult, replay
from numlean.checkpoint.errors import error_context
from numlean.cli.options import add_device_options
from numlean.cli.progress import progress
from numlean.training.options import BACKENDS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="certificates")
    parser.add_argument("--dtype", metavar="D", help="in another arithmetic")
    add_device_options(parser, "by default as the certificate says")
    parser.add_argument("--backend", choices=BACKENDS, help="executed otherwise")
    parser.add_argument(
        "--fast-kernels",
        action=argparse.BooleanOptionalAction,
        help="with them or without; in another dtype or on another device without by default",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object a file")


def run(arguments: argparse.Namespace) -> int:
    """Make each run again and print the verdicts."""
    verdicts = [_verdict(arguments, file) for file in arguments.files]
    return 0 if all(verdict.identical for verdict in verdicts) else 1


def _verdict(arguments: argparse.Namespace, file: str) -> ReplayResult:
    certificate = Certificate.load(file)
    side = _side(arguments, certificate)
    with (
        progress(f"replay of {file}", len(certificate.steps)) as advance,
        error_context(file, CertificateError),
    ):
        verdict = replay(certificate, side, on_step=lambda step: advance(""))
    print(json.dumps(_as_plain(file, verdict)) if arguments.json else verdict, flush=True)
    return verdict


def _side(arguments: argparse.Namespace, certificate: Certificate) -> RunSpec | None:
    """The side asked for, if one is; what is not said is as it was, where the dtype allows it."""
    where = certificate.environment
    dtype, device, backend = arguments.dtype, arguments.device, arguments.backend
    fast = arguments.fast_kernels
    if dtype is device is backend is fast is None:
        return None
    if dtype is device is None:
        device = where.get("device")
        fast = where.get("fast_kernels") if fast is None else fast
    words = [dtype or certificate.dtype, device, backend or where.get("backend")]
    return RunSpec.parse(":".join([*map(str, filter(None, words)), *(["fast"] if fast else [])]))


def _as_plain(file: str, verdict: ReplayResult) -> dict[str, Any]:
    pair = verdict.divergence
    known = verdict.identical or verdict.unexplained_reason is None
    return {
        "file": file,
        "task": verdict.name,
        "side": verdict.side,
        "steps": verdict.steps,
        "identical_steps": verdict.identical_steps,
        "identical": verdict.identical,
        "compared": verdict.compared,
        "difference": verdict.difference and asdict(verdict.difference),
        "divergence": None if pair is None or pair.identical else str(pair.divergence),
        "reproducible": not verdict.is_irreproducible if known else None,
    }
