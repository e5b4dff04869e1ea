"""The catalogues: complete in every language, used as they are, and never a diagnosis."""

import re
from pathlib import Path
from string import Formatter

import pytest

from api.pages import words

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


@pytest.mark.parametrize(
    ("language", "said"), [("en", "1 clip / 2 clips"), ("de", "1 Clip / 2 Clips")]
)
def test_a_sentence_that_counts_knows_one_from_many(language, said):
    assert " / ".join(words.say(language, "pet.clips_n", n=n) for n in (1, 2)) == said
