"""Users' tables: reading them, and errors that name row and column."""

import pickle

import numpy as np
import pytest

from numlean.data.tables import read_table
from numlean.errors import DataError, NumleanError


def table(tmp_path, text, target, name="t.csv", **options):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return read_table(str(path), target, **options)


def archive(tmp_path, **arrays):
    path = tmp_path / "t.npz"
    np.savez(path, **arrays)
    return str(path)


def test_numbers_are_rounded_once_and_text_becomes_classes(tmp_path):
    text = "x,y,kind\n0.1,9007199254740993,b\n-3e-1,.5,a\n"
    read = table(tmp_path, text, "kind")
    assert read.inputs.tolist() == [[0.1, 9007199254740992.0], [-0.3, 0.5]]
    assert read.target.classes == ("a", "b")
    assert read.target.values.tolist() == [[0.0, 1.0], [1.0, 0.0]]
    assert (read.target.kind, read.input_name) == ("classification", "2 columns")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_delimiters_are_detected_and_quotes_and_the_byte_order_mark_removed(
    tmp_path, delimiter, end
):
    rows = [
        ['"a, b; c"', "é", "t"],
        ["1", '"2"', "3"],
        ["4", "5", "6"],
        ["7", "8", "10"],
        ["1", "8", "3.5"],
    ]
    text = "\ufeff" + end.join(delimiter.join(row) for row in rows)
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode("utf-8"))
    read = read_table(str(path), "t")
    assert read.inputs.tolist() == [[1, 2], [4, 5], [7, 8], [1, 8]]
    assert read_table(str(path), "t", drop=["a, b; c"]).inputs.tolist() == [[2], [5], [8], [8]]
    assert read_table(str(path), "é").target.values.tolist() == [[2], [5], [8], [8]]


def test_without_a_header_columns_are_named_by_their_positions(tmp_path):
    text = "1,2,a\n3,4,b\n"
    assert table(tmp_path, text, "3").inputs.tolist() == [[1, 2], [3, 4]]
    texts = "u,v\np,q\nr,s\n"
    first = table(tmp_path, texts, "2", header="no", categorical=["1"])
    assert first.inputs.shape == (3, 3)
    assert table(tmp_path, texts, "v", categorical=["u"]).inputs.shape == (2, 2)
    numbers = table(tmp_path, "10,20\n1,2\n3,5\n", "20", header="yes")
    assert numbers.inputs.tolist() == [[1], [3]]
    assert numbers.target.values.tolist() == [[2], [5]]


def test_a_categorical_column_is_one_hot_where_it_stands_in_the_order_of_its_texts(tmp_path):
    text = "x,colour,y\n1,red,0.5\n2,blue,0.25\n3,NA,0.125\n"
    read = table(tmp_path, text, "y", categorical=["colour"])
    # "NA" is a text like others where texts are requested.
    assert read.inputs.tolist() == [[1, 0, 0, 1], [2, 0, 1, 0], [3, 1, 0, 0]]


def wholes(*numbers):
    return "x,y\n" + "".join(f"{k},{number}\n" for k, number in enumerate(numbers))


