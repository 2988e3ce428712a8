"""Execution settings (arithmetic, engine, device, kernels), and their flags for any script."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from numlean.arguments import checked
from numlean.errors import NumleanError, UnknownNameError
from numlean.names import did_you_mean
from numlean.precision import Policy, format_policy
from numlean.scalar.protocol import Scalar
from numlean.training import BACKENDS, Options, Runner, Task, instantiate, resolve_scalar
from numlean.training.options import resolve_part
from numlean.training.policy_files import read_policy

T = TypeVar("T")

_VALUED: Final = {
    "--dtype": "dtype",
    "--policy": "policy",
    "--backend": "backend",
    "--device": "device",
}
_ALONE: Final[dict[str, dict[str, Any]]] = {
    "--cpu": {"device": "cpu"},
    "--cuda": {"device": "cuda"},
    "--fast-kernels": {"fast_kernels": True},
}
_FLAGS: Final = (*_VALUED, *_ALONE)


@checked
@dataclass(frozen=True)
class ExecConfig:
    """The execution settings of a run.

    Attributes:
        dtype: The arithmetic, as ``get_scalar`` takes it.
        backend: The engine that executes a step.
        device: The device; None selects the dtype's default device.
        fast_kernels: Whether to use faster kernels with the same bits, where they exist.
        policy: The formats of a run in several dtypes; ``dtype`` then does not count. None for a
            run in one.
    """

    dtype: str = "ieee32exec"
    backend: str = BACKENDS[0]
    device: str | None = None
    fast_kernels: bool = False
    policy: Policy | None = None

    @classmethod
    def parse_and_strip(cls, argv: Sequence[str]) -> tuple[ExecConfig, list[str]]:
        """Return the configuration given by flags among the arguments, and the other arguments.

        The flags are ``--dtype V``, ``--policy V`` in its place, ``--backend V``, ``--device V``
        (or ``--dtype=V`` and so on, each at most once), ``--cpu``, ``--cuda`` (of these and
        ``--device`` the last wins) and ``--fast-kernels``. Arguments from ``--`` on are not parsed.

        Raises:
            NumleanError: A value is missing, unknown (the message lists the known ones) or given
                twice; or both a dtype and a policy are given.
        """
        settings: dict[str, Any] = {}
        rest, seen, words = list[str](), set[str](), iter(argv)
        for word in words:
            if word == "--":
                rest += [word, *words]
                break
            flag = word.partition("=")[0]
            if flag not in _FLAGS:
                rest.append(word)
                continue
            _require(flag in _ALONE or flag not in seen, f"{flag} is given twice: {word!r}")
            seen.add(flag)
            settings |= _setting(flag, word, words)
        if "policy" in settings:
            _require("dtype" not in settings, "give either --dtype or --policy, not both")
            settings["policy"] = read_policy(settings["policy"])
        return cls(**settings)._checked(), rest

    @classmethod
    def parse(cls, argv: Sequence[str]) -> ExecConfig:
        """Return the configuration given by arguments that are all flags.

        Raises:
            NumleanError: An argument is not a flag, or a value is wrong.
        """
        config, rest = cls.parse_and_strip(argv)
        if rest:
            near = did_you_mean(rest[0].partition("=")[0], _FLAGS)
            known = ", ".join(_FLAGS)
            raise NumleanError(f"unknown arguments: {' '.join(rest)}; known: {known}{near}")
        return config

    @property
    def arithmetic(self) -> Policy | str:
        """The policy or the dtype, as ``instantiate`` takes it."""
        return self.policy or self.dtype

    @property
    def scalar(self) -> Scalar:
        """The arithmetic; in a run by a policy, that of inputs, targets and losses.

        Raises:
            NumleanError: The dtype or the device is unknown.
        """
        if self.policy is None or self.policy.is_uniform:
            dtype = self.dtype if self.policy is None else self.policy.parameters
            return resolve_scalar(dtype, self.options())
        return resolve_part(self.policy.reductions, self.options())

    def options(self, *, seed: int = 0) -> Options:
        """Return the options for ``instantiate``; the arithmetic is passed separately."""
        return Options(self.backend, self.device, self.fast_kernels, seed)

    def log(self, log: Callable[[str], None] = print) -> None:
        """Log one line per setting."""
        if self.policy is None:
            log(f"dtype: {self.dtype}")
        else:
            log(f"policy: {format_policy(self.policy)}")
        log(f"backend: {self.backend}")
        log(f"device: {self.scalar.device}")
        log(f"fast kernels: {'on' if self.fast_kernels else 'off'}")

    def _checked(self) -> ExecConfig:
        if self.backend not in BACKENDS:
            raise UnknownNameError("backend", self.backend, BACKENDS)
        _ = self.scalar
        return self


@checked
def run(task: Task, argv: Sequence[str], k: Callable[[Runner, list[str]], T]) -> T:
    """Call ``k`` with a runner of the task and the remaining arguments.

    Parse and remove the flags of :class:`ExecConfig`, and print the settings.

    Raises:
        NumleanError: A flag is wrong.
    """
    config, rest = ExecConfig.parse_and_strip(argv)
    config.log()
    return k(instantiate(task, config.arithmetic, config.options()), rest)


def _setting(flag: str, word: str, following: Iterator[str]) -> dict[str, Any]:
    """Return the setting of a flag, whose value is part of its word or the next word."""
    _, equals, value = word.partition("=")
    if flag in _ALONE:
        _require(not equals, f"{flag} takes no value: {word!r}")
        return _ALONE[flag]
    given = value if equals else next(following, None)
    _require(given is not None, f"{flag} needs a value, as in {flag} VALUE")
    return {_VALUED[flag]: given}


def _require(holds: bool, rule: str) -> None:
    if not holds:
        raise NumleanError(rule)
