"""A cell that is not as the others is reported with its place and the fix; options read the rest.

Right numbers are those of Python's ``float`` of the cell in plain notation, and of ``statistics``.
"""

import statistics
from fractions import Fraction

import numpy as np
import pytest

from numlean.data.csv_dialect import CsvDialect
from numlean.data.missing import MissingValues, impute
from numlean.data.tables import read_table
from numlean.errors import NumleanError


def write(tmp_path, text, name="t.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return str(path)


def read(tmp_path, text, target="y", encoding="utf-8", missing=None, **options):
    dialect = {k: options.pop(k) for k in CsvDialect.__dataclass_fields__ if k in options}
    return read_table(
        write(tmp_path, text, encoding=encoding),
        target,
        dialect=CsvDialect(**dialect),
        missing=None if missing is None else MissingValues(**missing),
        **options,
    )


def refusal(tmp_path, text, **options):
    with pytest.raises(NumleanError) as caught:
        read(tmp_path, text, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def column(cell, above=("1", "2.5")):
    rows = [*above, cell]
    return "x;y\n" + "".join(f'"{each}";{k}\n' for k, each in enumerate(rows))


ODD = [
    ("1,131.6", ["--thousands ','"]),
    ("1,131", ["--thousands ','", "--decimal ','"]),
    ("1.131,6", ["--decimal ',' --thousands '.'"]),
    ("3,5", ["--decimal ','"]),
    ("1 131.6", ["--thousands ' '"]),
    ("1\u00a0131.6", ["--thousands ' '"]),
    ("1'131.6", ['--thousands "\'"']),
    ("12,34,567", ["--thousands ','"]),
    ("15%", ["write 0.15, or 15 if"]),
    ("2.5 %", ["write 0.025, or 2.5 if"]),
    ("200%", ["write 2, or 200 if"]),
    (".", ["--na-values ."]),
    ("-", ["--na-values=-"]),
    ("--", ["--na-values=--"]),
    ("#N/A", ["--na-values '#N/A'"]),
    ("missing", ["--na-values missing"]),
    ("$5", ["'$'", "write 5"]),
    ("5 kg", ["'kg'", "write 5"]),
    ("$1,234.56", ["remove '$', and pass --thousands ','"]),
    ("5,5 \u20ac", ["remove '\u20ac', and pass --decimal ','"]),
    ("(5)", ["write -5"]),
    ("5.25-", ["write -5.25"]),
    ("<0.5", ["'<'", "write 0.5"]),
    ("\u22125", ["write it in ASCII characters: -5"]),
    ("\uff15", ["write it in ASCII characters: 5"]),
    ("0x1F", ["correct the cell", "--na-values 0x1F"]),
    ("inf", ["correct the cell"]),
    ("{0}", ["correct the cell", "--na-values '{0}'"]),
    ("1_000", ["--thousands '_'"]),
    ("2021-05-06", ["correct the cell"]),
    ("twelve", ["--na-values twelve"]),
    ("no, none", ["--na-values '\"no, none\"'"]),
]


@pytest.mark.parametrize(("cell", "words"), ODD, ids=[cell for cell, _ in ODD])
def test_one_odd_cell_of_an_input_is_named_with_the_fix(tmp_path, cell, words):
    message = refusal(tmp_path, column(cell))
    for word in ("t.csv: row 4, column 'x'", repr(cell), *words, "--categorical x", "--drop x"):
        assert word in message, message
    assert "one-hot" not in message.split("--categorical")[0]


@pytest.mark.parametrize(("cell", "words"), ODD, ids=[cell for cell, _ in ODD])
def test_one_odd_cell_of_a_target_does_not_make_it_a_classification(tmp_path, cell, words):
    message = refusal(tmp_path, column(cell), target="x")
    for word in ("row 4, column 'x'", repr(cell), *words, "--kind classification"):
        assert word in message, message
    classes = read(tmp_path, column(cell), target="x", kind="classification").target.classes
    assert set(classes) == {"1", "2.5", cell}


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (("1,5", "2,5", "4,75", "5,5"), ["'1,5'", "--decimal ','"]),
        (("15%", "20%", "30%", "25%"), ["'15%'", "0.15"]),
        (("1,131.6", "2,000.5", "1,000.1", "3,000.2"), ["--thousands ','"]),
        (("$1", "$2.5", "$7", "$8"), ["remove '$'"]),
        (("(1)", "2-", "(3.5)", "4"), ["-1"]),
        (("\u22121", "\u22122", "\u22123.5", "4"), ["-1"]),
    ],
)
def test_a_column_of_numbers_in_another_notation_is_no_column_of_texts(tmp_path, cells, words):
    text = "x;y\n" + "".join(f"{cell};{k}\n" for k, cell in enumerate(cells))
    for target in ("y", "x"):
        message = refusal(tmp_path, text, target=target)
        assert all(word in message for word in ("row 2, column 'x'", *words)), message
        before, _, _ = message.partition("--categorical")
        assert words[-1] in before
    headless = "\n".join(f"{cell};{cell}" for cell in cells)
    assert "row 1" in refusal(tmp_path, headless, target="2")


