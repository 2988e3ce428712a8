"""Tasks of texts, and the images of digits by convolutions."""

import json

import numpy as np
import pytest

from numlean import NumleanError, TrainConfig, get_scalar, get_task, instantiate, state_digest
from numlean.cli.main import main
from numlean.optim import OptimizerKind
from numlean.tasks.text import LENGTH, sonnets, vocabulary
from numlean.training import Options, run_steps

GOLDEN = {
    "char-rnn": "3f4d7f99e22332e672eaa0e5fc52fcf6c715919b3b0bc4a5b89a0e842a972cd9",
    "char-transformer": "20d9054abc05b68a3915bb096b8a60b2167cfad8fd44f0692c3035f1c2b5bf29",
    "digits-cnn": "6f3474ea656c780ed1a10c9e8ba7902c28275f456ead2eaaa85a49f7ca32c7b5",
}
"""State digests of two steps in binary32: of data, order and arithmetic at once."""


def trained(name, dtype, steps, split, backend="eager"):
    task = get_task(name)
    runner = instantiate(task.task, get_scalar(dtype), Options(backend=backend))
    optimizer = OptimizerKind.parse(task.optim).to_optimizer(task.lr)
    run_steps(runner, TrainConfig(steps, task.batch_size, optimizer), split.train)
    return runner


def test_the_bundled_text_is_twelve_sonnets_of_fourteen_lines():
    poems = sonnets().strip().split("\n\n")
    assert [len(poem.splitlines()) for poem in poems] == [14] * 12
    assert sonnets().isascii()
    assert poems[3].startswith("Shall I compare thee to a summer's day?\n")
    assert "Haply I think on thee,-- and then my state,\n" in poems[4]  # as eBook #1041 has it
    assert vocabulary("banana") == "abn"


@pytest.mark.parametrize("name", ["char-rnn", "char-transformer"])
def test_samples_are_pieces_of_the_text_and_targets_the_characters_after(name):
    text, split = sonnets(), get_task(name).load()
    characters = vocabulary(text)

    def read(tokens):
        return "".join(characters[int(token)] for token in tokens)

    first, third = split.train.get(0), split.train.get(2)
    assert (read(first.x), read(first.y)) == (text[:LENGTH], text[1 : LENGTH + 1])
    assert read(third.x) == text[16 : 16 + LENGTH]
    end = len(text) - len(text) // 10
    assert read(split.test.get(1).x) == text[end + LENGTH : end + 2 * LENGTH]
    # Nothing of the test is seen in training.
    assert end - 8 <= (split.train.size - 1) * 8 + LENGTH + 1 <= end


@pytest.mark.parametrize("name", GOLDEN)
def test_two_steps_have_their_golden_digest_in_emulated_and_hardware_binary32(name):
    split = get_task(name).load()
    for dtype, backend in (("float32", "eager"), ("ieee32exec", "eager"), ("float32", "compiled")):
        runner = trained(name, dtype, 2, split, backend)
        assert state_digest(runner.named_parameters) == GOLDEN[name]


def test_convolutions_know_more_digits_than_a_perceptron():
    task = get_task("digits-cnn")
    split = task.load()
    runner = trained("digits-cnn", "float32", task.steps, split, "compiled")
    runner.eval()
    correct, _ = runner.accuracy(split.test)
    assert correct >= 354
    assert "354 of the 360" in task.summary


@pytest.mark.parametrize(("name", "loss"), [("char-rnn", 2.2), ("char-transformer", 2.4)])
def test_the_next_character_is_learnt_far_better_than_by_chance(name, loss):
    split = get_task(name).load()
    runner = trained(name, "float32", 200, split, "compiled")
    runner.eval()
    assert runner.mean_loss(split.test).item() < loss + 0.1 < np.log(56) - 1


def test_datasets_too_large_for_one_batch_are_evaluated_to_the_same_bits(monkeypatch):
    split = get_task("digits-cnn").load()
    runner = trained("digits-cnn", "float32", 1, split)
    runner.eval()
    whole = runner.mean_loss(split.test), runner.accuracy(split.test)
    monkeypatch.setattr("numlean.training.evaluation._BATCH_SIZE", 7)
    parts = runner.mean_loss(split.test), runner.accuracy(split.test)
    assert parts[0].data.tobytes() == whole[0].data.tobytes()
    assert parts[1] == whole[1]


def test_a_users_text_is_learnt_at_the_command_line(capsys, tmp_path):
    path = tmp_path / "mine.txt"
    path.write_text("Ünd so weiter. " * 60, encoding="utf-8")
    argv = ["train", "char-rnn", "--text", str(path), "--steps", "3", "--dtype", "float32"]
    assert main([*argv, "--json"]) == 0
    captured = capsys.readouterr()
    report = json.loads(captured.out)
    assert report["accuracy"] is not None
    assert report["optimizer"].startswith("Adam(lr=0.01")
    assert "900 characters, 12 distinct" in captured.err


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["char-rnn", "--text", "absent.txt"], ["absent.txt", "No such file"]),
        (["char-rnn", "--text", "SHORT"], ["short.txt", "330", "2"]),
        (["char-rnn", "--text", "BYTES"], ["bytes.txt", "UTF-8", "0xff"]),
        (["xor", "--text", "SHORT"], ["--text", "char-rnn", "xor"]),
        (["--text", "SHORT"], ["TASK"]),
    ],
    ids=" ".join,
)
def test_an_error_in_a_text_is_one_line(capsys, tmp_path, argv, words):
    short, foreign = tmp_path / "short.txt", tmp_path / "bytes.txt"
    short.write_text("ab")
    foreign.write_bytes(b"\xff\xfe")
    files = {"SHORT": str(short), "BYTES": str(foreign)}
    assert main(["train", *(files.get(word, word) for word in argv)]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert all(word in captured.err for word in words)
    with pytest.raises(NumleanError, match="330"):
        get_task("char-rnn").on_text("short")
