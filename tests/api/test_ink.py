"""Lines of a report that fit, and lose no more than they must."""

import pytest

from api.reports import ink


@pytest.fixture(autouse=True)
def fonts():
    ink.register()


def lines(text, most, width=100.0):
    return ink.wrap(text, ink.REGULAR, 10, width, most=most)


def test_a_text_breaks_between_words_and_ends_where_its_place_does():
    assert lines("one two", 2) == ["one two"]
    said = lines("restless body and moving about the whole evening", 2)
    assert len(said) == 2
    assert said[0] == "restless body and"
    assert said[1].endswith(ink.ELLIPSIS)


@pytest.mark.parametrize("most", [1, 2])
def test_a_long_name_without_spaces_is_cut_and_not_left_out(most):
    said = lines("A " + "Donaudampfschifffahrtsgesellschaft" * 3, most)
    assert len(said[-1]) > 10
    assert said[-1].endswith(ink.ELLIPSIS)
    assert all(ink.width_of(line, ink.REGULAR, 10) <= 100 for line in said)
