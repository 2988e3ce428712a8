"""Compare a run with a certificate, step by step."""

from __future__ import annotations

from numlean.analysis.lockstep.comparison import compares_bits
from numlean.analysis.lockstep.numbers import Number
from numlean.autograd.tensor import Tensor
from numlean.certificate.certificate import Certificate
from numlean.certificate.chain import Scaling
from numlean.certificate.replay_result import Difference
from numlean.digest import exact_bytes, state_digest, value_digest
from numlean.scalar.exact_text import format_hex, parse_hex
from numlean.scalar.protocol import Scalar, Storage
from numlean.training import Stepper


class CertificateChecker:
    """Compares a runner with a certificate after each step.

    Attributes:
        compared: "state" for encodings, within a format; "value" for exact values, across formats.
    """

    def __init__(self, certificate: Certificate, scalar: Scalar, stepper: Stepper) -> None:
        self._certificate = certificate
        self._scalar = scalar
        self._stepper = stepper
        self._runner = runner = stepper.runner
        is_same = compares_bits(scalar, runner.scalar) or scalar.name == runner.scalar.name
        is_same = is_same and certificate.policy == runner.precision.policy
        self.compared = "state" if is_same else "value"

    def check_initial_parameters(self) -> Difference | None:
        """Return the difference of the initial parameters, if any; None across formats."""
        expected = self._certificate.initial["state_digest"]
        return self._compare_state(None, "initial parameters", expected)

    def check_step(self, step: int, loss: Tensor) -> Difference | None:
        """Return the difference of the step just made, if any: its loss, scale or parameters."""
        entry = self._certificate.steps[step]
        if not self._is_same_loss(entry.loss, loss):
            expected = Number.of(self._scalar, parse_hex(entry.loss, self._scalar))
            return Difference(step, "loss", str(expected), str(Number.of(*_parts(loss))))
        scaled = self._stepper.engine.scaled_step
        scaling = None if scaled is None else Scaling.of(scaled)
        if scaling != entry.scaling:
            return Difference(step, "loss scale after it", str(entry.scaling), str(scaling))
        return self._compare_state(step, "parameters after it", entry.state)

    def check_end(self) -> Difference | None:
        """Return the difference of the last parameters, if any, by their exact values."""
        count = len(self._certificate.steps)
        expected = self._certificate.final["value_digest"]
        found = value_digest(self._runner.named_parameters)
        if expected == found:
            return None
        last = count - 1 if count else None
        return Difference(last, "values of the last parameters", expected, found)

    def _compare_state(self, step: int | None, what: str, expected: str) -> Difference | None:
        if self.compared == "value":
            return None
        found = state_digest(self._runner.named_parameters)
        return None if expected == found else Difference(step, what, expected, found)

    def _is_same_loss(self, expected: str, loss: Tensor) -> bool:
        if self.compared == "state":
            return expected == format_hex(loss.scalar, loss.data)
        number = parse_hex(expected, self._scalar)
        return exact_bytes(self._scalar, number) == exact_bytes(*_parts(loss))


def _parts(number: Tensor) -> tuple[Scalar, Storage]:
    return number.scalar, number.data.reshape(1)