@pytest.mark.parametrize(
    "classes", [("3rd", "1st"), ("5 stars", "4 stars"), ("18-25", "26-40"), ("A1", "B2")]
)
def test_texts_with_digits_are_classes(tmp_path, classes):
    text = "x,y\n" + "".join(f"{k},{name}\n" for k, name in enumerate(classes * 3))
    assert read(tmp_path, text).target.classes == tuple(sorted(classes))


def test_a_target_of_texts_that_hardly_repeat_is_no_classification(tmp_path):
    dates = [f"2021-05-{day:02d}" for day in range(1, 31)]
    text = "x,y\n" + "".join(f"{k},{date}\n" for k, date in enumerate(dates))
    message = refusal(tmp_path, text)
    for word in ("30 different texts in 30 rows", "2021-05-01", "--kind classification"):
        assert word in message
    for options in ({"kind": "classification"}, {"categorical": ["y"]}):
        assert read(tmp_path, text, **options).target.classes == tuple(dates)
    twice = text + text.split("\n", 1)[1]
    assert len(read(tmp_path, twice).target.classes) == 30
    np.savez(tmp_path / "t.npz", x=np.zeros(30), y=dates)
    with pytest.raises(NumleanError, match="30 different texts"):
        read_table(str(tmp_path / "t.npz"), "y")


def test_names_and_cells_that_are_not_printable_stay_on_one_line(tmp_path):
    for name, cell in (("a\nb", "#\n!"), ("\x1b[2J", "\x1b[2J"), ("{x}", "#{x}\n{y}")):
        header = f'"{name}",y\n'
        refusal(tmp_path, header + f'1,2\n2,3\n"{cell}",4\n')
        refusal(tmp_path, header + "1,2\n2,3\n3,4\n", target="z")
        refusal(tmp_path, header + f'"{cell}",2\n"{cell}",3\n', target="1")
        table = read(tmp_path, header + "1,2\n2,3.5\n", target="1")
        assert table.target_name.isprintable()


def test_the_number_of_odd_cells_is_stated(tmp_path):
    text = "x,y\n" + "".join(f"{k},{k}\n" for k in range(9)) + "n,1\nm,2\n"
    assert "'n' is not a number (and 1 more rows)" in refusal(tmp_path, text)


def test_a_column_of_texts_is_still_offered_one_hot(tmp_path):
    message = refusal(tmp_path, "x,y\n1,2\nred,3\nblue,4\n")
    assert "row 3, column 'x': 'red' is not a number" in message
    assert "--categorical x" in message


