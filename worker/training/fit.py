"""Fits one network: a straight line from a recipe to the best checkpoint, the same after a kill.

Each epoch draws from generators seeded by (seed, epoch), so a resumed run repeats what was lost.
"""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from shared.errors import InputError
from worker.pipeline.architectures.build import Network, build
from worker.pipeline.architectures.inputs import MODALITIES
from worker.pipeline.architectures.masked_fusion import MaskedFusion
from worker.training import metrics
from worker.training.plan import Balance, Recipe
from worker.training.splits import Fold
from worker.training.table import Table

CHECKPOINT = "checkpoint.pt"
PREDICTED_AT_ONCE = 1024


class OtherRecipe(InputError):
    """This folder holds a training run by another recipe or of other data; choose a new one."""

    code = "other_recipe"


class NothingToLearn(InputError):
    """No row has what the network reads."""

    code = "nothing_to_learn"


class Diverged(InputError):
    """The loss stopped being a number; choose a lower learning rate."""

    code = "training_diverged"


@dataclass(frozen=True, slots=True)
class Task:
    """What one run is given: arrays, soft targets (n, 5), and who learns, stops and is tested."""

    table: Table
    targets: NDArray[np.float64]
    fold: Fold
    seed: int


@dataclass(frozen=True, slots=True)
class Epoch:
    """One line of a run's history; `stop_loss` decides which epoch is kept."""

    epoch: int
    loss: float
    stop_loss: float
    stop_macro_f1: float


@dataclass(frozen=True, slots=True)
class Fitted:
    """A trained network at its best epoch."""

    module: Network
    best: Epoch
    history: tuple[Epoch, ...]


OnEpoch = Callable[[Epoch], None]


def fit(
    task: Task,
    recipe: Recipe,
    folder: Path | None = None,
    *,
    device: str = "cpu",
    on_epoch: OnEpoch = lambda epoch: None,
) -> Fitted:
    """Train until the stopping rows no longer improve; keep each epoch in `folder` and go on there.

    Raises OtherRecipe for a folder of another run, NothingToLearn, Diverged.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(task.seed)
        module = build(recipe.arch, recipe.config).to(device)
    train, stop = (learnable(task, module, rows) for rows in (task.fold.train, task.fold.stop))
    standardise(task.table, module, train)
    optimizer = torch.optim.AdamW(
        module.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    name = digest(task, recipe)
    state = resume(folder, name, module, optimizer)
    for epoch in range(len(state["history"]), recipe.epochs):
        if epoch - state["best_epoch"] > recipe.patience:
            break
        loss = learn(task, recipe, module, optimizer, train, epoch)
        result = measure(task, module, stop, epoch, loss)
        state["history"].append([result.loss, result.stop_loss, result.stop_macro_f1])
        if result.stop_loss < state["best_loss"]:
            kept = {k: v.detach().cpu().clone() for k, v in module.state_dict().items()}
            state.update(best_loss=result.stop_loss, best_epoch=epoch, best=kept)
        keep(folder, state | {"model": module.state_dict(), "optimizer": optimizer.state_dict()})
        on_epoch(result)
    if not state["best"]:
        raise Diverged
    module.load_state_dict(state["best"])
    history = tuple(Epoch(i, *row) for i, row in enumerate(state["history"]))
    return Fitted(module.cpu().eval(), history[state["best_epoch"]], history)


def learnable(task: Task, module: Network, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the rows that the network can read. Raises NothingToLearn where there are none."""
    found = rows[task.table.answerable(module.inputs)[rows]]
    if not len(found):
        wanted = ", ".join(n for n in module.inputs if not n.endswith("_present"))
        raise NothingToLearn(f"No row has all that the network reads ({wanted}).")
    return found


def standardise(table: Table, module: Network, rows: NDArray[np.int64]) -> None:
    """Give a masked network the mean and deviation of its inputs over the training rows."""
    if isinstance(module, MaskedFusion):
        for i, name in enumerate(MODALITIES):
            there = rows[table.present[rows, i]]
            module.standardise(name, torch.from_numpy(table.parts[name][there, 0]))


