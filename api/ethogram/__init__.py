"""What a result says in English, in the reader's language: its signs, advice and reasons.

English has no catalogue: a result holds it, as it holds what a later bundle may say in new words.
"""

import functools
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
TRANSLATIONS = ("de", "ko")
PARTS = ("signals", "reasons", "recommendations", "abstentions")

Json = dict[str, Any]
Catalogue = dict[str, dict[str, str]]


@functools.cache
def catalogue(language: str) -> Catalogue:
    """Read a language's names by the English ones, its sentences by code; English has none."""
    if language not in TRANSLATIONS:
        return {part: {} for part in PARTS}
    return tomllib.loads((HERE / f"{language}.toml").read_text("utf-8"))


def signal(language: str, name: str) -> str:
    """Name a signal, or what could not be measured; an unknown one keeps its English name."""
    return catalogue(language)["signals"].get(name, name)


def reason(language: str, why: str) -> str:
    """Say why something was not measured; one with figures or names in it stays English."""
    return catalogue(language)["reasons"].get(why, why)


def advice(language: str, result: Json) -> str:
    """Say what a result recommends."""
    said: Json = result["recommendation"]
    return catalogue(language)["recommendations"].get(said["code"]) or str(said["text"])


def abstention(language: str, result: Json, emotion: Callable[[str], str]) -> str:
    """Say why a result names no state; `emotion` gives the reader's word for one."""
    told: Json = result["abstention"]
    said = catalogue(language)["abstentions"].get(told["code"])
    if said is None:
        return str(told["text"])
    if "{first}" not in said:
        return said
    likely = _most_likely(result)
    if len(likely) < 2:  # an older result may have kept no probabilities
        return str(told["text"])
    return said.format(first=emotion(likely[0]), second=emotion(likely[1]))


def _most_likely(result: Json) -> list[str]:
    chances: dict[str, float] = result.get("probabilities") or {}
    return sorted(chances, key=lambda name: -chances[name])