@pytest.mark.parametrize(
    ("numbers", "kind", "classes"),
    [
        ((0, 1, 1, 0), "classification", ("0", "1")),
        ((10, 9, 10, 9, -1, -1), "classification", ("-1", "9", "10")),
        ((1, 2, 3), "regression", ()),
        ((0.5, 1, 1, 0.5), "regression", ()),
        (tuple(range(21)) * 2, "regression", ()),
        (tuple(range(20)) * 2, "classification", tuple(map(str, range(20)))),
    ],
)
def test_few_distinct_integers_are_classes_by_default_and_the_reason_is_stated(
    tmp_path, numbers, kind, classes
):
    target = table(tmp_path, wholes(*numbers), "y").target
    assert (target.kind, target.classes) == (kind, classes)
    assert str(len(set(numbers))) in target.reason
    for choice in ("regression", "classification"):
        target = table(tmp_path, wholes(*numbers), "y", kind=choice).target
        assert (target.kind, target.reason) == (choice, "requested")


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("x,y\n1,2\nred,3\n", {}, ["row 3", "'x'", "'red'", "--categorical x", "--drop x"]),
        ("x y,y\n1,2\nred,3\n", {}, ["row 3", "'x y'", "--drop 'x y'"]),
        ("x,y\n1,2\n,3\n,3\n", {}, ["row 3", "'x'", "missing", "1 more", "delete the row"]),
        ("x,y\n1,2\nNaN,3\n", {}, ["row 3", "'x'", "missing ('NaN')"]),
        ("x,y\n1,2\n\n5,NA\n", {}, ["row 4", "'y'", "missing ('NA')"]),
        ("x,y\n1,2\n5,\n", {}, ["row 3", "'y'", "missing"]),
        ('"x\nz",y\n1,2\n"a\nb",2\n', {}, ["row 4", "'x\\nz'"]),
        ("x,y\n1,2\ninf,3\n", {}, ["row 3", "'inf'"]),
        ("x,y\n1,2\n1_000,3\n", {}, ["row 3", "'1_000'"]),
        ("x,y\n1,2\n1e400,3\n", {}, ["row 3", "'x'", "1e400", "binary64"]),
        ("x;y\n1;2\n1,5;3\n", {}, ["row 3", "'1,5'"]),
        ("x,y\n1,2\n1,2,3\n", {}, ["row 3", "3 cells", "2"]),
        ("x,y\n1,a\n1,b\n", {"kind": "regression"}, ["row 2", "'y'", "'a'", "--kind"]),
        ("x,c,y\n1,,2\n1,b,3\n", {"categorical": ["c"]}, ["row 2", "'c'", "missing"]),
        ('x,y\n1,2\n"1,2\n', {}, ["row 3"]),
        ("x,y\n1,7\n2,7\n", {}, ["7", "every row"]),
        ("x,y\n1,a\n2,a\n", {}, ["a in every row"]),
        ("x,y\n", {}, ["header", "no rows"]),
        ("", {}, ["empty"]),
        ("\n\n", {}, ["empty"]),
        ("y\n1\n2\n", {}, ["column of inputs"]),
        ("x,x,y\n1,2,3\n", {}, ["two columns", "'x'"]),
        (",x,y\n0,2,3\n1,2,4\n", {}, ["column 1", "no name", "--drop 1"]),
        ("x,z\n1,2\n", {}, ["'y'", "x, z"]),
        ("x,y\n1,2\n", {"drop": ["w"]}, ["'w'", "x, y"]),
        ("x,y\n1,2\n", {"drop": ["y"]}, ["'y'", "twice"]),
        ("x,w,y\n1,2,2\n", {"drop": ["x"], "categorical": ["x"]}, ["'x'", "twice"]),
        ("x,y\n1,2\n", {"key": "x"}, ["keys"]),
    ],
)
def test_an_error_in_a_text_file_is_one_line_with_row_and_column(tmp_path, text, options, words):
    with pytest.raises(NumleanError) as caught:
        table(tmp_path, text, "y", **options)
    message = str(caught.value)
    assert "t.csv" in message or "every row" in message
    assert "\n" not in message
    for word in words:
        assert word in message


def test_dropping_a_column_without_a_name_lets_the_others_be_read(tmp_path):
    assert table(tmp_path, ",x,y\n0,2,3\n1,2,4\n", "y", drop=["1"]).inputs.tolist() == [[2], [2]]


