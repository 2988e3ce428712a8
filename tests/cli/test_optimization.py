"""Optimizers, schedules and clipping at the command line."""

import json

import pytest

from numlean import optim
from numlean.cli.main import build_parser, main
from numlean.optim import Adam, AdamW, ClipByNorm, ClipByValue, OptimizerKind, schedules
from numlean.tasks import Recipe

XOR = ("train", "xor", "--dtype", "float32")


def config(*options, task="xor"):
    arguments = build_parser("train").parse_args(["train", task, *options])
    return Recipe.from_arguments(vars(arguments)).resolve()[1]


def test_without_options_the_task_decides():
    xor = config()
    assert (xor.optimizer, xor.scheduler) == (optim.sgd(0.1, 0.9), None)
    assert (xor.steps, xor.batch_size, xor.seed) == (200, 4, 0)


def test_optimizers_are_those_of_their_kind():
    assert config("--optim", "adam", "--lr", "0.5").optimizer == OptimizerKind.Adam.to_optimizer(
        0.5
    )
    assert config("--optim", "adamw").optimizer == OptimizerKind.AdamW.to_optimizer(0.01)
    assert isinstance(config("--optim", "adam").optimizer, Adam)
    decayed = config("--optim", "adamw", "--weight-decay", "0.25").optimizer
    assert isinstance(decayed, AdamW)
    assert (decayed.weight_decay, decayed.beta2) == (0.25, 0.95)
    sgd = config("--nesterov", "--momentum", "0.5", "--weight-decay", "0.1", "--lr", "1").optimizer
    assert sgd == optim.sgd(1.0, 0.5, nesterov=True, weight_decay=0.1)
    assert config("--momentum", "0").optimizer == optim.sgd(0.1)


def test_gradients_are_clipped_by_norm_or_by_value():
    assert config("--clip-norm", "2").optimizer == ClipByNorm(optim.sgd(0.1, 0.9), 2.0)
    value = config("--clip-value", "2", "--optim", "adam").optimizer
    assert value == ClipByValue(OptimizerKind.Adam.to_optimizer(0.01), 2.0)


def test_schedules_begin_at_the_learning_rate_and_end_with_the_run():
    assert config("--schedule", "constant").scheduler is None
    assert config("--schedule", "step").scheduler == schedules.step(0.1, 66, 0.1)
    stairs = config("--schedule", "step", "--step-size", "7", "--gamma", "0.5", "--lr", "2")
    assert stairs.scheduler == schedules.step(2.0, 7, 0.5)
    falling = config("--schedule", "exponential", "--gamma", "0.99")
    assert falling.scheduler == schedules.exponential(0.1, 0.99)
    assert config("--schedule", "cosine").scheduler == schedules.cosine(0.1, 200)
    warm = config("--schedule", "cosine", "--warmup", "50", "--steps", "60").scheduler
    assert warm == schedules.linear_warmup(50, schedules.cosine(0.1, 10))
    flat = config("--warmup", "4").scheduler
    assert [flat(t) for t in (0, 1, 3, 4, 99)] == [0.025, 0.05, 0.1, 0.1, 0.1]


def test_the_log_contains_the_scheduled_learning_rates_and_the_report_the_rule(capsys, tmp_path):
    log = tmp_path / "log.jsonl"
    argv = [*XOR, "--steps", "6", "--schedule", "step", "--step-size", "2", "--gamma", "0.5"]
    main([*argv, "--clip-norm", "1", "--log", str(log), "--json"])
    report = json.loads(capsys.readouterr().out)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["lr"] for line in lines[1:]] == [0.1, 0.1, 0.05, 0.05, 0.025, 0.025]
    for record in (report, lines[0]):
        assert record["momentum"] == 0.9
        assert record["optimizer"].startswith("ClipByNorm(optimizer=SGD(lr=0.1, momentum=0.9")
        assert record["schedule"] == "Step(base=0.1, size=2, gamma=0.5)"


def test_every_option_changes_the_bits_and_the_compiled_step_has_those_of_the_eager_one(capsys):
    base = ("--steps", "4", "--lr", "0.5")
    variants = [
        (),
        ("--optim", "adam"),
        ("--optim", "adamw"),
        ("--nesterov",),
        ("--weight-decay", "0.1"),
        ("--clip-norm", "0.1"),
        ("--clip-value", "0.1"),
        ("--schedule", "cosine"),
        ("--schedule", "cosine", "--final-lr", "0.25"),
        ("--warmup", "2"),
    ]
    digests = set()
    for variant in variants:
        pair = set()
        for backend in ("eager", "compiled"):
            main([*XOR, *base, *variant, "--backend", backend, "--json"])
            pair.add(json.loads(capsys.readouterr().out)["state_digest"])
        assert len(pair) == 1
        digests |= pair
    assert len(digests) == len(variants)


def test_crosscheck_takes_them_too(capsys):
    argv = ("crosscheck", "xor", "--dtypes", "float32,ieee32exec,mp:24", "--steps", "3", "--json")
    assert main([*argv, "--optim", "adam", "--schedule", "cosine", "--clip-norm", "1"]) == 0
    assert json.loads(capsys.readouterr().out)["identical"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--optim", "Adam"], ["Adam", "sgd, adam, adamw"]),
        (["--optim", "adam", "--momentum", "0.5"], ["--momentum", "sgd"]),
        (["--optim", "adamw", "--nesterov"], ["--nesterov", "sgd"]),
        (["--optim", "adam", "--weight-decay", "0.1"], ["--weight-decay", "adamw"]),
        (["--nesterov", "--momentum", "0"], ["--nesterov", "--momentum"]),
        (["--clip-norm", "1", "--clip-value", "1"], ["--clip-norm", "--clip-value"]),
        (["--clip-norm", "0"], ["clipping limit", "0"]),
        (["--weight-decay", "-1"], ["weight_decay", "-1"]),
        (["--schedule", "linear"], ["linear", "constant, step, exponential, cosine"]),
        (["--schedule", "exponential"], ["--gamma"]),
        (["--schedule", "exponential", "--gamma", "nan"], ["gamma", "nan"]),
        (["--schedule", "cosine", "--gamma", "0.5"], ["--gamma", "step or exponential"]),
        (["--step-size", "5"], ["--step-size", "--schedule step"]),
        (["--final-lr", "0.1"], ["--final-lr", "--schedule cosine"]),
        (["--schedule", "cosine", "--final-lr", "-1"], ["-1"]),
        (["--schedule", "step", "--step-size", "-5"], ["-5"]),
        (["--warmup", "-1"], ["-1", "warm-up"]),
        (["--warmup", "11", "--steps", "10"], ["--warmup 11", "10 steps"]),
    ],
    ids=" ".join,
)
def test_contradictory_options_are_an_error_of_one_line(capsys, options, words):
    assert main([*XOR, *options]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert all(word in captured.err for word in words)
