"""Fits one network: a straight line from a recipe to the last checkpoint, the same after a kill.

Where the recipe has patience, a part of the rows tells after how many epochs to stop; then the
network is fitted anew to all rows for as long: where rows are few, those that tell are missed.
Without patience or such rows, all teach. Linear experts are fitted exactly, before the first epoch;
a network's other layers learn what those leave. Each epoch draws from generators seeded by
(seed, epoch), so a resumed run repeats what was lost.
"""

import hashlib
import math
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from shared.errors import InputError
from worker.pipeline.architectures.build import Network, build
from worker.pipeline.architectures.face_sequence import FaceSequence
from worker.pipeline.architectures.inputs import MODALITIES
from worker.pipeline.architectures.masked_fusion import MaskedFusion
from worker.training import metrics
from worker.training.plan import Balance, Recipe
from worker.training.relevance import experts_of
from worker.training.splits import Fold
from worker.training.table import Table

VERSION = "2"  # of how a network is fitted: a folder of another one is another run's
CHECKPOINT, WHOLE = "checkpoint.pt", "whole.pt"  # of the search, and of the fit to all rows
COMPANY = 0.02  # times the learning rate: layers beside experts, which say most of it alone
SEEING = 0.1  # the same of a backbone that was trained before
MOST = 5.0  # times that a rare class counts: a few rows say too little to be a fifth of the loss
PREDICTED_AT_ONCE, SEEN_AT_ONCE = 1024, 8  # rows of numbers, and of pictures


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
    """What one run is given: arrays, soft targets (n, 5), groups (n,) of rows that are alike, who
    learns, stops and is tested, and what a backbone starts from.
    """

    table: Table
    targets: NDArray[np.float64]
    groups: NDArray[np.int64]
    fold: Fold
    seed: int
    start: Mapping[str, Tensor] | None = None  # of a backbone


@dataclass(frozen=True, slots=True)
class Epoch:
    """One line of a run's history; `stop_loss` decides how long is trained, where anything does."""

    epoch: int
    loss: float
    stop_loss: float | None = None
    stop_macro_f1: float | None = None


@dataclass(frozen=True, slots=True)
class Fitted:
    """A trained network, and the history of how long to train; `best` decided it."""

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
    """Train as the recipe says; keep each epoch in `folder` and go on there.

    Raises OtherRecipe for a folder of another run, NothingToLearn, Diverged.
    """
    torch.backends.cudnn.deterministic = True  # a seed gives the same network on a GPU, too
    if not len(task.fold.stop):
        recipe = recipe.model_copy(update={"patience": 0})  # nothing tells when to stop
    at = (folder / CHECKPOINT, folder / WHOLE) if folder else (None, None)
    rows = np.sort(np.concatenate([task.fold.train, task.fold.stop]))
    if not recipe.patient:
        module, history = repeat(task, recipe, rows, recipe.epochs, at[0], device, on_epoch)
        return Fitted(module, history[-1], history)
    searched, history, best = search(task, recipe, at[0], device, on_epoch)
    if not recipe.refit:
        return Fitted(searched, best, history)
    module, _ = repeat(task, recipe, rows, best.epoch + 1, at[1], device, on_epoch)
    return Fitted(module, best, history)


def search(
    task: Task, recipe: Recipe, path: Path | None, device: str, on_epoch: OnEpoch
) -> tuple[Network, tuple[Epoch, ...], Epoch]:
    """Train until the stopping rows no longer improve; return the best network and its epoch."""
    module, optimizer = fresh(task, recipe, device)
    train, stop = (learnable(task, module, rows) for rows in (task.fold.train, task.fold.stop))
    state = resume(path, digest(task, recipe), module, optimizer)
    if not state["history"]:
        prepare(task, recipe, module, train)
    for epoch in range(len(state["history"]), recipe.epochs):
        if epoch - state["best_epoch"] > recipe.patient:
            break
        loss = learn(task, recipe, module, optimizer, train, epoch)
        stop_loss, stop_f1 = measure(task, module, stop)
        state["history"].append([loss, stop_loss, stop_f1])
        if stop_loss < state["best_loss"]:
            kept = {k: v.detach().cpu().clone() for k, v in module.state_dict().items()}
            state.update(best_loss=stop_loss, best_epoch=epoch, best=kept)
        keep(path, state, module, optimizer)
        on_epoch(Epoch(epoch, loss, stop_loss, stop_f1))
    if not state["best"]:
        raise Diverged
    module.load_state_dict(state["best"])
    history = tuple(Epoch(i, *row) for i, row in enumerate(state["history"]))
    return module.cpu().eval(), history, history[state["best_epoch"]]


