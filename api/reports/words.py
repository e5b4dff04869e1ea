"""The words of a report in each language. Knows no facts."""

import functools
import json
from datetime import date
from enum import StrEnum
from importlib.resources import files
from typing import Any


class Language(StrEnum):
    """In which a report is written."""

    ENGLISH = "en"
    GERMAN = "de"
    KOREAN = "ko"


class Words:
    """The catalogue of one language."""

    def __init__(self, language: Language, texts: dict[str, Any]) -> None:
        self.language = language
        self._texts = texts

    def say(self, key: str, **values: str | int) -> str:
        """Return a text with its values filled in."""
        said: str = self._texts[key]
        return said.format(**values)

    def named(self, key: str) -> str:
        """Return the word for a name, or the name where there is none."""
        said: str = self._texts.get(key, key)
        return said

    def day(self, day: date) -> str:
        """Write a day with its year."""
        return self._dated("date", day)

    def short_day(self, day: date) -> str:
        """Write a day without its year."""
        return self._dated("date_short", day)

    def _dated(self, key: str, day: date) -> str:
        month = self._texts["months"][day.month - 1]
        return self.say(key, day=day.day, month=month, year=day.year)


@functools.cache
def words(language: Language) -> Words:
    """Read the catalogue of a language."""
    source = files("api.reports") / "languages" / f"{language}.json"
    return Words(language, json.loads(source.read_text(encoding="utf-8")))
