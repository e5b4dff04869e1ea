"""Every language of a report says the same things, and none says what the product must not."""

import json
import re
from pathlib import Path
from string import Formatter

import pytest

import api.reports
from api.pages import words as pages
from api.reports.words import Language, words
from shared.trend import Sentence

FOLDER = Path(api.reports.__file__).parent / "languages"
FORBIDDEN = re.compile(r"no vet (is )?needed|kein Tierarzt|healthy|gesund", re.IGNORECASE)


def catalogue(language):
    return json.loads((FOLDER / f"{language}.json").read_text("utf-8"))


def sentences(language):
    """Every text by its name, those that count by form: age_months.one."""
    found = {}
    for name, said in catalogue(language).items():
        forms = {"": said} if isinstance(said, str) else said if isinstance(said, dict) else {}
        found |= {f"{name}.{form}": text for form, text in forms.items()}
    return found


def fields(text):
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("language", list(Language))
def test_a_language_has_every_text_with_the_same_values(language):
    english, own = sentences("en"), sentences(language)
    assert set(own) == set(english)
    assert {name for name, said in english.items() if fields(said) != fields(own[name])} == set()


@pytest.mark.parametrize(
    ("language", "said"), [("en", "2.5 99% 1 month"), ("de", "2,5 99 % 1 Monat")]
)
def test_numbers_are_written_as_people_of_the_language_do(language, said):
    one = words(Language(language))
    told = f"{one.decimal(2.5)} {one.likely(0.999)} {one.say('age_months', n=1)}"
    assert " ".join(told.split()) == said


@pytest.mark.parametrize("language", list(Language))
def test_every_answer_of_a_trend_has_its_sentence_on_pages_and_in_reports(language):
    for code in Sentence:
        assert catalogue(language)[f"trend_{code}"]
        assert pages.knows(language, f"state.{code}")
        assert pages.knows(language, f"headline.{code}")


@pytest.mark.parametrize("language", list(Language))
def test_the_page_and_the_report_have_the_same_words_for_the_same_things(language):
    ours = catalogue(language)
    for name in ("Relaxed", "Alert", "Anxious", "Playful", "Distressed"):
        assert ours[name] == pages.say(language, f"emotion.{name}")
    for level in ("weak", "moderate", "strong"):
        assert ours[f"evidence_{level}"] == pages.say(language, f"evidence.{level}")
    assert ours["alert"].lower() == pages.say(language, "chart.alert").lower()


@pytest.mark.parametrize("language", list(Language))
def test_no_text_says_that_no_vet_is_needed(language):
    assert not FORBIDDEN.search(json.dumps(catalogue(language), ensure_ascii=False))


@pytest.mark.parametrize("language", list(Language))
def test_the_fonts_hold_every_letter_of_a_language(language):
    from api.reports import ink

    said = " ".join(str(text) for text in catalogue(language).values())
    assert ink.printable(said) == " ".join(said.split())
