"""Repeat the runs of certificates, in the same way or another one, and compare every step.

`numlean train --certificate` writes a certificate. Within a format, the encodings of the losses and
the digests of all parameters and buffers are compared after each step; across formats, the exact
values of the losses and of the last parameters. By default a run is repeated as it was. If it is
repeated in another way and differs, both ways are run in lockstep to find the first operation that
differs.

A certificate may come from anybody. If its run was trained on a table or a text of a user, give the
file again (--data, --text), or --trust-paths to open the files that the certificate names. The
digest of the data in the certificate is compared in either case.

Ctrl-C and SIGTERM end the replay after the current step, and the steps so far are reported; a
second Ctrl-C stops at once.

Exit status: 0 if all steps are identical, 1 if not, 2 if a file is not a certificate, is truncated
or altered, or belongs to another run, 130 after Ctrl-C, 143 after SIGTERM. With --json, print one
object per FILE with the keys file, task, side, steps, stopped_by ("interrupt" if steps are left
that were not replayed, or null), identical_steps, identical, compared ("state" for encodings,
within a format; "value" for exact values, across formats), difference (null if there is none; else
an object with step (from 0, null before the first), what, expected and found), divergence (the
first operation that differs between the two ways, as text, or null), reproducible (false if the
certificate's own way gives other numbers here; null if that is unknown) and hyperparameters (of the
run).
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import Any

from numlean.analysis.lockstep import RunSpec
from numlean.certificate import Certificate, CertificateError, ReplayResult, replay
from numlean.checkpoint.errors import error_context
from numlean.cli import exit_status
from numlean.cli.interrupt import Interrupt, catch_interrupt
from numlean.cli.options import (
    add_device_options,
    add_file_options,
    add_trust_option,
    given_files,
)
from numlean.cli.options.limits import add_limit_option
from numlean.cli.options.threads import add_threads_option
from numlean.cli.progress import progress
from numlean.errors import NumleanError
from numlean.optim import format_hyperparameters
from numlean.precision import LossScaling, format_policy
from numlean.tasks.file_limits import check_recipe_precision
from numlean.training.options import BACKENDS
from numlean.training.policy_files import read_policy


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="certificate to replay")
    parser.add_argument(
        "--dtype", metavar="D", help="dtype to replay in (default: the certificate's)"
    )
    parser.add_argument(
        "--policy",
        metavar="P|FILE",
        help="several formats to replay in, in place of --dtype: NAME[,field=value...] or FILE.toml"
        " (default: the certificate's)",
    )
    add_device_options(parser, "the certificate's")
    parser.add_argument(
        "--backend", choices=BACKENDS, help="engine to replay with (default: the certificate's)"
    )
    parser.add_argument(
        "--fast-kernels",
        action=argparse.BooleanOptionalAction,
        help="use fast kernels, or not (default: as in the certificate; not in another dtype or on"
        " another device)",
    )
    add_threads_option(parser)
    add_file_options(parser)
    add_trust_option(parser, "a certificate")
    parser.add_argument("--json", action="store_true", help="print one JSON object per file")
    add_limit_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Replay each certificate and print the results."""
    is_identical = True
    with catch_interrupt() as interrupt:
        for file in arguments.files:
            is_identical &= _replay(arguments, file, interrupt).identical
            if interrupt.requested:
                return interrupt.exit_status
    return 0 if is_identical else exit_status.DIFFERENCE


def _replay(arguments: argparse.Namespace, file: str, interrupt: Interrupt) -> ReplayResult:
    certificate = Certificate.load(file)
    with error_context(file, CertificateError):
        side = _side(arguments, certificate)
        if arguments.dtype is arguments.policy is None:
            check_recipe_precision(certificate.dtype, certificate.policy)
    with (
        progress(f"replay of {file}", len(certificate.steps)) as advance,
        error_context(file, CertificateError),
    ):

        def on_step(_: int) -> bool:
            advance("")
            return interrupt.requested

        result = replay(
            certificate,
            side,
            files=given_files(arguments),
            trust_paths=arguments.trust_paths,
            on_step=on_step,
        )
    settings = _hyperparameters(certificate)
    if arguments.json:
        print(json.dumps(_as_plain(file, result) | {"hyperparameters": settings}), flush=True)
    else:
        print(f"{result}\n{format_hyperparameters(settings)}", flush=True)
    return result


def _hyperparameters(certificate: Certificate) -> dict[str, Any]:
    """Return every hyperparameter of a certificate's run, as ``optim.hyperparameters_of`` does."""
    run, limits = certificate.run, {}
    own = dict(run["optimizer"])
    if "optimizer" in own and "scaling" in own:
        given = {name: value for name, value in own["scaling"].items() if name != "class"}
        limits["loss_scaling"] = str(LossScaling(**given))
        own = dict(own["optimizer"])
    while "optimizer" in own and "limit" in own:
        limits["clip_norm" if own["class"] == "ClipByNorm" else "clip_value"] = own["limit"]
        own = dict(own["optimizer"])
    return {
        "optimizer": own.pop("class"),
        **own,
        **limits,
        "schedule": run["schedule"],
        "steps": certificate.steps_asked,
        "batch_size": run["batch_size"],
        "seed": run["seed"],
    }


def _side(arguments: argparse.Namespace, certificate: Certificate) -> RunSpec | None:
    """Return the requested side, with the certificate's device and engine as defaults; or None."""
    where = certificate.environment
    asked, device, backend = _asked(arguments), arguments.device, arguments.backend
    fast = arguments.fast_kernels
    if asked is device is backend is fast is None:
        return None
    if asked is device is None:
        device = where.get("device")
        fast = where.get("fast_kernels") if fast is None else fast
    words = [asked or certificate.arithmetic, device, backend or where.get("backend")]
    return RunSpec.parse(":".join([*map(str, filter(None, words)), *(["fast"] if fast else [])]))


def _asked(arguments: argparse.Namespace) -> str | None:
    """Return the dtype or ``policy:POLICY`` to replay in; None for the certificate's."""
    dtype, policy = arguments.dtype, arguments.policy
    if policy is None:
        return None if dtype is None else str(dtype)
    if dtype is not None:
        raise NumleanError(f"give either --dtype {dtype} or --policy {policy}, not both")
    return f"policy:{format_policy(read_policy(policy))}"


def _as_plain(file: str, result: ReplayResult) -> dict[str, Any]:
    pair = result.divergence
    is_known = not result.is_partial and result.unexplained_reason is None
    return {
        "file": file,
        "task": result.name,
        "side": result.side,
        "steps": result.steps,
        "stopped_by": "interrupt" if result.is_partial else None,
        "identical_steps": result.identical_steps,
        "identical": result.identical,
        "compared": result.compared,
        "nonfinite": result.nonfinite,
        "difference": result.difference and asdict(result.difference),
        "divergence": None if pair is None or pair.identical else str(pair.divergence),
        "reproducible": not result.is_irreproducible if is_known else None,
    }