def repeat(
    task: Task,
    recipe: Recipe,
    rows: NDArray[np.int64],
    epochs: int,
    path: Path | None,
    device: str,
    on_epoch: OnEpoch,
) -> tuple[Network, tuple[Epoch, ...]]:
    """Train on all rows for a given number of epochs. Raises Diverged."""
    module, optimizer = fresh(task, recipe, device)
    rows = learnable(task, module, rows)
    state = resume(path, digest(task, recipe), module, optimizer)
    if not state["history"]:
        prepare(task, recipe, module, rows)
    for epoch in range(len(state["history"]), epochs):
        if not recipe.patient:
            slow_down(optimizer, epoch / epochs)
        loss = learn(task, recipe, module, optimizer, rows, epoch)
        if not np.isfinite(loss):
            raise Diverged
        state["history"].append([loss])
        keep(path, state, module, optimizer)
        on_epoch(Epoch(epoch, loss))
    return module.cpu().eval(), tuple(Epoch(i, *row) for i, row in enumerate(state["history"]))


def slow_down(optimizer: torch.optim.Optimizer, done: float) -> None:
    """Set the learning rates for when a share of the epochs is done: half a cosine, to zero."""
    for group in optimizer.param_groups:
        group.setdefault("initial_lr", group["lr"])
        group["lr"] = group["initial_lr"] * (1 + math.cos(math.pi * done)) / 2


def fresh(task: Task, recipe: Recipe, device: str) -> tuple[Network, torch.optim.Optimizer]:
    """Make the task's untrained network and what moves it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(task.seed)
        module = build(recipe.arch, recipe.config).to(device)
    rate, decay = recipe.learning_rate, recipe.weight_decay
    if isinstance(module, FaceSequence) and task.start is not None:
        module.backbone.load_state_dict(task.start)
        return module, gently(module, rate, decay)
    if not isinstance(module, MaskedFusion):
        return module, torch.optim.AdamW(module.parameters(), lr=rate, weight_decay=decay)
    module.experts.requires_grad_(False)
    company = [one for one in module.parameters() if one.requires_grad]
    return module, torch.optim.AdamW(company, lr=COMPANY * rate, weight_decay=decay)


def gently(module: FaceSequence, rate: float, decay: float) -> torch.optim.Optimizer:
    """Return what moves a network whose backbone has learned to see before: that a tenth as far."""
    seeing = list(module.backbone.parameters())
    before = {id(one) for one in seeing}
    rest = [one for one in module.parameters() if id(one) not in before]
    groups = [{"params": seeing, "lr": SEEING * rate}, {"params": rest, "lr": rate}]
    return torch.optim.AdamW(groups, weight_decay=decay)


def learnable(task: Task, module: Network, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the rows that the network can read. Raises NothingToLearn where there are none."""
    found = rows[task.table.answerable(module.inputs)[rows]]
    if not len(found):
        wanted = ", ".join(n for n in module.inputs if not n.endswith("_present"))
        raise NothingToLearn(f"No row has all that the network reads ({wanted}).")
    return found


def prepare(task: Task, recipe: Recipe, module: Network, rows: NDArray[np.int64]) -> None:
    """Give a masked network its inputs' mean and deviation over the training rows, and experts."""
    if not isinstance(module, MaskedFusion):
        return
    shown = task.table.present[rows]
    there = np.flatnonzero(shown.any(axis=0)).tolist()
    blocks = [standardised(task, module, rows, i) for i in there]
    wanted = task.targets[rows] * expected(task, recipe, rows)
    wanted *= len(rows) / wanted.sum()
    experts, bias = experts_of(blocks, shown[:, there], wanted, recipe.prior_nats)
    module.start(bias, {i: (e.weights, e.bias) for i, e in zip(there, experts, strict=True)})


