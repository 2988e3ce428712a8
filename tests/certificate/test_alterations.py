"""Certificates that were altered or truncated, and files that are not certificates."""

import json
import random

import pytest

from numlean import Certificate, replay
from numlean.certificate import CertificateError
from numlean.cli.main import main

DRAW = random.Random(131)


def other_digit(digit):
    return DRAW.choice([d for d in "0123456789abcdef" if d != digit])


def altered_at(text, place):
    return text[:place] + other_digit(text[place]) + text[place + 1 :]


def digits_of_steps(text):
    """Yield the positions of all digits of the steps' entries, each with its step."""
    lines = text[text.index('"steps": [') :].splitlines(keepends=True)
    start = len(text) - sum(map(len, lines[1:]))
    for step, line in enumerate(line for line in lines[1:] if "0x" in line):
        yield from ((step, start + k) for k, c in enumerate(line) if c in "0123456789abcdef")
        start += len(line)


@pytest.mark.parametrize("is_sealed", [False, True], ids=["as it is", "with the digest made right"])
def test_an_altered_digit_of_a_step_is_reported_with_the_step(path, seal, is_sealed):
    text = path.read_text()
    for step, place in DRAW.sample(list(digits_of_steps(text)), 60):
        other = altered_at(text, place)
        path.write_text(seal(other) if is_sealed else other)
        with pytest.raises(CertificateError, match=rf"run\.json: .*altered at step {step}:"):
            Certificate.load(path)


def test_an_altered_digit_anywhere_is_refused(path):
    text = path.read_text()
    places = [k for k, c in enumerate(text) if c.isdecimal()]
    for place in DRAW.sample(places, 200):
        path.write_text(text[:place] + str((int(text[place]) + 3) % 10) + text[place + 1 :])
        with pytest.raises(CertificateError):
            Certificate.load(path)


@pytest.mark.parametrize("entry", [0, 1], ids=["loss", "state digest"])
def test_a_step_that_was_forged_with_all_that_follows_from_it_is_found_by_a_replay(forge, entry):
    step = DRAW.randrange(12)

    def change(document):
        text = document["steps"][step][entry]
        document["steps"][step][entry] = expected = altered_at(text, len(text) - 1)
        shown.append((text, expected))

    shown = []
    verdict = replay(forge(change))
    (found, expected) = shown[0]
    assert (verdict.identical_steps, verdict.difference.step) == (step, step)
    assert verdict.difference.what == ("loss" if entry == 0 else "parameters after it")
    assert verdict.difference.expected.startswith(expected)
    assert verdict.difference.found.startswith(found)
    assert verdict.is_irreproducible
    assert "cannot be reproduced here, or the file was altered" in str(verdict)


def test_a_forged_step_is_distinguished_from_a_difference_between_two_ways(forge):
    path = forge(lambda document: document["steps"][3].__setitem__(1, "0" * 64))
    verdict = replay(path, "ieee32exec:compiled")
    assert (verdict.identical_steps, verdict.difference.what) == (3, "parameters after it")
    assert verdict.divergence.identical
    assert verdict.is_irreproducible


def test_forged_initial_parameters_and_final_values_are_found_by_a_replay(forge):
    path = forge(lambda document: document["initial"].update(state_digest="1" * 64))
    assert replay(path).difference.step is None
    path = forge(lambda document: document["final"].update(value_digest="1" * 64))
    assert replay(path).difference.what == "initial parameters"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d["recipe"].update(seed=6), ["another run", "seed is 5 in the file"]),
        (lambda d: d["run"]["optimizer"].update(lr=0.2), ["another run", "lr is 0.2"]),
        (lambda d: d["run"]["data"].update(sha256="0"), ["another run", "data.sha256"]),
        (lambda d: d["run"].update(dtype="float31"), ["float31", "float32"]),
        (lambda d: d["recipe"]["task"].update(name="abc"), ["abc", "xor"]),
        (lambda d: d["recipe"].update(stepz=6), ["stepz"]),
        (lambda d: d["recipe"].update(steps="six"), ["recipe.steps", "six"]),
        (lambda d: d["recipe"].update(version=2), ["recipe", "version 1", "2"]),
        (lambda d: d.update(recipe=None), ["task=", "config=", "data="]),
        (lambda d: d["environment"].update(device="abacus"), ["abacus", "cpu"]),
        (lambda d: d["steps"][2].__setitem__(0, "0x1ffffffff"), ["0x1ffffffff", "float32"]),
    ],
)
def test_a_forged_description_is_another_run(capsys, forge, change, words):
    path = forge(change)
    assert main(["replay", str(path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"numlean: error: {path}: ")
    assert captured.err.count("\n") == 1
    assert all(word in captured.err for word in words), captured.err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["not valid JSON"]),
        ("[1, 2]", ["not a numlean certificate"]),
        ("{}", ["not a numlean certificate"]),
        ('{"numlean_certificate": "one"}', ["'one'"]),
        ('{"numlean_certificate": 3, "numlean": "9.9"}', ["version 3", "9.9", "versions 1 and 2"]),
        ('{"numlean_certificate": 1, "numlean": "0.1"}', ["recipe", "missing"]),
    ],
)
def test_files_that_are_not_certificates_are_refused_in_one_line(capsys, path, text, words):
    path.write_text(text)
    assert main(["replay", str(path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"numlean: error: {path}: ")
    assert error.count("\n") == 1
    assert all(word in error for word in words), error


def with_loss(loss):
    return lambda document: document["steps"][0].__setitem__(0, loss)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (with_loss("0x\u00e9"), "altered at step 0: its loss is not a number"),
        (lambda document: document["steps"][0].__setitem__(1, "0"), "altered at step 0"),
        (lambda document: document["recipe"].update(dtype="bfloat16"), "requests dtype 'bfloat16'"),
        (lambda document: document["recipe"]["optimizer"].update(lr=10**400), "optimizer.lr"),
        (lambda document: document["run"].update({"a\nb": 1}), r"'a\nb' is 1 in the file"),
    ],
)
def test_a_forged_certificate_whose_digests_are_right_is_refused_in_one_line(
    capsys, forge, change, words
):
    path = forge(change)
    assert main(["replay", str(path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"numlean: error: {path}: ")
    assert error.count("\n") == 1
    assert words in error


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"seed": 5', '"seed": NaN', "expected a finite number"),
        ('"seed": 5', '"seed": 1e999', "expected a finite number"),
        ('"seed": 5', '"seed": 6, "seed": 5', "the field 'seed' occurs twice"),
        ('"0x', r'"\ud800', "half of a surrogate pair"),
    ],
)
def test_json_that_has_no_single_meaning_is_refused(path, seal, old, new, words):
    path.write_text(seal(path.read_text().replace(old, new, 1)))
    with pytest.raises(CertificateError, match=words):
        Certificate.load(path)


