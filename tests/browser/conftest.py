"""The whole service, started once, and Debian's Chromium looking at its pages.

Every test fails on a script error, on what the policy of a page refused, and on an answer of 500.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from cli.client import Client, connect
from cli.localstack import ports
from tests.clips import SAMPLES, render

ROOT = Path(__file__).parents[2]
CHROMIUM = Path("/usr/bin/chromium")
SCREENSHOTS = ROOT / "build" / "screenshots"
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
]
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}
LONGEST_MS = 30_000
expect.set_options(timeout=LONGEST_MS)
FILL = "import json, sys; from cli.demo import fill; fill(json.load(open(sys.argv[1])))"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark these tests, and skip them, saying so, where there is no Chromium."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if not CHROMIUM.exists():
                item.add_marker(pytest.mark.skip(reason=f"{CHROMIUM} is not installed"))


@dataclass(frozen=True)
class Service:
    """A running stack, and how to make accounts in it."""

    url: str
    key: str
    environment: dict[str, str]

    def new_key(self, account: str) -> str:
        """Make a key of an account, and the account when it is new."""
        argv = [sys.executable, "-m", "cli", "keys", "create", account]
        made = subprocess.run(
            argv, cwd=ROOT, env=self.environment, check=True, capture_output=True, text=True
        )
        return made.stdout.strip()

    def client(self, key: str | None = None) -> Client:
        """Call its API."""
        return connect(self.url, key or self.key)


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Start everything as `make demo` does, with the simulated pet in its account."""
    state = tmp_path_factory.mktemp("browser")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TAILTREND_")}
    port = ports.pick(excluded=set())
    argv = [sys.executable, "-m", "cli", "up", "--state", str(state), "--port", str(port)]
    with subprocess.Popen(argv, cwd=ROOT, env=clean, stdout=subprocess.PIPE, text=True) as stack:
        try:
            assert stack.stdout is not None
            assert stack.stdout.readline().startswith("ready")
            told = json.loads((state / "stack.json").read_text())
            lead = {f"TAILTREND_{one.upper()}": told[one] for one in ("database_url", "broker_url")}
            fill = [sys.executable, "-c", FILL, str(state / "stack.json")]
            subprocess.run(fill, cwd=ROOT, env=clean, check=True)
            yield Service(told["api_url"], told["api_key"], clean | lead)
        finally:
            stack.terminate()


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of a tense cat with known signs."""
    path = tmp_path_factory.mktemp("film") / "distressed_cat.mp4"
    render(SAMPLES["distressed_cat"], path)
    return path


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Watch:
    """What went wrong in the pages of a test; a test may say what it expects to."""

    wrong: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def over(self, page: Page) -> None:
        """Listen to a page."""
        page.on("console", lambda said: said.type == "error" and self.wrong.append(said.text))
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on(
            "response",
            lambda one: one.status >= 500 and self.wrong.append(f"{one.status} {one.url}"),
        )

    def check(self) -> None:
        """Fail with what went wrong and was not expected to."""
        unexpected = [one for one in self.wrong if not any(name in one for name in self.expected)]
        assert unexpected == []


@pytest.fixture
def watch() -> Iterator[Watch]:
    watch = Watch()
    yield watch
    watch.check()


Open = Callable[..., Page]


@pytest.fixture
def open_page(chromium: Browser, service: Service, watch: Watch) -> Iterator[Open]:
    """Give a function that opens a page in a browser of its own."""
    opened: list[BrowserContext] = []

    def make(**chosen: object) -> Page:
        settings = {"viewport": PHONE, "base_url": service.url, "locale": "en-GB"} | chosen
        context = chromium.new_context(**settings)
        context.set_default_timeout(LONGEST_MS)
        context.on("page", watch.over)
        opened.append(context)
        return context.new_page()

    yield make
    for context in opened:
        context.close()


@pytest.fixture
def enter(open_page: Open, service: Service) -> Open:
    """Give a function that opens a page and signs in."""

    def make(*, key: str | None = None, **chosen: object) -> Page:
        page = open_page(**chosen)
        page.goto("/sign-in")
        page.get_by_label("API key").fill(key or service.key)
        page.locator("main form button").first.click()
        page.wait_for_url("**/")
        return page

    return make


@pytest.fixture
def photograph() -> Callable[[Page, str], None]:
    """Give a function that keeps a picture of a whole page, to be looked at."""

    def keep(page: Page, name: str) -> None:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)

    return keep
