"""The third step: the decision, its reasons, and what to do."""

from worker.pipeline.fuse.answer import Assessment
from worker.pipeline.fuse.moments import stills
from worker.pipeline.fuse.stage import fuse

__all__ = ["Assessment", "fuse", "stills"]
