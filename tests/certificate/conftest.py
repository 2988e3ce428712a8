"""A certificate of a small run, and tools to forge it."""

import hashlib
import json
import re

import pytest

from numlean import certify, get_task
from numlean.certificate.chain import first_link, next_link

BLANK = "0" * 64
STEPS = 12


@pytest.fixture(scope="session")
def certificate():
    return certify("xor", "float32", config=get_task("xor").config(steps=STEPS, seed=5))


@pytest.fixture
def path(certificate, tmp_path):
    path = tmp_path / "run.json"
    certificate.save(path)
    return path


def recompute_digest(text):
    """Return a file's text with its own digest recomputed."""
    blank = re.sub('"sha256": "[0-9a-f]*"', f'"sha256": "{BLANK}"', text, count=1)
    return blank.replace(BLANK, hashlib.sha256(blank.encode()).hexdigest(), 1)


@pytest.fixture
def seal():
    return recompute_digest


@pytest.fixture
def forge(path):
    """Change the document of a certificate, and recompute its chain and digest."""

    def apply(change):
        document = json.loads(path.read_text())
        change(document)
        link = first_link(document["run"], document["initial"]["state_digest"])
        document["initial"]["chain"] = link
        for step in document["steps"]:
            step[2] = link = next_link(link, step[0], step[1])
        if document["steps"]:
            document["final"]["state_digest"] = document["steps"][-1][1]
        path.write_text(recompute_digest(json.dumps(document)))
        return path

    return apply
