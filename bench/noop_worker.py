"""The real worker with a pipeline that does nothing and storage that keeps nothing."""

from typing import Any

from bench import noop_storage
from shared.models import Step
from worker import deciders, steps

RESULT: dict[str, Any] = {
    "emotion": "Relaxed",
    "confidence": 0.9,
    "recommendation": {"code": "keep_routine", "text": "", "urgency": "none"},
    "moments": [],
    "bundle": {"name": "noop", "version": "0", "sha256": ""},
}


class NoSandbox:
    """Stands where the child that decodes would be."""

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass


def store(_work: steps.Work, _data: steps.Data, _key: str) -> None:
    """Keep nothing."""


def load(_work: steps.Work) -> steps.Data:
    """Find nothing."""
    return steps.Data()


noop_storage.install()
steps.RUN = {step: lambda _work, data: data for step in (Step.EXTRACT, Step.ENCODE)}
steps.fuse = lambda _work, _data: RESULT  # type: ignore[assignment]
steps.store, steps.load = store, load  # type: ignore[assignment]
steps.sandbox = steps.encoders = NoSandbox  # type: ignore[assignment,misc]
deciders.named = lambda name: name  # type: ignore[assignment,return-value]

from worker.app import app  # noqa: E402 - it reads what was replaced above

__all__ = ["app"]
