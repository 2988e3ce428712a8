"""Labels are one class exactly if they are the same number, or the same text. Nothing is rounded.

The right classes are those of Python's exact integers, fractions and decimals.
"""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from numlean.data import Dataset
from numlean.data.tables import read_table
from numlean.errors import NumleanError

BEYOND = 2**53
"""From here on, binary64 does not contain every integer."""


def csv_target(tmp_path, labels, name="t.csv", **options):
    path = tmp_path / name
    path.write_text("x,y\n" + "".join(f"{k},{label}\n" for k, label in enumerate(labels)))
    return read_table(str(path), "y", **options).target


def array_target(tmp_path, labels, suffix, **options):
    path = tmp_path / f"t{suffix}"
    x = np.arange(float(len(labels)))
    if suffix == ".npz":
        np.savez(path, x=x, y=labels)
        return read_table(str(path), "y", **options).target
    structure = np.zeros(len(labels), dtype=[("x", "f8"), ("y", labels.dtype)])
    structure["x"], structure["y"] = x, labels
    np.save(path, structure)
    return read_table(str(path), "y", **options).target


def class_of_each(target):
    return [target.classes[row.tolist().index(1.0)] for row in target.values]


@pytest.mark.parametrize(
    "labels",
    [
        (BEYOND, BEYOND + 1),
        (2**63 - 2, 2**63 - 1),
        (-(2**63), -(2**63) + 1),
        (2**64 - 2, 2**64 - 1),
        (10**30, 10**30 + 1),
        (-(10**400), 10**400),
    ],
)
def test_integers_beyond_binary64_stay_different_classes_in_text(tmp_path, labels):
    target = csv_target(tmp_path, labels * 3)
    assert target.kind == "classification"
    assert list(map(Fraction, class_of_each(target))) == list(labels * 3)


@pytest.mark.parametrize("suffix", [".npz", ".npy"])
@pytest.mark.parametrize(
    ("dtype", "labels"),
    [
        (np.int64, (BEYOND, BEYOND + 1)),
        (np.int64, (-BEYOND - 1, -BEYOND)),
        (np.int64, (2**63 - 2, 2**63 - 1)),
        (np.uint64, (2**63, 2**63 + 1)),
        (np.uint64, (2**64 - 2, 2**64 - 1)),
        (">i8", (BEYOND, BEYOND + 1)),
    ],
)
def test_integers_beyond_binary64_stay_different_classes_in_arrays(tmp_path, suffix, dtype, labels):
    target = array_target(tmp_path, np.array(labels * 3, dtype=dtype), suffix)
    assert list(map(int, class_of_each(target))) == list(labels * 3)


def test_columns_of_one_integer_array_keep_its_integers(tmp_path):
    np.save(tmp_path / "t.npy", np.array([[1, BEYOND], [2, BEYOND + 1]] * 2))
    target = read_table(str(tmp_path / "t.npy"), "2").target
    assert target.classes == (str(BEYOND), str(BEYOND + 1))


@pytest.mark.parametrize("texts", [("1", "1.0", "01", "+1", "1e0", "10e-1", "0.1e1", '" 1"')])
def test_one_number_in_several_notations_is_one_class_and_the_user_is_told(tmp_path, texts):
    target = csv_target(tmp_path, [*texts, *["2"] * len(texts)])
    assert target.classes == ("1", "2")
    assert class_of_each(target) == ["1"] * len(texts) + ["2"] * len(texts)
    assert "1 and 1.0 are one number" in target.reason
    apart = csv_target(tmp_path, [*texts, *["2"] * len(texts)], categorical=["y"])
    assert apart.classes == tuple(sorted({*map(str.strip, (*texts[:-1], "1")), "2"}))


def test_signed_zeros_are_one_class(tmp_path):
    assert csv_target(tmp_path, ("-0", "0", "0.0", "5")).classes == ("0", "5")
    for dtype in (np.float64, np.float32):
        floats = np.array([-0.0, 0.0, 5, 5], dtype)
        assert array_target(tmp_path, floats, ".npz").classes == ("0", "5")


