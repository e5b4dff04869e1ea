"""The catalogues: complete in every language, used as they are, and never a diagnosis."""

import re
from pathlib import Path
from string import Formatter

import pytest

from api.pages import words
from shared import deletions

TEMPLATES = Path(words.__file__).parent.parent / "templates"
SAID = re.compile(r"""\bt\(\s*["']([\w.]+)["']\s*[,)]""")
FORBIDDEN = {
    "en": ("diagnos", "disease", "illness", "disorder", "no vet", "not need a vet", "healthy"),
    "de": ("diagnos", "krankheit", "störung", "kein tierarzt", "keinen tierarzt", "gesund"),
    "ko": ("질병", "질환", "장애", "병원에 갈 필요", "건강합니다"),
}
NO_DIAGNOSIS = "frame.no_diagnosis"  # it says that this is none


def sentences(found):
    return found.values() if isinstance(found, dict) else [found]


def values(sentence):
    return {name for _, name, _, _ in Formatter().parse(sentence) if name is not None}


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_every_language_says_the_same_things_with_the_same_values(language):
    ours, theirs = words.catalogue(words.DEFAULT), words.catalogue(language)
    assert set(theirs) == set(ours)
    for name, said in ours.items():
        wanted = set().union(*map(values, sentences(said)))
        for sentence in sentences(theirs[name]):
            assert values(sentence) == wanted, name
            assert sentence.strip() == sentence != "", name


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_no_sentence_diagnoses_or_says_that_no_vet_is_needed(language):
    for name, said in words.catalogue(language).items():
        for sentence in sentences(said):
            named = [one for one in FORBIDDEN[language] if one in sentence.lower()]
            assert named == [] or name == NO_DIAGNOSIS, (name, sentence)


@pytest.mark.parametrize("language", [one for one in words.LANGUAGES if one != words.DEFAULT])
def test_a_translation_translates(language):
    ours, theirs = words.catalogue(words.DEFAULT), words.catalogue(language)
    same = [name for name, said in ours.items() if said == theirs[name]]
    assert len(same) < len(ours) / 20


def test_every_name_in_a_template_is_in_the_catalogue():
    named = {name for path in TEMPLATES.rglob("*.html") for name in SAID.findall(path.read_text())}
    assert len(named) > 100
    assert {name for name in named if name not in words.catalogue(words.DEFAULT)} == set()


def test_every_kind_of_row_in_a_receipt_has_a_word():
    counted = re.findall(
        r"\) AS (\w+)", deletions.ACCOUNT.count_rows.text.split("gone_alerts AS")[1]
    )
    assert "step_attempts" in counted
    assert [name for name in counted if not words.knows("en", f"rows.{name}")] == []


@pytest.mark.parametrize(
    ("wishes", "spoken"),
    [
        ("de-CH,en;q=0.5", "de"),
        ("ko-KR", "ko"),
        ("fr,de-AT;q=0.8,en;q=0.9", "en"),
        ("zh,ko;q=0.3", "ko"),
        ("de;q=0,en", "en"),
        ("*", "en"),
        ("", "en"),
    ],
)
def test_a_page_speaks_the_first_language_wished_for_that_we_speak(app, wishes, spoken):
    page = app.test_client().get("/sign-in", headers={"Accept-Language": wishes}).text
    assert f'<html lang="{spoken}">' in page


@pytest.mark.parametrize(
    ("language", "said"), [("en", "1 clip / 2 clips"), ("de", "1 Clip / 2 Clips")]
)
def test_a_sentence_that_counts_knows_one_from_many(language, said):
    assert " / ".join(words.say(language, "pet.clips_n", n=n) for n in (1, 2)) == said
