"""docs/licences.md names every pin with its licence."""

from pathlib import Path

from cli import licences

DOCUMENT = Path(__file__).parent.parent / "docs" / "licences.md"


def test_the_document_lists_every_pin_with_its_licence():
    assert DOCUMENT.read_text().endswith(licences.table())


def test_no_pin_forbids_running_the_service_for_others():
    assert not any("AGPL" in row or "Affero" in row for row in licences.table().splitlines())


def test_every_pin_says_its_licence():
    assert "see its LICENSE file" not in licences.table()
