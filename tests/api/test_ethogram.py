"""What a result says in English is said in every other language, and never as a diagnosis."""

import re
from pathlib import Path
from string import Formatter

import pytest
import yaml

import worker.pipeline
from api import ethogram
from api.pages import telling, words
from api.reports import ink
from api.reports.words import Language

TABLES = Path(worker.pipeline.__file__).parent / "ethogram"
FORBIDDEN = re.compile(
    r"diagnos|krankheit|störung|keine?n? tierarzt|gesund"
    r"|질병|질환|장애|병원에 갈 필요|건강합니다|진단"
)
CHANCES = {"Relaxed": 0.1, "Alert": 0.15, "Anxious": 0.38, "Playful": 0.02, "Distressed": 0.35}


def read(name):
    return yaml.safe_load((TABLES / name).read_text("utf-8"))


def signs():
    return read("ethogram.yaml")["signs"]


def fields(text):
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def unsure(code="ambiguous", chances=CHANCES):
    told = {"code": code, "text": "said in English"}
    return {"abstention": told, "probabilities": chances}


@pytest.fixture(params=ethogram.TRANSLATIONS)
def language(request):
    return request.param


def test_every_language_of_pages_and_reports_is_english_or_translated():
    assert set(words.LANGUAGES) == {"en", *ethogram.TRANSLATIONS}
    assert set(Language) == {"en", *ethogram.TRANSLATIONS}


def test_every_sign_of_the_ethogram_has_a_name(language):
    names = {name for sign in signs() for name in sign["names"].values()}
    assert len(names) > 40
    assert {name for name in names if ethogram.signal(language, name) == name} == set()


def test_every_reason_of_the_ethogram_not_to_measure_is_said(language):
    reasons = {sign["unmeasured"] for sign in signs() if "unmeasured" in sign}
    assert {why for why in reasons if ethogram.reason(language, why) == why} == set()


@pytest.mark.parametrize("part", ["recommendations", "abstentions"])
def test_every_code_has_a_sentence_with_the_same_values(language, part):
    english, own = read("texts.en.yaml")[part], ethogram.catalogue(language)[part]
    assert set(own) == set(english)
    assert {code for code, said in english.items() if fields(said) != fields(own[code])} == set()


def test_every_recommendation_that_the_table_gives_is_said(language):
    codes = {row["code"] for row in read("recommendations.yaml")["rows"]}
    assert codes <= set(ethogram.catalogue(language)["recommendations"])


def test_no_sentence_diagnoses_or_says_that_no_vet_is_needed(language):
    for part in ethogram.catalogue(language).values():
        for said in part.values():
            assert not FORBIDDEN.search(said.lower()), said
            assert said == said.strip() != ""


def test_the_fonts_of_a_report_hold_every_letter(language):
    said = " ".join(
        text for part in ethogram.catalogue(language).values() for text in part.values()
    )
    assert ink.printable(said) == " ".join(said.split())


@pytest.mark.parametrize(
    ("language", "first", "second"),
    [("de", "Ängstlich", "In Bedrängnis"), ("ko", "불안", "괴로움")],
)
def test_two_likely_states_are_named_in_the_readers_words(language, first, second):
    said = telling.abstention(language, unsure())
    assert said.index(first) < said.index(second)
    assert "Anxious" not in said


def test_what_no_catalogue_knows_stays_as_the_result_says_it(language):
    told = {"recommendation": {"code": "a_later_one", "text": "said in English"}}
    assert ethogram.signal(language, "wet nose") == "wet nose"
    assert ethogram.advice(language, told) == "said in English"
    assert telling.abstention(language, unsure("a_later_one")) == "said in English"
    assert telling.abstention(language, unsure(chances=None)) == "said in English"


def test_english_is_what_the_result_says():
    assert ethogram.signal("en", "low tail") == "low tail"
    assert telling.abstention("en", unsure()) == "said in English"
