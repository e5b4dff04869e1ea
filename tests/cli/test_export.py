"""`tailtrend export` refuses what cannot become a bundle before it begins."""

import pytest
from typer.testing import CliRunner

from cli.main import app

pytest.importorskip("torch", exc_type=ImportError)

from worker.training.bundling import Named, NotExportable


@pytest.mark.parametrize(
    ("option", "value"),
    [("--name", "Two Bundles"), ("--version", "banana"), ("--licence", "My own, please")],
)
def test_a_bundle_that_cannot_be_called_so_is_refused_first(tmp_path, option, value):
    words = [str(tmp_path / one) for one in ("run", "labels.csv", "out")]
    refused = CliRunner().invoke(app, ["export", *words, "--name", "fine", option, value])
    assert isinstance(refused.exception, NotExportable)
    assert refused.exception.detail.startswith(f'"{value}": a ')
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "licence",
    ["CC0-1.0", "LicenseRef-own", "GPL-2.0+", "(MIT OR Apache-2.0)",
     "GPL-2.0-only WITH Classpath-exception-2.0", "DocumentRef-a:LicenseRef-b"],
)  # fmt: skip
def test_expressions_of_spdx_are_licences(licence):
    assert Named("fine", "1.0.0", licence).licence == licence