@pytest.mark.parametrize(
    ("cells", "options", "numbers"),
    [
        (("1,131.6", "12", "-1,000,000"), {"thousands": ","}, (1131.6, 12, -1e6)),
        (("12,34,567.5", "1,00,000"), {"thousands": ","}, (1234567.5, 100000)),
        (("1.131,6", "0,5", ",25"), {"decimal": ",", "thousands": "."}, (1131.6, 0.5, 0.25)),
        (("1 131,6", "1\u202f000"), {"decimal": ",", "thousands": "space"}, (1131.6, 1000)),
        (("1'000", "2\u2019500.5"), {"thousands": "apostrophe"}, (1000, 2500.5)),
        (("1_000", "1e3"), {"thousands": "_"}, (1000, 1000)),
        (("3,5e-2", "1"), {"decimal": ","}, (0.035, 1)),
    ],
)
def test_decimal_and_thousands_separators_are_options(tmp_path, cells, options, numbers):
    text = "x;y\n" + "".join(f"{cell};{k}\n" for k, cell in enumerate(cells))
    assert read(tmp_path, text, **options).inputs.ravel().tolist() == list(numbers)


@pytest.mark.parametrize("cell", ["1,13", "1,1315", "1131,600", ",131", "1,,131", "1,131,6"])
def test_groups_of_digits_must_be_whole(tmp_path, cell):
    assert repr(cell) in refusal(tmp_path, column(cell), thousands=",")


def test_a_quoted_cell_may_contain_the_delimiter_as_thousands_separator(tmp_path):
    text = 'x,y\n"1,131.6",1\n"2,000", 2\n'
    assert read(tmp_path, text, thousands=",").inputs.ravel().tolist() == [1131.6, 2000]
    bare = refusal(tmp_path, "x,y\n1,131.6,1\n", thousands=",")
    assert "row 2 has 3 cells" in bare
    assert "quote" in bare


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("x|y\n1|2\n3|4\n", {}),
        ("x|y\n1|2\n3|4\n", {"delimiter": "|"}),
        ("x:y\n1:2\n3:4\n", {"delimiter": ":"}),
        ("x y\n1   2\n  3 4  \n", {"delimiter": "space"}),
        ("x\t y\n1 \t2\n3\t4\n", {"delimiter": "space"}),
        ("x\ty\n1\t2\n3\t4\n", {"delimiter": "tab"}),
        ("x\ty\n1\t2\n3\t4\n", {"delimiter": "\\t"}),
        ("x;y\n1;2\n3;4\n", {"decimal": ","}),
        ('x,y\n"1,0","2,0"\n3,4\n', {"decimal": ","}),
        ('x,y\n"1,0","2,0"\n3,4\n', {"decimal": ",", "delimiter": ","}),
        ("sep=:\nx:y\n1:2\n3:4\n", {}),
        ("# made by hand\nx,y\n1,2 # the first\n3,4\n", {"comment": "#"}),
        ("x,y\n#1,9\n1,2\n   # 5,5\n3,4#,\n", {"comment": "#"}),
        ("// a, b; c\nx,y\n1,2 // no\n3,4", {"comment": "//"}),
    ],
)
def test_delimiters_and_comments_are_options(tmp_path, text, options):
    table = read(tmp_path, text, **options)
    assert table.inputs.tolist() == [[1], [3]]
    assert table.target.values.tolist() == [[2], [4]]


def test_a_line_that_no_delimiter_splits_is_told_of_the_option(tmp_path):
    for text in ("x y\n1 2\n", "x:y\n1:2\n"):
        assert "--delimiter" in refusal(tmp_path, text)
    assert "row 4" in refusal(tmp_path, "sep=;\nx;y\n1;2\nfoo;3\n2;3\n")


def test_a_comment_sign_within_quotes_is_text_and_lines_keep_their_numbers(tmp_path):
    text = '# one\n# two\nx,y\n"#1",a\n"a ""#"" b",b\n"c\n#d",a\n7" x,b # y\n?,c # d\n'
    table = read(tmp_path, text, comment="#", categorical=["x"])
    assert table.inputs.shape == (5, 5)
    message = refusal(tmp_path, "# one\nx,y\n1,1\n# two\nfoo,2\n3,3\n", comment="#")
    assert "row 5, column 'x'" in message