# 0.1 and the exact value of the binary64 number nearest to it: equal in binary64, not as numbers.
TENTH = f"{Decimal.from_float(0.1):f}"


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("0.1", TENTH),
        ("1", "1.00000000000000000001"),
        ("1e400", "2e400"),
        ("1e-400", "0"),
        ("9007199254740992.5", "9007199254740992"),
    ],
)
def test_decimals_that_binary64_does_not_tell_apart_are_different_classes(tmp_path, a, b):
    target = csv_target(tmp_path, (a, b) * 3, kind="classification")
    names = class_of_each(target)
    assert list(map(Fraction, names)) == [Fraction(a), Fraction(b)] * 3
    assert list(map(Fraction, target.classes)) == sorted([Fraction(a), Fraction(b)])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_neighbouring_floats_are_classes_with_different_names(tmp_path, dtype):
    low = dtype(1) / dtype(10)
    floats = np.array([low, np.nextafter(low, dtype(1))] * 2, dtype)
    for suffix in (".npz", ".npy"):
        target = array_target(tmp_path, floats, suffix, kind="classification")
        assert class_of_each(target) == [*target.classes] * 2
        # A name is read back as its float.
        assert [dtype(name) for name in target.classes] == floats[:2].tolist()


def test_labels_of_a_test_file_of_another_dtype_are_compared_exactly(tmp_path):
    train, test = tmp_path / "a.npz", tmp_path / "b.npz"
    np.savez(train, x=np.zeros(4), y=np.array([BEYOND, BEYOND + 1] * 2, np.int64))
    np.savez(test, x=np.zeros(2), y=np.array([BEYOND + 1, BEYOND], np.uint64))
    target = read_table(str(train), "y", test_path=str(test)).target
    assert list(map(int, class_of_each(target)))[4:] == [BEYOND + 1, BEYOND]
    np.savez(test, x=np.zeros(2), y=np.array([BEYOND + 2.0, BEYOND]))
    with pytest.raises(NumleanError, match=f"{BEYOND + 2}.*does not occur"):
        read_table(str(train), "y", test_path=str(test))


def test_numbers_of_a_regression_are_still_rounded_once(tmp_path):
    target = csv_target(tmp_path, (BEYOND + 1, BEYOND + 3, 0.1), kind="regression")
    assert target.values.ravel().tolist() == [float(BEYOND), BEYOND + 4.0, 0.1]


@pytest.mark.parametrize(
    "targets",
    [
        [BEYOND, BEYOND + 1],
        np.array([2**63 - 1, 0]),
        np.array([0, 2**64 - 1], np.uint64),
        [2**70 + 1, 0],
        [[-BEYOND - 1], [0]],
    ],
)
def test_a_dataset_refuses_integer_targets_that_are_no_binary64_numbers(targets):
    with pytest.raises(NumleanError, match="is not a number of binary64") as caught:
        Dataset.of_arrays([[0.0], [1.0]], targets)
    assert "\n" not in str(caught.value)


def test_a_list_of_samples_refuses_them_too():
    with pytest.raises(NumleanError, match="is not a number of binary64"):
        Dataset.of_list([([0.0], BEYOND), ([1.0], BEYOND + 1)])


def test_a_dataset_takes_integer_targets_that_are_binary64_numbers():
    targets = [2**62, -BEYOND, 2**70]
    assert Dataset.of_arrays([[0], [1], [2]], targets).y.tolist() == list(map(float, targets))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("007", "7"),
        ("-2.50", "-2.5"),
        ("1e21", "1" + "0" * 21),
        ("12.5e-3", "0.0125"),
        ("1e-7", "1e-07"),
        ("-1.25e-9", "-1.25e-09"),
        ("1e60", "1e+60"),
    ],
)
def test_a_class_is_called_by_its_number_in_one_notation(tmp_path, text, name):
    classes = csv_target(tmp_path, (text, "3") * 2, kind="classification").classes
    assert set(classes) == {name, "3"}


def test_an_exponent_without_bound_is_one_line(tmp_path):
    for text in ("1e" + "9" * 30, "1e-" + "9" * 30):
        with pytest.raises(NumleanError, match="exponent") as caught:
            csv_target(tmp_path, (text, "1") * 2)
        assert "\n" not in str(caught.value)
