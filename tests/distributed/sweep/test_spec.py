import pytest

from numlean.distributed.sweep import spec as spec_module
from numlean.distributed.sweep.spec import SweepSpec
from numlean.errors import NumleanError
from numlean.tasks.recipe import Recipe


def recipes(plain):
    return [point.recipe for point in SweepSpec.from_plain(plain).points]


def test_lists_are_axes_of_a_grid_whose_last_option_varies_fastest():
    plain = {"task": "xor", "steps": 5, "dtype": ["float32", "mp:24"], "seed": [0, 1]}
    expected = [("float32", 0), ("float32", 1), ("mp:24", 0), ("mp:24", 1)]
    assert [(each.dtype, each.seed) for each in recipes(plain)] == expected
    assert {each.steps for each in recipes(plain)} == {5}


def test_points_are_grids_of_their_own_that_replace_options():
    points = [{"dtype": ["float32", "float64"]}, {"policy": "bf16-mixed", "lr": 0.5}]
    found = recipes({"task": "xor", "lr": 0.1, "points": points})
    assert [each.optimizer.lr for each in found] == [0.1, 0.1, 0.5]
    assert [each.policy is None for each in found] == [True, True, False]


def test_an_option_that_is_a_list_takes_a_list_of_lists_as_an_axis(tmp_path):
    table = {"data": "t.csv", "target": "y", "drop": ["a", "b"]}
    assert [each.task.drop for each in recipes(table)] == [("a", "b")]
    table["drop"] = [["a"], ["a", "b"]]
    assert [each.task.drop for each in recipes(table)] == [("a",), ("a", "b")]


def test_a_repeated_recipe_is_one_point():
    spec = SweepSpec.from_plain({"task": "xor", "seed": [0, 1, 0], "dtype": ["float32", "float32"]})
    assert (len(spec.points), spec.repeated) == (2, 4)


def test_the_digest_identifies_the_recipe_and_no_other():
    first, second = SweepSpec.from_plain({"task": "xor", "lr": [0.1, 0.2]}).points
    again = SweepSpec.from_plain({"lr": 0.1, "task": "xor"}).points[0]
    assert first.digest == again.digest != second.digest
    assert Recipe.from_plain(spec_module.Point(first.recipe).recipe.to_plain()) == first.recipe


def test_execution_has_defaults_that_change_no_bit():
    spec = SweepSpec.from_plain({"task": "xor", "execution": {"backend": "eager"}})
    assert (spec.execution.backend, spec.execution.fast_kernels) == ("eager", True)


@pytest.mark.parametrize(
    ("plain", "message"),
    [
        ({"task": "xor", "dtpye": "float32"}, "unknown option 'dtpye' of a sweep; did you mean"),
        ({"task": "xor", "steps": "5"}, "sweep.steps: expected int, got '5'"),
        ({"task": "xor", "steps": [1, True]}, "sweep.steps: expected int, got True"),
        ({"task": "xor", "seed": []}, "a sweep needs 1 to 1,000,000 points, and this one has 0"),
        ({"task": "xor", "seed": list(range(1001)), "lr": [0.1] * 1000}, "this one has 1,001,000"),
        ({"task": "xor", "lr": [0.1, float("nan")]}, "lr: expected a finite number, got nan"),
        ({"task": "xor", "dtype": "float32", "policy": "tf32"}, "policy"),
        ({"task": "xor", "points": {"seed": 1}}, "points: expected a list of tables"),
        ({"task": "xor", "execution": {"backend": "fast"}}, "unknown backend 'fast'"),
        ({"task": "xor", "execution": {"measure_every": 0}}, "measure_every must be at least 1"),
        ({"task": "xor", "execution": {"threads": 2}}, "execution: unknown field 'threads'"),
        ({"steps": 5}, "name a TASK"),
    ],
)
def test_misuse_is_one_line(plain, message):
    with pytest.raises(NumleanError) as caught:
        SweepSpec.from_plain(plain)
    assert message in str(caught.value)


@pytest.mark.parametrize("content", [b"task = ", b"\xff", b"a = 1\na = 2\n"])
def test_a_file_that_is_not_toml_is_named(tmp_path, content):
    path = tmp_path / "spec.toml"
    path.write_bytes(content)
    with pytest.raises(NumleanError, match=r"spec\.toml: not a file in TOML"):
        SweepSpec.load(str(path))