def test_a_file_that_was_cut_off_anywhere_is_refused(path):
    content = path.read_bytes()
    for stop in (0, 1, 100, *DRAW.sample(range(len(content) - 1), 40)):
        path.write_bytes(content[:stop])
        with pytest.raises(CertificateError):
            Certificate.load(path)


def test_steps_that_were_left_out_are_missed(path, seal):
    document = json.loads(path.read_text())
    del document["steps"][5]
    path.write_text(seal(json.dumps(document)))
    with pytest.raises(CertificateError, match="at step 5"):
        Certificate.load(path)
    document = json.loads(path.read_text())
    del document["steps"][-2:]
    del document["steps"][5:]
    path.write_text(seal(json.dumps(document)))
    with pytest.raises(CertificateError, match="final state digest"):
        Certificate.load(path)


def test_a_file_that_cannot_be_read_is_named(capsys, tmp_path):
    assert main(["replay", str(tmp_path / "nowhere.json")]) == 2
    assert "nowhere.json: No such file" in capsys.readouterr().err
    assert main(["replay", str(tmp_path)]) == 2
    path = tmp_path / "binary.json"
    path.write_bytes(bytes(range(256)))
    assert main(["replay", str(path)]) == 2
    assert "not valid JSON" in capsys.readouterr().err


def test_fast_kernels_are_another_way_than_plain_ones(forge):
    path = forge(lambda document: document["steps"][3].__setitem__(1, "0" * 64))
    assert replay(path, "float32").divergence is None
    assert replay(path, "float32:fast").divergence.identical


def test_values_that_take_too_much_memory_are_refused_before_they_are_made(capsys, path):
    path.write_text(json.dumps({"numlean_certificate": 2, "steps": [[]] * 10_000}))
    assert main(["replay", str(path), "--max-size", "1MB"]) == 2
    expected = f"{path}: the values of the certificate: 2 MB exceed the limit of 1 MB"
    assert expected in capsys.readouterr().err
    path.write_bytes(b'{"numlean_unfinished_certificate": 1}' + b"\n" * 20_000)
    assert main(["replay", str(path), "--max-size", "1MB"]) == 2
    assert "the values of the certificate: 2 MB exceed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda document: document["seeds"].update(initial=-1), "seeds.initial is out of range"),
        (lambda document: document.update(steps_asked=1 << 63), "steps_asked is out of range"),
        (lambda document: document.update(steps_asked=13), "asks for 12 steps"),
        (lambda document: document["environment"].update(device=3), "environment.device: expected"),
        (lambda document: document["environment"].pop("backend"), "field 'backend' is missing"),
        (lambda document: document["run"].pop("dtype"), "run: the field 'dtype' is missing"),
        (lambda document: document["run"].update(dtype=["float32"]), "run.dtype: expected str"),
        (with_loss("0x1p+" + "9" * 2000), "its loss is not a number"),
        (with_loss("float32"), "its loss is not a number"),
    ],
)
def test_each_field_that_is_used_has_its_type_and_range(forge, change, words):
    with pytest.raises(CertificateError, match=words):
        Certificate.load(forge(change))


def test_a_file_alone_may_not_ask_for_numbers_of_any_size(capsys, forge):
    def change(document):
        document["recipe"]["dtype"] = document["run"]["dtype"] = "mp:20000"
        document["environment"]["device"] = "python"

    path = forge(change)
    for side in ([], ["--dtype", "float32"], ["--backend", "compiled"]):
        assert main(["replay", str(path), *side]) == 2
        message = capsys.readouterr().err
        assert "at most 10,000 bits; to compute with more, pass --dtype mp:20000" in message
        assert '(in Python: side="mp:20000")' in message
    assert main(["replay", str(path), "--dtype", "mp:20000", "--device", "abacus"]) == 2
    assert "abacus" in capsys.readouterr().err


def test_names_in_a_certificate_do_not_act_on_a_terminal(forge):
    def change(document):
        document["run"]["task"] = document["environment"]["device"] = "\x1b[31m"

    text = str(Certificate.load(forge(change)))
    assert text.isprintable()
    assert "12 steps" in text
