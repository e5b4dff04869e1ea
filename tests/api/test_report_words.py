"""Every language of a report says the same things, and none says what the product must not."""

import json
import re
from pathlib import Path
from string import Formatter

import pytest

import api.reports
from api.reports.words import Language

FOLDER = Path(api.reports.__file__).parent / "languages"
FORBIDDEN = re.compile(r"no vet (is )?needed|kein Tierarzt|healthy|gesund", re.IGNORECASE)


def catalogue(language):
    return json.loads((FOLDER / f"{language}.json").read_text("utf-8"))


def fields(text):
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("language", list(Language))
def test_a_language_has_every_text_with_the_same_values(language):
    english, own = catalogue("en"), catalogue(language)
    assert set(own) == set(english)
    texts = {name: said for name, said in english.items() if isinstance(said, str)}
    assert {name for name, said in texts.items() if fields(said) != fields(own[name])} == set()


@pytest.mark.parametrize("language", list(Language))
def test_no_text_says_that_no_vet_is_needed(language):
    assert not FORBIDDEN.search(json.dumps(catalogue(language), ensure_ascii=False))


@pytest.mark.parametrize("language", list(Language))
def test_the_fonts_hold_every_letter_of_a_language(language):
    from api.reports import ink

    said = " ".join(str(text) for text in catalogue(language).values())
    assert ink.printable(said) == " ".join(said.split())
