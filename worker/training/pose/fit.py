"""Trains the keypoint network on drawn animals only; goes on after a kill where it was saved.

The budget is a time or a number of samples; the learning rate follows its share used up.
"""

import copy
import math
import os
from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn

from shared.errors import InputError
from worker.pipeline.extract.pose import LOOK_PX
from worker.pipeline.runtime import Network
from worker.training.pose.loss import mirror, to_tensors, total_loss
from worker.training.pose.network import KeypointNet
from worker.training.pose.stream import BATCH, Batch, Drawer, draw_batches

CHECKPOINT = "checkpoint.pt"
SAVE_EVERY_S = 45.0
REPLAYS = 2  # each batch is learnt once as drawn, and again, mirrored, some batches later
REPLAYED_AFTER = 16
SMALL_PX, SMALL_SHARE = 96, 0.6  # the first part is learnt from smaller pictures: 1.8 x as fast
TOP_RATE, DECAY, WARM_STEPS = 2.5e-3, 0.02, 150
GROWN_RATE = 1.5e-3  # of a network that starts from a trained one
AVERAGE = 0.998  # of the weights that are exported
HELD_OUT = 192
EXPORTED_ON = 320


class OtherRun(InputError):
    """This folder holds a training run with another seed or network; choose a new one."""

    code = "other_recipe"


@dataclass(frozen=True, slots=True)
class Budget:
    """When training ends: whichever comes first."""

    seconds: float
    samples: int

    def share(self, seconds: float, samples: int) -> float:
        """Return the share used up, 0..1."""
        return min(1.0, max(seconds / self.seconds, samples / self.samples))


@dataclass(slots=True)
class Progress:
    """How far a run has come, over all its starts."""

    seed: int
    batches: int = 0
    steps: int = 0
    seconds: float = 0.0
    loss: float = math.nan

    @property
    def samples(self) -> int:
        """Samples learnt from, replays counted."""
        return self.steps * BATCH


OnStep = Callable[[Progress, float], None]


class Run:
    """A network in training, its average, its optimiser and how far it is."""

    def __init__(
        self, folder: Path, seed: int, taps: Network | None = None, start: Path | None = None
    ) -> None:
        torch.manual_seed(seed)
        self.file, self.taps, self.grown = folder / CHECKPOINT, taps, start is not None
        net = KeypointNet(tapped=taps is not None)
        if start is not None:
            grow(net, start / CHECKPOINT)
        self.net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.mean = copy.deepcopy(self.net).requires_grad_(False)
        self.optimiser = torch.optim.AdamW(self.net.parameters(), TOP_RATE, weight_decay=DECAY)
        self.progress = Progress(seed)
        folder.mkdir(parents=True, exist_ok=True)
        if self.file.exists():
            self.resume(seed)

    def resume(self, seed: int) -> None:
        """Go on from the checkpoint. Raises OtherRun."""
        saved = torch.load(self.file, weights_only=True)
        if saved["progress"]["seed"] != seed or saved["net"].keys() != self.net.state_dict().keys():
            raise OtherRun
        self.net.load_state_dict(saved["net"])
        self.mean.load_state_dict(saved["mean"])
        self.optimiser.load_state_dict(saved["optimiser"])
        self.progress = Progress(**saved["progress"])

    def save(self) -> None:
        """Write the checkpoint whole or not at all."""
        state: dict[str, Any] = {
            "net": self.net.state_dict(),
            "mean": self.mean.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "progress": asdict(self.progress),
        }
        part = self.file.with_suffix(".part")
        torch.save(state, part)
        os.replace(part, self.file)

    def learn(self, batch: Batch, used: float) -> None:
        """Take one step; `used` is the share of the budget used up."""
        small = used < SMALL_SHARE and not self.grown
        wanted = to_tensors(batch, SMALL_PX if small else LOOK_PX)
        warm = min(1.0, (self.progress.steps + 1) / WARM_STEPS)
        rate = GROWN_RATE if self.grown else TOP_RATE
        for group in self.optimiser.param_groups:
            group["lr"] = rate * warm * (0.5 + 0.5 * math.cos(math.pi * used)) + 1e-6
        with torch.autocast("cpu", torch.bfloat16):
            found = self.net(wanted.picture, *self.maps(wanted.picture))
        loss = total_loss(found, wanted)
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
        self.optimiser.step()
        self.progress.steps += 1
        last = self.progress.loss
        now = float(loss.detach())
        self.progress.loss = now if math.isnan(last) else 0.98 * last + 0.02 * now
        self.follow()

    def maps(self, picture: Tensor) -> tuple[Tensor, ...]:
        """Return what the frozen encoder sees."""
        if self.taps is None:
            return ()
        found = self.taps.run({"pictures": picture.contiguous().numpy()})
        return tuple(torch.from_numpy(maps) for maps in found.values())

    def follow(self) -> None:
        """Let the averaged weights follow the trained ones."""
        keep = min(AVERAGE, self.progress.steps / (self.progress.steps + 10))
        with torch.no_grad():
            for mean, now in zip(tensors(self.mean), tensors(self.net), strict=True):
                if mean.dtype.is_floating_point:
                    mean.lerp_(now, 1 - keep)
                else:
                    mean.copy_(now)


def tensors(net: nn.Module) -> Iterator[Tensor]:
    """Yield a network's numbers, learnt and counted."""
    yield from net.state_dict().values()


def grow(net: KeypointNet, checkpoint: Path) -> None:
    """Begin a network with the weights of a trained one that may lack the taps."""
    trained = torch.load(checkpoint, weights_only=True)["mean"]
    net.load_state_dict(net.state_dict() | trained)


def fit(
    folder: Path,
    *,
    seed: int,
    budget: Budget,
    drawers: int,
    on_step: OnStep,
    taps: Network | None = None,
    start: Path | None = None,
) -> Run:
    """Train until the budget is used up and return the run. Raises OtherRun.

    With `taps` the network reads their maps; `start` is the folder of a run to begin from.
    """
    run = Run(folder, seed, taps, start)
    progress = run.progress
    saved_at = started = perf_counter()
    before = progress.seconds
    batches = replayed(draw_batches(seed, progress.batches, drawers))
    while (used := budget.share(progress.seconds, progress.samples)) < 1:
        batch, is_new = next(batches)
        progress.batches += is_new
        run.learn(batch, used)
        progress.seconds = before + perf_counter() - started
        on_step(progress, used)
        if perf_counter() - saved_at > SAVE_EVERY_S:
            run.save()
            saved_at = perf_counter()
    batches.close()
    run.save()
    return run


def replayed(batches: Iterator[Batch]) -> Generator[tuple[Batch, bool], None, None]:
    """Yield each batch, and once more mirrored after REPLAYED_AFTER others."""
    waiting: deque[Batch] = deque()
    for batch in batches:
        yield batch, True
        waiting.append(batch)
        if len(waiting) > REPLAYED_AFTER:
            yield mirror(waiting.popleft()), False


def held_out(seed: int) -> Batch:
    """Draw samples that no run of any seed learns from."""
    return Drawer(seed + 1_000_003).draw(0, HELD_OUT)


def to_export_on(seed: int) -> Batch:
    """Draw samples that are neither learnt from nor held out."""
    return Drawer(seed + 2_000_003).draw(0, EXPORTED_ON)
