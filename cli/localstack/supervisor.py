"""Keep programs alive: start in order, restart what ends or makes no progress, stop in order."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cli.localstack.children import Child, Children
from cli.localstack.errors import CannotStart
from cli.localstack.program import Program

READY_WITHIN_S = 90
POLL_S = 0.1
STALL_CHECK_S = 5
STALL_GRACE_S = 30  # a new process loads its models before it can show progress
BACKOFF_S = (0.1, 0.5, 1, 2, 5)
STEADY_S = 30  # who lived this long starts at the first backoff again


@dataclass(slots=True)
class _Post:
    """One program's place, whoever fills it."""

    program: Program
    child: Child | None = None
    started_at: float = 0
    start_at: float = 0
    ask_at: float = 0
    ends_in_a_row: int = field(default=0)


class Supervisor:
    """Starts, watches and stops programs. `say` gets one line for each thing that went wrong."""

    def __init__(
        self, children: Children, *, say: Callable[[str], None], changed: Callable[[], None]
    ) -> None:
        self._children = children
        self._say = say
        self._changed = changed
        self._posts: list[_Post] = []

    def start(self, *programs: Program) -> None:
        """Start programs without waiting for them."""
        for program in programs:
            post = _Post(program)
            self._posts.append(post)
            self._fill(post)

    def wait_ready(self, *names: str) -> None:
        """Wait until the named programs serve; raise CannotStart when one ends before."""
        for post in self._posts:
            if post.program.name in names:
                self._wait_ready(post)

    def wait_again(self, name: str) -> None:
        """Look after the programs until one of them that had served serves again.

        Raises CannotStart when it does not.
        """
        (post,) = (post for post in self._posts if post.program.name == name)
        deadline = time.monotonic() + READY_WITHIN_S
        while not (post.child and post.child.is_alive() and post.program.is_ready()):
            if time.monotonic() > deadline:
                raise CannotStart(f"{name} did not answer again within {READY_WITHIN_S} s.")
            time.sleep(POLL_S)
            self.watch()

    def watch(self) -> None:
        """Look after every program once; call it again and again."""
        now = time.monotonic()
        for post in self._posts:
            if post.child is None:
                if now >= post.start_at:
                    self._fill(post)
                    self._changed()
            elif not post.child.is_alive():
                self._clear(post, f"ended ({post.child.end()})")
            elif reason := self._stall(post, now):
                self._clear(post, f"made no progress ({reason})")

    def run(self) -> None:
        """Look after the programs until an exception, as that of a signal, ends it."""
        while True:
            self.watch()
            time.sleep(POLL_S)

    def stop(self, *groups: set[str]) -> None:
        """Stop the named programs, one group after the other."""
        for names in groups:
            posts = [post for post in self._posts if post.program.name in names]
            self._posts = [post for post in self._posts if post not in posts]
            self._children.stop([post.child for post in posts if post.child])

    def pids(self) -> dict[str, int]:
        """Tell which process fills which place."""
        return {name: child.process.pid for name, child in self._filled()}

    def logs(self) -> dict[str, Path]:
        """Tell where each program's output goes."""
        return {name: child.log for name, child in self._filled()}

    def _filled(self) -> Iterator[tuple[str, Child]]:
        return ((post.program.name, post.child) for post in self._posts if post.child)

    def _fill(self, post: _Post) -> None:
        post.child = self._children.spawn(post.program)
        post.started_at = time.monotonic()
        post.ask_at = post.started_at + STALL_GRACE_S

    def _clear(self, post: _Post, why: str) -> None:
        """Remove a program's remains and set the time of its next start."""
        assert post.child is not None
        self._children.bury(post.child)
        now = time.monotonic()
        if now - post.started_at > STEADY_S:
            post.ends_in_a_row = 0
        delay_s = BACKOFF_S[min(post.ends_in_a_row, len(BACKOFF_S) - 1)]
        post.ends_in_a_row += 1
        post.start_at = now + delay_s
        self._say(f"{post.program.name} {why}; starting it again, log: {post.child.log}")
        post.child = None

    def _stall(self, post: _Post, now: float) -> str | None:
        if post.program.stalled is None or now < post.ask_at:
            return None
        post.ask_at = now + STALL_CHECK_S
        return post.program.stalled()

    def _wait_ready(self, post: _Post) -> None:
        assert post.child is not None
        deadline = time.monotonic() + READY_WITHIN_S
        while not post.program.is_ready():
            if not post.child.is_alive():
                raise CannotStart(
                    f"{post.program.name} did not start ({post.child.end()}), see {post.child.log}."
                )
            if time.monotonic() > deadline:
                raise CannotStart(
                    f"{post.program.name} was not ready within {READY_WITHIN_S} s,"
                    f" see {post.child.log}."
                )
            time.sleep(0.02)