@pytest.mark.parametrize(
    ("arrays", "options", "words"),
    [
        ({"x": [[1, 2], [3, np.nan]], "y": [1, 2]}, {}, ["'x'", "row 1, column 1", "nan"]),
        ({"x": [1, 2], "y": [1, -np.inf]}, {}, ["'y'", "row 1", "-inf"]),
        ({"x": [[1], [2], [3]], "y": [1, 2]}, {}, ["'x' has 3", "'y' 2", "(3, 1)"]),
        ({"x": [[1], [2]], "z": [1, 2]}, {}, ["'y'", "x, z"]),
        ({"a": [1, 2], "b": [1, 2], "y": [1, 2]}, {}, ["--input", "a, b"]),
        ({"x": [1, 2], "y": [1, 2]}, {"key": "w"}, ["'w'", "x, y"]),
        ({"x": [1, 2], "y": [1, 2]}, {"key": "y"}, ["'y'", "at once"]),
        ({"y": [1, 2]}, {}, ["none"]),
        ({"x": ["a", "b"], "y": [1, 2]}, {}, ["'x'", "text"]),
        ({"x": [1j, 2], "y": [1, 2]}, {}, ["'x'", "complex128"]),
        ({"x": 3.0, "y": [1, 2]}, {}, ["'x'", "()"]),
        ({"x": np.zeros((2, 0)), "y": [1, 2]}, {}, ["'x'", "(2, 0)"]),
        ({"x": [1, 2], "y": ["a", " "]}, {}, ["'y'", "row 1", "empty"]),
        ({"x": [1, 2], "y": ["a", "b"]}, {"kind": "regression"}, ["'y'", "classes"]),
        ({"x": [1, 2], "y": [[1, 2], [3, 4]]}, {"kind": "classification"}, ["one column", "2"]),
        ({"x": [1, 2], "y": [1, 2]}, {"drop": ["x"]}, ["no columns"]),
    ],
)
def test_an_error_in_an_archive_is_one_line_with_key_and_place(tmp_path, arrays, options, words):
    with pytest.raises(NumleanError) as caught:
        read_table(archive(tmp_path, **arrays), "y", **options)
    assert all(word in str(caught.value) for word in words)
    assert "\n" not in str(caught.value)


def test_python_objects_foreign_and_truncated_files_are_refused(tmp_path):
    objects = archive(tmp_path, x=np.array([1, "a"], dtype=object), y=[1, 2])
    with pytest.raises(DataError, match="'x'"):
        read_table(objects, "y")
    path = tmp_path / "t.npz"
    archive(tmp_path, x=np.arange(99.0), y=np.arange(99.0))
    good = path.read_bytes()
    for content in (b"", b"x,y\n1,2\n", pickle.dumps([1]), good[:300], good[:-30]):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"t\.npz"):
            read_table(str(path), "y")
    flipped = bytearray(good)
    flipped[200] ^= 1
    path.write_bytes(flipped)
    with pytest.raises(DataError, match=r"t\.npz"):
        read_table(str(path), "y")
    for name in ("absent.csv", "absent.npz", "t.xlsx"):
        with pytest.raises(DataError, match=name):
            read_table(str(tmp_path / name), "y")
    (tmp_path / "latin.csv").write_bytes("größe,y\n1,2\n".encode("latin-1"))
    with pytest.raises(DataError, match="UTF-8"):
        read_table(str(tmp_path / "latin.csv"), "y")


def test_an_archive_has_the_bits_of_the_text_it_is_written_as(tmp_path):
    rng = np.random.default_rng(7)
    inputs = rng.standard_normal((40, 3)) * 10.0 ** rng.integers(-300, 300, (40, 3))
    target = rng.integers(0, 3, 40)
    header = "a,b,c,y\n"
    rows = zip(inputs.tolist(), target.tolist(), strict=True)
    text = header + "".join(",".join(map(repr, [*x, y])) + "\n" for x, y in rows)
    read = table(tmp_path, text, "y")
    for key, path in (("x", archive(tmp_path, x=inputs, y=target)), (None, None)):
        other = read_table(path or archive(tmp_path, q=inputs, y=target[:, None]), "y", key=key)
        assert read.inputs.tobytes() == other.inputs.tobytes()
        assert read.target.classes == other.target.classes == ("0", "1", "2")
        assert read.target.values.tobytes() == other.target.values.tobytes()
        assert read.inputs.shape == (40, 3)


def test_archives_may_hold_images_and_several_targets(tmp_path):
    path = archive(tmp_path, x=np.zeros((5, 2, 3), np.uint8), y=np.arange(10.0).reshape(5, 2))
    read = read_table(path, "y")
    assert (read.inputs.shape, read.target.values.shape) == ((5, 2, 3), (5, 2))
    assert read.target.kind == "regression"
    assert read.target.values.tolist()[4] == [8.0, 9.0]