@pytest.mark.parametrize(
    "encoding", ["latin-1", "cp1252", "utf-16", "utf-8", "cp1251", "shift_jis"]
)
def test_encodings_are_an_option(tmp_path, encoding):
    name = {"cp1251": "имя", "shift_jis": "名前"}.get(encoding, "größe")
    text = f"{name};y\r\n1;2\r\n3;4\r\n"
    path = write(tmp_path, text, encoding=encoding)
    table = read_table(path, name, dialect=CsvDialect(encoding=encoding))
    assert table.target.values.tolist() == [[1], [3]]
    if encoding != "utf-8":
        with pytest.raises(NumleanError, match="--encoding") as caught:
            read_table(path, "y")
        if encoding == "utf-16":
            assert "--encoding utf-16" in str(caught.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"delimiter": ""}, ["--delimiter", "''"]),
        ({"delimiter": "ab"}, ["--delimiter", "'ab'"]),
        ({"delimiter": "\n"}, ["--delimiter"]),
        ({"delimiter": '"'}, ["--delimiter"]),
        ({"delimiter": "1"}, ["--delimiter", "'1'"]),
        ({"decimal": ",", "thousands": ","}, ["--decimal", "--thousands"]),
        ({"thousands": "."}, ["--decimal", "--thousands", "'.'"]),
        ({"thousands": "-"}, ["--thousands", "'-'"]),
        ({"decimal": " "}, ["--decimal"]),
        ({"comment": ""}, ["--comment"]),
        ({"comment": "1"}, ["--comment", "'1'"]),
        ({"comment": ",", "delimiter": ","}, ["--comment", "--delimiter"]),
        ({"encoding": "utf-9"}, ["encoding", "'utf-9'", "latin-1"]),
        ({"encoding": "zip"}, ["encoding", "'zip'"]),
        ({"encoding": "a\0b"}, ["encoding"]),
        ({"encoding": "utf-8" * 999}, ["encoding"]),
    ],
)
def test_options_that_contradict_or_mean_nothing_are_one_line(options, words):
    with pytest.raises(NumleanError) as caught:
        CsvDialect(**options)
    assert "\n" not in str(caught.value)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_file_in_another_encoding_than_the_option_says_is_one_line(tmp_path):
    path = write(tmp_path, "größe,y\n1,2\n", encoding="latin-1")
    for encoding in ("utf-16", "ascii", "utf-7", "idna", "punycode", "shift_jis"):
        with pytest.raises(NumleanError) as caught:
            read_table(path, "y", dialect=CsvDialect(encoding=encoding))
        assert "\n" not in str(caught.value)


# Headers of numbers.


def test_a_header_of_numbers_is_read_if_it_is_requested(tmp_path):
    text = "2019,2020,2021\n1,2,3.5\n4,5,6\n"
    table = read(tmp_path, text, target="2021", header="yes")
    assert table.inputs.tolist() == [[1, 2], [4, 5]]
    assert table.target.values.tolist() == [[3.5], [6]]


def test_a_first_row_that_may_be_a_header_of_numbers_is_not_taken_for_data_silently(tmp_path):
    years = "2019,2020,2021\n1,2,3.5\n4,5,6\n"
    assert "--header yes" in refusal(tmp_path, years, target="2021")
    assert any("no header" in note for note in read(tmp_path, years, target="3").notes)
    for text in ("0,1,2\n1.5,2,3\n4,5,6\n", "id,2019,y\n1,2,3\n4,5,6\n", "15%,3,4\n1,2,3\n"):
        message = refusal(tmp_path, text, target="3")
        assert "--header yes" in message
        assert "--header no" in message
    pandas = "0,1,2\n1.5,2,3\n4,5,6\n"
    assert read(tmp_path, pandas, target="2", header="yes").target.values.tolist() == [[3], [6]]
    assert read(tmp_path, pandas, target="2", header="no").inputs.shape == (3, 2)


# Missing values.


def test_a_class_may_be_called_none_or_na(tmp_path):
    text = "x,y\n" + "".join(f"{k},{c}\n" for k, c in enumerate(["None", "NA", "mild", "nan"] * 2))
    target = read(tmp_path, text).target
    assert target.classes == ("NA", "None", "mild", "nan")
    assert "'NA'" in target.reason
    assert "--na-values" in target.reason
    rows = read(tmp_path, text, missing={"words": ("None",), "drop_rows": True})
    assert rows.target.classes == ("NA", "mild", "nan")
    numbers = "x,y\n1,0\n2,1\n3,None\n4,0\n5,1\n"
    message = refusal(tmp_path, numbers)
    assert "missing ('None')" in message
    assert "--categorical y" in message
    assert read(tmp_path, numbers, categorical=["y"]).target.classes == ("0", "1", "None")


