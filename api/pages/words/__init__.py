"""Every word that the pages say, one catalogue a language: plain, and never a diagnosis."""

import functools
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babel import Locale
from flask import request

from api.reports.words import wished

HERE = Path(__file__).parent
LANGUAGES = {"en": "English", "de": "Deutsch", "ko": "한국어"}
DEFAULT = "en"
COOKIE = "language"  # what somebody chose; else their browser's wish
PLURAL = {"one", "other"}

Words = dict[str, str | dict[str, str]]


@functools.cache
def catalogue(language: str) -> Words:
    """Read a language's sentences by their dotted names, those that count by plural form."""
    return dict(_flat(tomllib.loads((HERE / f"{language}.toml").read_text("utf-8"))))


def say(language: str, name: str, /, **values: object) -> str:
    """Give a sentence with its values filled in; `n` chooses its plural form."""
    found = catalogue(language)[name]
    if isinstance(found, dict):
        found = found[_form(language, values["n"])]
    return found.format(**values) if values else found


def knows(language: str, name: str) -> bool:
    """Tell whether the catalogue has a sentence."""
    return name in catalogue(language)


def language() -> str:
    """Give the language of this request: the one chosen, else the best that the browser names."""
    chosen = request.cookies.get(COOKIE)
    if chosen in LANGUAGES:
        return chosen
    return wished(request.accept_languages, LANGUAGES, DEFAULT)


def _form(language: str, n: object) -> str:
    if not isinstance(n, int):
        raise TypeError("n counts something")
    form = Locale.parse(language).plural_form(n)
    return form if form in PLURAL else "other"


def _flat(nested: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str | dict[str, str]]]:
    for name, value in nested.items():
        if isinstance(value, str) or set(value) == PLURAL:
            yield prefix + name, value
        else:
            yield from _flat(value, f"{prefix}{name}.")
