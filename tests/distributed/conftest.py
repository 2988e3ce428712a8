import os
import signal
import subprocess
import sys
import time

import pytest


class UserCluster:
    """A scheduler and workers as a user starts them: processes of the command ``dask``."""

    def __init__(self, folder):
        self._processes = []
        self._file = folder / "scheduler.json"
        self._folder = folder
        self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        while not self._file.exists():
            assert self._processes[0].poll() is None, "the scheduler ended"
            time.sleep(0.05)

    @property
    def address(self):
        import json

        return json.loads(self._file.read_text())["address"]

    def add_worker(self, name, **environment):
        return self._start(
            *("worker", "--nthreads", "1", "--no-dashboard", "--name", name),
            *("--local-directory", str(self._folder / name)),
            **environment,
        )

    def _start(self, *words, **environment):
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", *words, "--scheduler-file", str(self._file)],
            env={**os.environ, **environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._processes.append(process)
        return process

    def kill_scheduler(self):
        self._processes[0].kill()

    def stop(self):
        for process in reversed(self._processes):
            process.terminate()
        for process in self._processes:
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:  # Dask waits for a worker that died as it started
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@pytest.fixture
def user_cluster(tmp_path):
    pytest.importorskip("distributed", reason="the dask extra is not installed")
    cluster = UserCluster(tmp_path)
    yield cluster
    cluster.stop()


@pytest.fixture
def other_numlean(tmp_path):
    """Return a folder that makes a process believe it has another version of numlean."""
    folder = tmp_path / "other"
    (folder / "numlean-9.9.9.dist-info").mkdir(parents=True)
    metadata = "Metadata-Version: 2.1\nName: numlean\nVersion: 9.9.9\n"
    (folder / "numlean-9.9.9.dist-info" / "METADATA").write_text(metadata)
    return f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
