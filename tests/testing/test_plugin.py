"""The example of a third-party Scalar, installed as a user would install it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = Path(__file__).parents[2] / "examples" / "plugin"


@pytest.fixture(scope="module")
def with_plugin(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plugin")
    install = ["pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    run([*install, "--target", str(folder), str(PLUGIN)], os.environ)
    return {**os.environ, "PYTHONPATH": str(folder)}


def run(arguments, environment):
    command = [sys.executable, "-m", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_it_is_found_and_trains_xor(with_plugin):
    assert "fixed32:F" in run(["numlean", "dtypes"], with_plugin)
    trained = run(["numlean", "train", "xor", "--dtype", "fixed32:16", "--json"], with_plugin)
    report = json.loads(trained)
    assert report["loss_after"] < 0.01 < report["loss_before"]


def test_it_keeps_every_promise_of_the_conformance_suite(with_plugin, tmp_path):
    # `numlean verify scalars --dtype fixed32:16 --device cpu` checks it compiled.
    options = ["-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), "--numlean-scalar"]
    printed = run(["pytest", *options, "fixed32:8 python", str(tmp_path)], with_plugin)
    assert "passed" in printed
