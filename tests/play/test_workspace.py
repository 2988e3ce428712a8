"""Only files of the folder are read."""

import pytest

from numlean.errors import NumleanError
from numlean.play.workspace import Workspace


@pytest.fixture
def folder(tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "secret.toml").write_text("x")
    (inside / "own.toml").write_text("x")
    (inside / "link.toml").symlink_to(tmp_path / "secret.toml")
    (inside / "up").symlink_to(tmp_path)
    return inside


def test_a_file_of_the_folder_is_found(folder):
    assert Workspace(folder.resolve()).file("own.toml").read_text() == "x"
    assert Workspace(folder.resolve()).file("up/inside/own.toml").read_text() == "x"


@pytest.mark.parametrize(
    "name",
    [
        "../secret.toml",
        "link.toml",
        "up/secret.toml",
        "/etc/passwd",
        "none.toml",
        ".",
        "own.toml\0",
        "x" * 5000,
    ],
)
def test_a_file_outside_of_the_folder_is_refused(folder, name):
    with pytest.raises(NumleanError, match="is not a file in the folder"):
        Workspace(folder.resolve()).file(name)
