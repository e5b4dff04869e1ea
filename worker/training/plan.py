"""What a training run is asked to do: recipe, labels, split, seeds. Knows no torch."""

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.errors import InputError
from worker.pipeline.architectures.inputs import SEQUENCE_FRAMES
from worker.training.labels import Rule

Arch = Literal["late_fusion", "masked_fusion", "face_sequence"]


class LeakyRefused(InputError):
    """A split that ignores animals flatters; allow it with --allow-leaky-split, to see by how much.

    What comes of it is marked as leaky and cannot be exported.
    """

    code = "leaky_split_refused"


class Balance(StrEnum):
    """What is done about rare classes; the seed did both, which counts them twice."""

    NEITHER = "neither"
    SAMPLER = "sampler"
    LOSS = "loss"
    BOTH = "both"


class Recipe(BaseModel):
    """Everything that decides what a training run learns, besides its data and its seed."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    arch: Arch = "masked_fusion"
    config: dict[str, str | int | float | bool | list[str]] = {}
    balance: Balance = Balance.LOSS
    augmented: bool = True
    pose_jitter: float = Field(0.02, ge=0, description="Standard deviation added to pose numbers.")
    epochs: int = Field(40, ge=1)
    patience: int | None = Field(
        None, ge=0, description="Epochs without gain before stopping; 0 trains all, on all rows."
    )
    batch: int = Field(
        64, ge=1, description="Rows at once; of sequences of pictures, the pictures."
    )
    learning_rate: float = Field(1e-3, gt=0)
    weight_decay: float = Field(0.05, ge=0)
    prior_nats: float = Field(
        1.0, gt=0, description="Of what a linear expert says, beforehand; the rows correct it."
    )
    kinship: float = Field(
        0.3, ge=0, le=1, description="How alike rows of one animal are: 1, all count as one row."
    )
    refit: bool = Field(True, description="Fit anew to all rows once it is known for how long.")

    @property
    def usual_variants(self) -> int:
        """Return how many augmented forms of a file are made where nobody says it.

        None for linear experts on numbers of a frozen encoder: they were worse with them
        (docs/training.md). None for what looks at pictures itself: those are cut as they are read.
        """
        return 0 if self.arch == "masked_fusion" or self.reads_pictures else 3

    @property
    def reads_pictures(self) -> bool:
        """Whether the network is trained from its pictures on, not from an encoder's numbers."""
        return self.arch == "face_sequence" and self.config.get("backbone") != "features"

    @property
    def rows_at_once(self) -> int:
        """Return how many rows make a step."""
        return max(1, self.batch // SEQUENCE_FRAMES) if self.reads_pictures else self.batch

    @property
    def patient(self) -> int:
        """Return the patience; by default only what no prior keeps needs any."""
        if self.patience is not None:
            return self.patience
        return 0 if self.arch == "masked_fusion" else 10


class Split(StrEnum):
    """How rows are divided into folds."""

    GROUPS = "groups"
    LEAVE_ONE_OUT = "leave-one-out"
    RANDOM = "random"


SPLIT_IN_WORDS = {
    Split.GROUPS: "{k} folds by animal, source and near-duplicate",
    Split.LEAVE_ONE_OUT: "one animal left out at a time",
    Split.RANDOM: "LEAKY: {k} random folds",
}


class Plan(BaseModel):
    """Everything that decides a run; the same plan on the same table gives the same result."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    table: str
    table_sha256: str
    rule: Rule = Rule.SOFT
    split: Split = Split.GROUPS
    folds: int = Field(5, ge=2)
    seeds: int = Field(1, ge=1)
    variants: int = Field(0, ge=0, description="Augmented forms of each file.")
    held_out: str | None = Field(None, description="SHA-256 of the frozen test set.")
    shuffled: bool = Field(False, description="A control: labels are dealt out anew.")
    recipe: Recipe = Recipe()

    @property
    def split_in_words(self) -> str:
        """Say how rows were divided."""
        return SPLIT_IN_WORDS[self.split].format(k=self.folds)
