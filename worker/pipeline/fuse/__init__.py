"""The third step: the ethogram's decision, its reasons, and what to do."""

from worker.pipeline.fuse.moments import stills
from worker.pipeline.fuse.stage import Assessment, fuse

__all__ = ["Assessment", "fuse", "stills"]
