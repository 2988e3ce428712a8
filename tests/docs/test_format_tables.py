"""The tables and pictures in the docs are those of the data."""

import pytest

import format_tables
from numlean.scalar.registry import scalar_backend_of, scalars
from numlean_kernels.formats import NAMED


@pytest.mark.parametrize("page", format_tables.TABLES, ids=lambda page: page.name)
def test_the_tables_of_a_page_are_those_of_the_data(page):
    text = page.read_text(encoding="utf-8")
    assert all(format_tables.block(name).search(text) for name in format_tables.TABLES[page])
    assert format_tables.updated(page) == text


@pytest.mark.parametrize("path", format_tables.PICTURES, ids=lambda path: path.name)
def test_a_picture_is_that_of_the_code(path):
    assert path.read_text(encoding="utf-8") == format_tables.PICTURES[path]()


@pytest.mark.parametrize("named", NAMED, ids=lambda named: named.name)
def test_every_named_format_is_registered_and_listed_under_all_its_names(named):
    assert named.name in scalars()
    for name in (named.name, *named.aliases):
        backend = scalar_backend_of(name.upper())
        assert backend is not None
        assert backend.format is named.format
        assert backend.summary.startswith(named.summary)