def test_na_values_are_texts_and_numbers(tmp_path):
    text = "x,y\n1,2\n-999,3\n.,4\n-999.0,5\n7,6\n"
    table = read(tmp_path, text, missing={"words": (".", "-999"), "impute": "0"})
    assert np.isnan(table.inputs.ravel()).tolist() == [False, True, True, True, False]
    assert "row 3, column 'x': the value is missing ('-999')" in refusal(
        tmp_path, text, missing={"words": (".", "-999")}
    )


VALUES = [3.0, 1.0, 10.0, 1.0, 0.1]


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("mean", float(sum(map(Fraction, VALUES)) / 5)),
        ("median", statistics.median(VALUES)),
        ("most-frequent", statistics.mode(VALUES)),
        ("most_frequent", statistics.mode(VALUES)),
        ("-2.5", -2.5),
        ("0", 0.0),
    ],
)
def test_missing_inputs_become_a_statistic_of_the_training_data(how, expected):
    train = np.array([[v] for v in [*VALUES, np.nan]])
    inputs = np.concatenate([train, [[np.nan], [99.0]]])
    filled = impute(inputs, train, how).ravel().tolist()
    assert filled == [*VALUES, expected, expected, 99.0]


def test_statistics_do_not_overflow():
    train = np.array([[1.5e308], [1.7e308], [np.nan]])
    mean = float((Fraction(1.5e308) + Fraction(1.7e308)) / 2)
    for how in ("mean", "median"):
        assert impute(train, train, how).ravel().tolist() == [1.5e308, 1.7e308, mean]


def test_a_missing_category_becomes_the_most_frequent_one(tmp_path):
    text = "c,x,y\nred,1,2\n,2,3\nblue,3,4\nblue,,5\n"
    table = read(tmp_path, text, categorical=["c"], missing={"impute": "mean"})
    filled = impute(table.inputs, table.inputs, "mean", table.categories)
    assert filled.tolist() == [[0, 1, 1], [1, 0, 2], [1, 0, 3], [1, 0, 2]]


def test_rows_with_missing_values_are_dropped_and_counted(tmp_path):
    text = "x,w,y\n1,,2\nNA,2,3\n3,3,?\n4,4,5\n6,6,7\n"
    table = read(tmp_path, text, drop=["w"], missing={"drop_rows": True})
    assert table.inputs.ravel().tolist() == [1, 4, 6]
    assert table.notes == ("2 rows with missing values left out",)
    path = tmp_path / "t.npz"
    np.savez(path, x=[1, np.nan, 3, 4], y=[1.5, 2, np.nan, 4])
    archive = read_table(str(path), "y", missing=MissingValues(drop_rows=True))
    assert archive.inputs.ravel().tolist() == [1, 4]
    every = refusal(tmp_path, "x,y\n1,\n,2\n", missing={"drop_rows": True})
    assert "each row has a missing value" in every


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ({"impute": "modus"}, ["--impute", "'modus'", "median"]),
        ({"impute": "nan"}, ["--impute", "'nan'"]),
        ({"impute": "1e999"}, ["--impute"]),
        ({"impute": "mean", "drop_rows": True}, ["--impute", "--drop-missing"]),
    ],
)
def test_wrong_treatments_of_missing_values_are_one_line(missing, words):
    with pytest.raises(NumleanError) as caught:
        MissingValues(**missing)
    assert all(word in str(caught.value) for word in words)


def test_a_missing_target_is_never_imputed(tmp_path):
    message = refusal(tmp_path, "x,y\n1,2\n2,\n3,5.5\n", missing={"impute": "mean"})
    assert "row 3, column 'y'" in message
    assert "--drop-missing" in message


