"""Texts never become markup."""

from html.parser import HTMLParser

import pytest

from numlean.pages.html import Html, document, element, join

HOSTILE = "<script>alert('1')</script>\"&amp;\x1b[2J\u202e"


class _Reader(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.data = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.data += data


def test_a_text_among_the_children_and_attributes_stays_a_text():
    page = _Reader(element("p", HOSTILE, ("a", [HOSTILE, None]), title=HOSTILE, id="x").text)
    assert page.tags == ["p"]
    shown = HOSTILE.replace("\x1b", "\\x1b").replace("\u202e", "\\u202e")
    assert page.data == shown + "a" + shown
    assert page.attributes == [("title", shown), ("id", "x")]


def test_attributes_without_a_value_and_names_with_hyphens():
    made = element("input", disabled=True, hidden=False, value=None, aria_label="x", class_="c")
    assert made == Html('<input disabled aria-label="x" class="c">')


def test_markup_is_kept_and_pieces_are_joined():
    assert join("a<", element("b", "c"), None).text == "a&lt;<b>c</b>"


@pytest.mark.parametrize("name", ["a b", "x>", "", "on click="])
def test_a_name_that_is_not_one_is_refused(name):
    with pytest.raises(ValueError, match="not the name"):
        element(name)
    with pytest.raises(ValueError, match="not the name"):
        element("p", **{name: "x"})


def test_the_title_of_a_page_is_a_text():
    page = _Reader(document(HOSTILE, (), ()))
    assert page.tags.count("script") == 0
    assert "<script>" in page.data
