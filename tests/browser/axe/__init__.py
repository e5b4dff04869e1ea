"""axe-core 4.14.1 (MPL-2.0, LICENSE beside it), unchanged: finds what keeps people from a page."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

SOURCE = (Path(__file__).parent / "axe.min.js").read_text("utf-8")
SERIOUS = ("serious", "critical")


def serious_findings(page: Page) -> list[str]:
    """List what axe finds serious on a page: the rule, and where."""
    page.evaluate(SOURCE)
    found: list[dict[str, Any]] = page.evaluate("axe.run().then((result) => result.violations)")
    return [
        f"{page.url} {one['id']}: {node['target']} {node['failureSummary']}"
        for one in found
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]