def test_missing_values_of_arrays_are_nans_and_na_values(tmp_path):
    path = tmp_path / "t.npz"
    np.savez(path, x=np.array([[1, -999], [3, 4]]), y=[1.5, 2])
    table = read_table(str(path), "y", missing=MissingValues(("-999",), "mean"))
    assert np.isnan(table.inputs).tolist() == [[False, True], [False, False]]
    np.savez(path, x=[np.inf, 1], y=[1.5, 2])
    with pytest.raises(NumleanError, match="inf"):
        read_table(str(path), "y", missing=MissingValues(impute="mean"))


# Test files, one-hot targets, .npy.


def test_a_test_file_has_the_columns_categories_and_classes_of_the_training_file(tmp_path):
    train = write(tmp_path, "c,x,y\nred,1,up\nblue,2,down\nred,3,up\n")
    test = write(tmp_path, "y,x,c,note\ndown,5,red,?\nup,6,blue,!\n", "test.csv")
    table = read_table(train, "y", categorical=["c"], test_path=test)
    assert table.test_size == 2
    assert table.inputs.tolist() == [[0, 1, 1], [1, 0, 2], [0, 1, 3], [0, 1, 5], [1, 0, 6]]
    assert table.target.classes == ("down", "up")
    assert table.target.values[3:].tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize(
    ("test", "words"),
    [
        ("c,x,y\ngreen,5,up\n", ["test.csv: row 2, column 'c'", "'green'", "does not occur"]),
        ("c,x,y\nred,5,up\nred,1,left\n", ["test.csv: row 3, column 'y'", "'left'"]),
        ("c,x,y\nred,?,up\n", ["test.csv: row 2, column 'x'", "missing"]),
        ("c,x,y\nred,5%,up\n", ["test.csv: row 2, column 'x'", "0.05"]),
        ("c,y\nred,up\n", ["test.csv", "'x'"]),
        ("red,5,up\n", ["test.csv", "header"]),
    ],
)
def test_a_test_file_that_does_not_match_is_one_line(tmp_path, test, words):
    train = write(tmp_path, "c,x,y\nred,1,up\nblue,2,down\nred,3,up\n")
    path = write(tmp_path, test, "test.csv")
    with pytest.raises(NumleanError) as caught:
        read_table(train, "y", categorical=["c"], test_path=path)
    assert "\n" not in str(caught.value)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_one_hot_columns_are_classes_called_by_the_columns(tmp_path):
    text = "x,up,down\n1,1,0\n2,0,1\n3,0.0,1.0\n"
    target = read(tmp_path, text, target=("up", "down")).target
    assert (target.kind, target.classes) == ("classification", ("up", "down"))
    assert read(tmp_path, text, target="up,down").target.classes == target.classes
    assert target.values.tolist() == [[1, 0], [0, 1], [0, 1]]
    numbers = read(tmp_path, text, target=("up", "down"), kind="regression").target
    assert (numbers.kind, numbers.values.tolist()) == ("regression", target.values.tolist())
    other = "x,up,down\n1,1,0\n2,0.5,0.5\n"
    assert read(tmp_path, other, target=("up", "down")).target.kind == "regression"
    message = refusal(tmp_path, other, target=("up", "down"), kind="classification")
    assert "[0.5, 0.5]" in message


@pytest.mark.parametrize("dtype", [np.bool_, np.int64, np.float32])
def test_one_hot_targets_of_arrays_are_classes(tmp_path, dtype):
    rows = np.eye(3)[[0, 2, 1, 1]].astype(dtype)
    np.savez(tmp_path / "t.npz", x=np.arange(4.0), y=rows)
    np.save(tmp_path / "x.npy", np.arange(4.0))
    np.save(tmp_path / "y.npy", rows)
    paths = (("t.npz", "y"), ("x.npy", str(tmp_path / "y.npy")))
    for path, target in paths:
        found = read_table(str(tmp_path / path), target).target
        assert found.classes == ("0", "1", "2")
        assert found.values.tolist() == rows.tolist()


