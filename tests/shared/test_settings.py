"""Settings, and the file that lists them: `python -m tests.shared.test_settings > .env.example`."""

import sys
import textwrap
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from shared.errors import NotConfigured
from shared.settings import Settings, settings

EXAMPLE = Path(__file__).parents[2] / ".env.example"
HEAD = """\
# Every setting of TailTrend with its default; an empty one is not set.
# `tailtrend up` needs none of them: it chooses the servers' addresses and secrets itself.
"""


def example() -> str:
    """Write `.env.example` from the settings."""
    parts = [HEAD]
    for name, field in Settings.model_fields.items():
        comment = "\n".join(
            textwrap.wrap(field.description, 98, initial_indent="# ", subsequent_indent="# ")
        )
        parts.append(f"{comment}\nTAILTREND_{name.upper()}={shown(field.default)}\n")
    return "\n".join(parts)


def shown(default: object) -> str:
    if default is None:
        return ""
    return str(default).lower() if isinstance(default, bool) else str(default)


def test_the_example_lists_every_setting_with_its_default_and_meaning():
    assert EXAMPLE.read_text() == example()


def test_every_setting_says_in_a_sentence_what_it_is():
    for name, field in Settings.model_fields.items():
        assert field.description.endswith("."), name


def test_the_example_taken_as_it_is_changes_nothing(monkeypatch):
    lines = [line for line in EXAMPLE.read_text().splitlines() if line and line[0] != "#"]
    for line in lines:
        name, _, value = line.partition("=")
        monkeypatch.setenv(name, value)
    assert Settings() == Settings.model_construct()


def test_secrets_have_no_default_and_are_not_printed(monkeypatch):
    secrets = [
        name
        for name, field in Settings.model_fields.items()
        if "SecretStr" in str(field.annotation)
    ]
    assert len(secrets) >= 3
    for name in secrets:
        assert Settings.model_fields[name].default is None
        monkeypatch.setenv(f"TAILTREND_{name.upper()}", "hush-hush")
    assert "hush-hush" not in repr(Settings())
    assert Settings().database_url == SecretStr("hush-hush")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LEASE_S", "0"),
        ("LEASE_S", "soon"),
        ("MAX_ATTEMPTS", "0"),
        ("MAX_UPLOAD_MB", "-1"),
        ("POLL_WAITERS", "-1"),
        ("BUNDLES", '["a"]'),
        ("LOG_LEVEL", "VERBOSE"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(monkeypatch, name, value):
    monkeypatch.setenv(f"TAILTREND_{name}", value)
    settings.cache_clear()
    with pytest.raises(NotConfigured, match=rf"^TAILTREND_{name}: [^\n]+$"):
        settings()


def test_each_bad_setting_has_a_line(monkeypatch):
    monkeypatch.setenv("TAILTREND_LEASE_S", "0")
    monkeypatch.setenv("TAILTREND_OFFLINE", "perhaps")
    settings.cache_clear()
    with pytest.raises(NotConfigured) as refused:
        settings()
    assert [line.partition(":")[0] for line in refused.value.detail.splitlines()] == [
        "TAILTREND_OFFLINE",
        "TAILTREND_LEASE_S",
    ]


def test_settings_are_read_once_and_cannot_be_changed():
    assert settings() is settings()
    with pytest.raises(ValidationError):
        settings().lease_s = 1


if __name__ == "__main__":
    sys.stdout.write(example())