def learn(
    task: Task,
    recipe: Recipe,
    module: Network,
    optimizer: torch.optim.Optimizer,
    rows: NDArray[np.int64],
    epoch: int,
) -> float:
    """Go once through the training rows; return the mean loss."""
    rng = np.random.default_rng([task.seed, epoch])
    weight = class_weights(task.targets[rows])
    order = drawn(task.targets[rows] @ weight, recipe.balance, rng)
    in_loss = recipe.balance in (Balance.LOSS, Balance.BOTH)
    by_class = weight if in_loss else np.ones_like(weight)
    module.train()
    total = 0.0
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(1 << 31)))
        for start in range(0, len(order), recipe.batch):
            chosen = rows[order[start : start + recipe.batch]]
            variants = rng.integers(0, 1 << 20, len(chosen)) if recipe.augmented else None
            inputs = task.table.inputs(module.inputs, chosen, variants=variants)
            if "pose" in inputs:
                noise = rng.normal(0, recipe.pose_jitter, inputs["pose"].shape)
                inputs["pose"] += noise.astype(np.float32)
            loss = soft_loss(run(module, inputs), task.targets[chosen], by_class)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(module.parameters(), 1.0)
            optimizer.step()
            total += float(loss.detach()) * len(chosen)
    return total / len(order)


def class_weights(targets: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return inverse frequencies whose mean over the rows is 1; absent classes weigh nothing."""
    share = targets.mean(axis=0)
    there = share > 0
    return np.asarray(np.divide(1.0, share * there.sum(), out=np.zeros_like(share), where=there))


def drawn(
    weight: NDArray[np.float64], balance: Balance, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return an epoch's order: all rows shuffled, or drawn by weight with replacement."""
    n = len(weight)
    if balance in (Balance.SAMPLER, Balance.BOTH):
        return rng.choice(n, size=n, p=weight / weight.sum())
    return rng.permutation(n)


def soft_loss(
    logits: Tensor, targets: NDArray[np.float64], by_class: NDArray[np.float64]
) -> Tensor:
    """Return the weighted cross-entropy against soft targets."""
    wanted = torch.from_numpy((targets * by_class).astype(np.float32)).to(logits.device)
    return -(wanted * logits.log_softmax(dim=1)).sum() / wanted.sum()


def run(module: Network, inputs: dict[str, NDArray[np.float32]]) -> Tensor:
    """Return a network's logits."""
    device = next(module.parameters()).device
    parts = (torch.from_numpy(inputs[name]).to(device) for name in module.inputs)
    return module(*parts)[0]  # type: ignore[no-any-return]


def measure(task: Task, module: Network, rows: NDArray[np.int64], epoch: int, loss: float) -> Epoch:
    """Measure the stopping rows; every class counts the same, as in macro F1."""
    logits = predict(module, task.table, rows)
    targets = task.targets[rows]
    weight = class_weights(targets)
    stop_loss = float(soft_loss(torch.from_numpy(logits), targets, weight))
    counts = metrics.confusion(targets.argmax(axis=1), logits.argmax(axis=1)).astype(float)
    return Epoch(epoch, loss, stop_loss, float(metrics.f1_of(counts)))


def predict(
    module: Network, table: Table, rows: NDArray[np.int64], *, hidden: tuple[str, ...] = ()
) -> NDArray[np.float32]:
    """Return the logits of rows (n, 5), plain variant; `hidden` modalities count as missing."""
    module.eval()
    with torch.inference_mode():
        parts = [
            run(module, table.inputs(module.inputs, rows[i : i + PREDICTED_AT_ONCE], hidden=hidden))
            for i in range(0, len(rows), PREDICTED_AT_ONCE)
        ]
    return torch.cat(parts).cpu().numpy()


def digest(task: Task, recipe: Recipe) -> str:
    """Name a run by its recipe, seed, rows and targets."""
    hashed = hashlib.sha256(recipe.model_dump_json().encode() + str(task.seed).encode())
    for rows in (task.fold.train, task.fold.stop):
        hashed.update(rows.tobytes() + task.targets[rows].tobytes())
    for name in sorted(task.table.parts):
        hashed.update(np.nan_to_num(task.table.parts[name][:, 0]).tobytes())
    return hashed.hexdigest()


def resume(
    folder: Path | None, name: str, module: nn.Module, optimizer: torch.optim.Optimizer
) -> dict[str, Any]:
    """Return where a run stands, from its checkpoint if there is one. Raises OtherRecipe."""
    fresh = {"name": name, "history": [], "best_loss": float("inf"), "best_epoch": 0, "best": {}}
    path = folder / CHECKPOINT if folder else None
    if path is None or not path.is_file():
        return fresh
    stored = torch.load(path, weights_only=True)
    if stored["name"] != name:
        raise OtherRecipe
    module.load_state_dict(stored.pop("model"))
    optimizer.load_state_dict(stored.pop("optimizer"))
    return dict(stored)


def keep(folder: Path | None, state: dict[str, Any]) -> None:
    """Write a checkpoint in one step: a kill leaves the one before."""
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{CHECKPOINT}.part"
    torch.save(state, part)
    os.replace(part, folder / CHECKPOINT)