def test_npy_files_are_tables_and_columns_are_positions_or_fields(tmp_path):
    values = np.array([[1, 2, 0.5], [3, 4, 1.5], [5, 6, 2.5]])
    np.save(tmp_path / "t.npy", values)
    path = str(tmp_path / "t.npy")
    assert read_table(path, "3").inputs.tolist() == values[:, :2].tolist()
    assert read_table(path, "3", drop=["1"]).inputs.tolist() == values[:, 1:2].tolist()
    assert read_table(path, ("2", "3")).target.values.tolist() == values[:, 1:].tolist()
    fields = np.array([(1.5, "a"), (2, "b"), (3, "a")], dtype=[("x", "f4"), ("kind", "U3")])
    np.save(tmp_path / "t.npy", fields)
    table = read_table(path, "kind")
    assert table.inputs.tolist() == [[1.5], [2], [3]]
    assert table.target.classes == ("a", "b")
    images = np.zeros((3, 2, 2))
    np.save(tmp_path / "x.npy", images)
    np.save(tmp_path / "y.npy", np.array([0, 1, 1]))
    pair = read_table(str(tmp_path / "x.npy"), str(tmp_path / "y.npy"))
    assert pair.inputs.shape == (3, 2, 2)


def test_wrong_or_hostile_npy_files_are_one_line(tmp_path):
    path = tmp_path / "t.npy"
    np.save(path, np.arange(12.0).reshape(4, 3))
    good = path.read_bytes()
    header = b"\x93NUMPY\x01\x00\x46\x00{'descr': '<f8', 'fortran_order': False, "
    wrong = [b"", b"x,y\n", good[:40], good[:-9], b"PK\x03\x04" + good, good[:6] + b"\x09\x00"]
    wrong += [header + b"'shape': (-1, 3)}".ljust(27) + b"\n", header + b"'shape': ([])}   \n"]
    for content in wrong:
        path.write_bytes(content)
        with pytest.raises(NumleanError, match=r"t\.npy") as caught:
            read_table(str(path), "1")
        assert "\n" not in str(caught.value)
    for array in (
        np.array([1, "a"], dtype=object),
        np.zeros(3),
        np.zeros((2, 2), complex),
        np.zeros((0, 3)),
        np.zeros((3, 0)),
        np.zeros(2, dtype=[("x", "f8", 2), ("1", "i8")]),
        np.zeros(2, dtype=[("x", "M8[s]"), ("1", "i8")]),
    ):
        np.save(path, array, allow_pickle=True)
        with pytest.raises(NumleanError, match=r"t\.npy") as caught:
            read_table(str(path), "1")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_damaged_array_files_are_one_line(tmp_path, suffix):
    path = tmp_path / f"t{suffix}"
    values = np.arange(12.0).reshape(4, 3)
    if suffix == ".npy":
        np.save(path, values)
    else:
        np.savez(path, x=values, y=values[:, 0])
    good, messages = path.read_bytes(), []
    for place in [*range(0, 128, 3), *range(len(good) - 60, len(good), 3)]:
        for byte in (0, 6, 39, 255):
            path.write_bytes(good[:place] + bytes([byte]) + good[place + 1 :])
            try:
                read_table(str(path), "1" if suffix == ".npy" else "y")
            except NumleanError as error:
                messages.append(str(error))
    assert len(messages) > 50
    assert not any("\n" in message for message in messages)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"key": "x"}, ["--input"]),
        ({"header": "yes"}, ["text files"]),
        ({"dialect": CsvDialect(decimal=",")}, ["text files"]),
        ({"categorical": ["1"]}, ["text files"]),
        ({"drop": ["9"]}, ["'9'"]),
        ({"drop": ["1"]}, ["twice"]),
        ({"test_path": "t.csv"}, ["t.csv"]),
    ],
)
def test_options_for_other_files_are_refused(tmp_path, options, words):
    np.save(tmp_path / "t.npy", np.arange(12.0).reshape(4, 3))
    with pytest.raises(NumleanError) as caught:
        read_table(str(tmp_path / "t.npy"), "1", **options)
    assert all(word in str(caught.value) for word in words), str(caught.value)