def standardised(
    task: Task, module: MaskedFusion, rows: NDArray[np.int64], index: int
) -> NDArray[np.float64]:
    """Give a modality its mean and deviation over the rows; return what its expert reads (n, d)."""
    name, device = MODALITIES[index], module.missing.device
    present = torch.from_numpy(task.table.present[rows, index : index + 1]).to(device)
    numbers = torch.from_numpy(task.table.parts[name][rows, 0]).to(device)
    module.standardise(name, numbers[present[:, 0]])
    read = module.scaled(module.standard(index, numbers, present))
    return np.asarray(read.cpu().double().numpy())


def expected(task: Task, recipe: Recipe, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return what each class counts in each row over an epoch (n, 5), however it is drawn."""
    count = counted(task, recipe, rows)
    if recipe.balance in (Balance.SAMPLER, Balance.BOTH):
        count = count * (task.targets[rows] * weights_of(task, rows)).sum(axis=1, keepdims=True)
    return count


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
    order = drawn((task.targets[rows] * weights_of(task, rows)).sum(axis=1), recipe.balance, rng)
    weight = counted(task, recipe, rows)
    module.train()
    total = 0.0
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(1 << 31)))
        for start in range(0, len(order), recipe.rows_at_once):
            part = order[start : start + recipe.rows_at_once]
            chosen = rows[part]
            variants = rng.integers(0, 1 << 20, len(chosen)) if recipe.augmented else None
            inputs = task.table.inputs(module.inputs, chosen, variants=variants)
            if "pose" in inputs:
                noise = rng.normal(0, recipe.pose_jitter, inputs["pose"].shape)
                inputs["pose"] += noise.astype(np.float32)
            loss = soft_loss(run(module, inputs)[0], task.targets[chosen], weight[part])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(module.parameters(), 1.0)
            optimizer.step()
            total += float(loss.detach()) * len(chosen)
    return total / len(order)


def counted(task: Task, recipe: Recipe, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return what each class counts in each row's loss (n, 5)."""
    alike = alike_count(task, rows, recipe.kinship)[:, None]
    if recipe.balance in (Balance.LOSS, Balance.BOTH):
        return weights_of(task, rows) * alike
    return np.repeat(alike, task.targets.shape[1], axis=1)


def class_weights(targets: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return inverse frequencies whose mean over the rows is 1; absent classes weigh nothing."""
    share = targets.mean(axis=0)
    there = share > metrics.ABSENT
    return np.asarray(np.divide(1.0, share * there.sum(), out=np.zeros_like(share), where=there))


def weights_of(task: Task, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return what each class counts in each row (n, 5), at most MOST.

    A class is rare among rows that show the same modalities: the classes of a photo set do not
    change what those of a sound set count.
    """
    weight = np.ones((len(rows), task.targets.shape[1]))
    for mine in by_pattern(task, rows):
        weight[mine] = np.minimum(class_weights(task.targets[rows[mine]]), MOST)
    return weight


def alike_count(task: Task, rows: NDArray[np.int64], kinship: float) -> NDArray[np.float64]:
    """Return what each row counts (n,), on average 1: less where its group has many rows.

    n rows of a group are worth n / (1 + (n - 1) kinship) rows of different groups: the design
    effect of Kish (1965, Survey Sampling, 8.2), with `kinship` for the intraclass correlation.
    """
    _, group, size = np.unique(task.groups[rows], return_inverse=True, return_counts=True)
    count = 1 / (1 + (size[group] - 1) * kinship)
    for mine in by_pattern(task, rows):
        count[mine] /= count[mine].mean()
    return np.asarray(count)


def by_pattern(task: Task, rows: NDArray[np.int64]) -> Iterator[NDArray[np.bool_]]:
    """Yield which of the rows (n,) show the same modalities."""
    shown = task.table.present[rows] @ (1 << np.arange(len(MODALITIES)))
    for pattern in np.unique(shown):
        yield shown == pattern


def drawn(
    weight: NDArray[np.float64], balance: Balance, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return an epoch's order: all rows shuffled, or drawn by weight with replacement."""
    n = len(weight)
    if balance in (Balance.SAMPLER, Balance.BOTH):
        return rng.choice(n, size=n, p=weight / weight.sum())
    return rng.permutation(n)


def soft_loss(logits: Tensor, targets: NDArray[np.float64], weight: NDArray[np.float64]) -> Tensor:
    """Return the cross-entropy against soft targets (n, 5), weighted (n, 5)."""
    wanted = torch.from_numpy((targets * weight).astype(np.float32)).to(logits.device)
    return -(wanted * logits.log_softmax(dim=1)).sum() / wanted.sum()


def run(module: Network, inputs: dict[str, NDArray[np.float32]]) -> tuple[Tensor, ...]:
    """Return a network's outputs, logits first."""
    device = next(module.parameters()).device
    parts = (torch.from_numpy(inputs[name]).to(device) for name in module.inputs)
    return module(*parts)  # type: ignore[no-any-return]


def measure(task: Task, module: Network, rows: NDArray[np.int64]) -> tuple[float, float]:
    """Return loss and macro F1 of the stopping rows; every class counts the same in both."""
    logits = predict(module, task.table, rows)
    targets = task.targets[rows]
    stop_loss = float(soft_loss(torch.from_numpy(logits), targets, weights_of(task, rows)))
    counts = metrics.confusion(targets.argmax(axis=1), logits.argmax(axis=1)).astype(float)
    return stop_loss, float(metrics.f1_of(counts))


def predict(
    module: Network, table: Table, rows: NDArray[np.int64], *, hidden: tuple[str, ...] = ()
) -> NDArray[np.float32]:
    """Return the logits of rows (n, 5), plain variant; `hidden` modalities count as missing."""
    return outputs(module, table, rows, hidden=hidden)[0]


def outputs(
    module: Network, table: Table, rows: NDArray[np.int64], *, hidden: tuple[str, ...] = ()
) -> list[NDArray[np.float32]]:
    """Return all that a network says of rows, plain variant."""
    module.eval()
    step = SEEN_AT_ONCE if module.looks else PREDICTED_AT_ONCE
    with torch.inference_mode():
        parts = [
            run(module, table.inputs(module.inputs, rows[i : i + step], hidden=hidden))
            for i in range(0, len(rows), step)
        ]
    return [torch.cat(part).cpu().numpy() for part in zip(*parts, strict=True)]


def digest(task: Task, recipe: Recipe) -> str:
    """Name a run by its recipe, seed, rows and targets."""
    hashed = hashlib.sha256(f"{VERSION} {recipe.model_dump_json()} {task.seed}".encode())
    for rows in (task.fold.train, task.fold.stop):
        hashed.update(rows.tobytes() + task.targets[rows].tobytes())
    hashed.update(task.groups.tobytes())
    for name in sorted(task.table.parts):
        hashed.update(np.nan_to_num(task.table.parts[name][:, 0]).tobytes())
    for name, tensor in sorted((task.start or {}).items()):
        hashed.update(name.encode() + tensor.numpy().tobytes())
    return hashed.hexdigest()


def resume(
    path: Path | None, name: str, module: nn.Module, optimizer: torch.optim.Optimizer
) -> dict[str, Any]:
    """Return where a run stands, from its checkpoint if there is one. Raises OtherRecipe."""
    unbegun = {"name": name, "history": [], "best_loss": float("inf"), "best_epoch": 0, "best": {}}
    if path is None or not path.is_file():
        return unbegun
    stored = torch.load(path, map_location="cpu", weights_only=True)  # a GPU may have kept it
    if stored["name"] != name:
        raise OtherRecipe(
            f"{path} was trained by another recipe, or on other numbers, of other weight files or "
            "another version; choose a new folder."
        )
    module.load_state_dict(stored.pop("model"))
    optimizer.load_state_dict(stored.pop("optimizer"))
    return dict(stored)


def keep(
    path: Path | None, state: dict[str, Any], module: nn.Module, optimizer: torch.optim.Optimizer
) -> None:
    """Write a checkpoint in one step: a kill leaves the one before."""
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    torch.save(state | {"model": module.state_dict(), "optimizer": optimizer.state_dict()}, part)
    os.replace(part, path)
