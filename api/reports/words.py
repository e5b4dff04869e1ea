"""The words of a report in each language. Knows no facts."""

import functools
import json
from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from importlib.resources import files
from typing import Any

from babel import Locale
from babel.numbers import format_decimal, format_percent
from werkzeug.datastructures import LanguageAccept


class Language(StrEnum):
    """In which a report is written."""

    ENGLISH = "en"
    GERMAN = "de"
    KOREAN = "ko"


def wished(accept: LanguageAccept, known: Iterable[str], default: str) -> str:
    """Give the first language of a browser's wishes that is known, whatever the country."""
    for wish, quality in accept:
        spoken = wish.partition("-")[0].lower()
        if quality > 0 and spoken in known:
            return spoken
    return default


class Words:
    """The catalogue of one language."""

    def __init__(self, language: Language, texts: dict[str, Any]) -> None:
        self.language = language
        self._texts = texts
        self._locale = Locale.parse(language)

    def say(self, key: str, **values: str | int) -> str:
        """Return a text with its values filled in; `n` chooses among those that count."""
        said: str | dict[str, str] = self._texts[key]
        if isinstance(said, dict):
            form = self._locale.plural_form(int(values["n"]))
            said = said[form if form in said else "other"]
        return said.format(**values)

    def named(self, key: str) -> str:
        """Return the word for a name, or the name where there is none."""
        said: str = self._texts.get(key, key)
        return said

    def decimal(self, value: float, places: str = "0.#") -> str:
        """Write a number: 2.5."""
        return format_decimal(value, places, locale=self._locale)

    def percent(self, share: float) -> str:
        """Say a share that was counted, which may be none or all."""
        return format_percent(share, locale=self._locale)

    def likely(self, chance: float) -> str:
        """Say a probability, never as certain as 0 or 100 %."""
        return self.percent(min(0.99, max(0.01, chance)))

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
