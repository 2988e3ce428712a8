"""What holds of every policy: its texts, its bits in every way, and its files."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import numpy as np

from numlean.analysis.lockstep import RunSpec
from numlean.certificate import Certificate, certify, replay
from numlean.checkpoint import Run, resume, save
from numlean.data import Dataset
from numlean.data.dataset import Floats
from numlean.digest import state_digest
from numlean.errors import NumleanError, UnavailableError
from numlean.losses import cross_entropy
from numlean.nn import (
    GRU,
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Dropout,
    Embedding,
    Flatten,
    Layer,
    LayerNorm,
    Linear,
    MultiHeadAttention,
    PositionalEmbedding,
    ReLU,
    Residual,
    RMSNorm,
    Sequential,
    Tanh,
)
from numlean.optim import Optimizer, adam, sgd
from numlean.precision import Policy, format_policy, parse_policy, policy_digest
from numlean.precision.policy_text import policy_from_plain, policy_to_plain
from numlean.scalar.registry import get_scalar
from numlean.training import Options, Stepper, Task, TrainConfig, instantiate, run_steps
from numlean.training.options import BACKENDS
from numlean.training.policy_files import read_policy
from numlean.verification.policies.environments import way_text

_STEPS: Final = 4
_HALF: Final = 2
_REFERENCE: Final = Options("eager", "python", seed=5)


@final
@dataclass(frozen=True)
class Judgement:
    """What was found of a policy.

    Attributes:
        policy: The policy.
        refusal: Why a run of it is refused, the same in all ways; "" if it is run.
        failures: What does not hold.
    """

    policy: Policy
    refusal: str
    failures: tuple[str, ...]


@final
@dataclass(frozen=True)
class _Network:
    """A tiny network and its data.

    Attributes:
        model: The network; it gives two numbers.
        inputs: The inputs of five samples.
    """

    model: Layer
    inputs: Floats

    @property
    def task(self) -> Task:
        """The network with a loss."""
        return Task(self.model, cross_entropy())

    @property
    def data(self) -> Dataset:
        """The samples."""
        return Dataset.of_arrays(self.inputs, np.array([0, 1, 1, 0, 1]))


@final
@dataclass(frozen=True)
class _Trial:
    """A training of a network by a policy.

    Attributes:
        policy: The policy.
        network: The network.
        config: The training.
        folder: A folder for files.
    """

    policy: Policy
    network: _Network
    config: TrainConfig
    folder: Path

    def stepper(self, options: Options) -> Stepper:
        """Return a stepper before the first step."""
        return Stepper(instantiate(self.network.task, self.policy, options), self.config.optimizer)

    def trained(self, stepper: Stepper, steps: int) -> Stepper:
        """Return a stepper after it has made steps up to a number of them."""
        config = TrainConfig(steps, self.config.batch_size, self.config.optimizer)
        run_steps(stepper.runner, config, self.network.data, stepper=stepper)
        return stepper

    def result(self, options: Options) -> dict[str, str]:
        """Return the state after the last step, or the error of the run."""
        try:
            return _state(self.trained(self.stepper(options), _STEPS))
        except NumleanError as error:
            text = str(error).replace(f" on {options.device}", "")
            return {"error": f"{type(error).__name__}: {text}"}


_RNG: Final = np.random.default_rng(17)
_NETWORKS: Final = (
    _Network(
        Sequential(Linear(3, 4), Tanh(), LayerNorm(4), Linear(4, 2, bias=False)),
        _RNG.normal(size=(5, 3)),
    ),
    _Network(
        Sequential(
            *(Conv2d(1, 2, 1), BatchNorm(2), ReLU(), AvgPool2d(2), Dropout(0.25), Flatten()),
            Linear(2, 2),
        ),
        _RNG.normal(size=(5, 1, 2, 2)),
    ),
    _Network(
        Sequential(
            *(Embedding(3, 2), PositionalEmbedding(2, 2)),
            Residual(RMSNorm(2), MultiHeadAttention(2, 1, causal=True)),
            GRU(2, 2, last_only=True),
        ),
        _RNG.integers(0, 3, (5, 2)).astype(np.float64),
    ),
)


def judge(policy: Policy, folder: Path, device: str, *, number: int = 0) -> Judgement:
    """Check the properties of a policy.

    Args:
        policy: The policy.
        folder: An empty folder for files.
        device: The device to compare with ``python``; on ``cpu`` also with fast kernels.
        number: A number that selects the network, the optimizer and the way that writes files.
    """
    optimizer: Optimizer = (sgd(0.25, 0.5), adam(0.125))[number % 2]
    network = _NETWORKS[number % len(_NETWORKS)]
    trial = _Trial(policy, network, TrainConfig(_STEPS, 2, optimizer), folder)
    expected = trial.result(_REFERENCE)
    others = [way for way in _ways(policy, device) if way != _REFERENCE]
    failures = [*_of_texts(policy, folder)]
    for way in others:
        failures += _of_way(way, expected, trial.result(way))
    if "error" in expected:
        return Judgement(policy, expected["error"], tuple(failures))
    writer, reader = _REFERENCE, others[number % len(others)]
    failures += _of_checkpoints(trial, expected, writer, reader)
    failures += _of_certificates(trial, expected, writer, reader)
    return Judgement(policy, "", tuple(failures))


def _ways(policy: Policy, device: str) -> Iterator[Options]:
    """Yield the ways; a run in one dtype may have no fast kernels."""
    has_fast = not policy.is_uniform or _has_fast_kernels(policy.parameters)
    for each in dict.fromkeys(("python", device)):
        for engine in BACKENDS:
            for fast in (False, True) if each == "cpu" and has_fast else (False,):
                yield Options(engine, each, fast_kernels=fast, seed=_REFERENCE.seed)


def _has_fast_kernels(dtype: str) -> bool:
    try:
        get_scalar(dtype, "cpu", fast_kernels=True)
    except UnavailableError:
        return False
    return True


def _state(stepper: Stepper) -> dict[str, str]:
    found = dict(stepper.runner.named_parameters)
    for name, tensors in stepper.state.items():
        found |= {f"{name} {k}": tensor for k, tensor in enumerate(tensors)}
    return {name: state_digest([(name, each)]) for name, each in found.items()}


def _differing(expected: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    return [name for name in {**expected, **found} if expected.get(name) != found.get(name)][:1]


def _of_way(way: Options, expected: Mapping[str, str], found: Mapping[str, str]) -> Iterator[str]:
    """Yield how a run in another way ends otherwise."""
    for name in _differing(expected, found):
        error = expected.get("error") or found.get("error")
        yield f"{way_text(way)}: {error or f'{name} differs'}"


def _of_texts(policy: Policy, folder: Path) -> Iterator[str]:
    """Yield the forms of a policy from which another one is read."""
    file = folder / "policy.toml"
    file.write_text(_toml(policy_to_plain(policy)), encoding="utf-8")
    forms: dict[str, Callable[[], Policy]] = {
        "text": lambda: parse_policy(format_policy(policy)),
        "JSON": lambda: policy_from_plain(json.loads(json.dumps(policy_to_plain(policy)))),
        "TOML": lambda: read_policy(str(file)),
        "copy": lambda: copy.deepcopy(policy),
    }
    for name, read in forms.items():
        other = read()
        if other != policy or policy_digest(other) != policy_digest(policy):
            yield f"another policy is read from its {name}"


def _toml(plain: Mapping[str, object]) -> str:
    """Return plain data of texts and tables in TOML."""
    own = [f"{json.dumps(k)} = {json.dumps(v)}" for k, v in plain.items() if isinstance(v, str)]
    lines = [f"{line}\n" for line in own]
    for name, tables in plain.items():
        if isinstance(tables, Mapping):
            for key, table in tables.items():
                lines.append(f"[{json.dumps(name)}.{json.dumps(key)}]\n{_toml(table)}")
    return "".join(lines)


def _of_checkpoints(
    trial: _Trial, expected: Mapping[str, str], writer: Options, reader: Options
) -> Iterator[str]:
    """Yield how a run that is saved halfway, and resumed in another way, ends otherwise."""
    path, run = trial.folder / "half.ckpt", Run(trial.config, trial.network.data)
    for saving, resuming in ((writer, reader), (reader, writer)):
        half = trial.trained(trial.stepper(saving), _HALF)
        save(path, half, run)
        stepper = trial.stepper(resuming)
        resume(path, stepper, run)
        for name in _differing(_state(half), _state(stepper)):
            yield f"{name} differs in the checkpoint of {way_text(saving)}"
        for name in _differing(expected, _state(trial.trained(stepper, _STEPS))):
            yield f"{name} differs after {way_text(resuming)} resumed {way_text(saving)}"


def _of_certificates(
    trial: _Trial, expected: Mapping[str, str], writer: Options, reader: Options
) -> Iterator[str]:
    """Yield how a certificate of a run does not hold in another way."""
    path, task, data = trial.folder / "run.json", trial.network.task, trial.network.data
    for certifying, replaying in ((writer, reader), (reader, writer)):
        certify(task, trial.policy, config=trial.config, data=data, options=certifying).save(path)
        if Certificate.load(path).policy != (None if trial.policy.is_uniform else trial.policy):
            yield "its certificate has another policy"
        side = RunSpec.of(trial.policy, replaying)
        found = replay(path, side, task=task, config=trial.config, data=data)
        if not found.identical:
            yield f"{way_text(replaying)} differs from the certificate of {way_text(certifying)}"
