"""What a bundle's `manifest.json` may say; docs/bundles.md is its manual."""

import re
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

CLASSES = ("Relaxed", "Alert", "Anxious", "Playful", "Distressed")
MODALITIES = ("vision", "audio", "pose", "face")  # the order in a presence pattern
ANY = "*"
EDITED_BY_PEOPLE = (".yaml", ".json", ".md")
PATTERN = re.compile(rf"\*|({'|'.join(MODALITIES)})(\+({'|'.join(MODALITIES)}))*")
NAME, VERSION = r"^[a-z0-9][a-z0-9-]{0,39}$", r"^\d+\.\d+\.\d+$"
ANIMAL = re.compile(r"(dog|cat)(/[^A-Z]+)?")

Setting = str | bool | int | float | None | list[int] | list[float] | list[str]

Offset = tuple[float, float, float, float, float]  # nats, in the order of CLASSES


class Part(BaseModel):
    """Base of the parts: nothing unknown, nothing changed."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Weights(Part):
    """The network's files: ONNX for CPU, safetensors for torch."""

    onnx: str = Field(pattern=r"\.onnx$")
    torch: str | None = Field(None, pattern=r"\.safetensors$")


class Encoder(Part):
    """An encoder whose numbers the network was trained on; `name` names them in the registry."""

    role: Literal["vision_encoder", "audio_encoder", "pose"]
    name: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")  # of the file used in training


class Feature(Part):
    """One input of the network: (n, width), or (n, frames, width)."""

    name: str = Field(pattern=r"^[a-z][a-z_]*$")
    width: int = Field(ge=1)
    frames: int | None = Field(None, ge=1)
    of: Literal["face", "pet"] = "face"  # what the pictures of a sequence show
    names: tuple[str, ...] | None = None  # of the columns

    @model_validator(mode="after")
    def named_in_full(self) -> Self:
        """Refuse names for some columns only."""
        if self.names is not None and len(self.names) != self.width:
            raise ValueError(f"{len(self.names)} names for a width of {self.width}")
        return self


class Experts(Part):
    """Exponents of the product of experts."""

    learned: float = Field(1.0, ge=0)
    ethogram: float = Field(1.0, ge=0)


class Conformal(Part):
    """A class is in the answer's set if 1 - p is at most the quantile of its species."""

    alpha: float = Field(gt=0, lt=1)
    quantile: dict[str, float]


class OutOfDistribution(Part):
    """`file` holds mean (d,) and precision (d, d) of the output `embedding`."""

    file: str = Field(pattern=r"\.npz$")
    max_score: float = Field(gt=0)  # squared Mahalanobis distance


class Abstain(Part):
    """When to say that nothing can be said."""

    min_evidence_nats: float = Field(ge=0)
    min_margin: float = Field(ge=0, le=1)
    max_conflict: float = Field(ge=0)  # nats against over nats for the answer
    max_set: int | None = Field(None, ge=1, le=len(CLASSES))


class Evidence(Part):
    """From which gain, in nats, evidence is called moderate, or strong."""

    moderate: float = Field(ge=0)
    strong: float = Field(ge=0)


class Calibration(Part):
    """How probabilities are made from logits; temperatures are by presence pattern.

    `offsets`: nats that are added for a species, and for a breed of it (`dog/beagle`).
    """

    calibrated: bool
    temperature: dict[str, float]
    experts: Experts = Experts()
    offsets: dict[str, Offset] = {}
    conformal: Conformal | None = None
    ood: OutOfDistribution | None = None
    abstain: Abstain | None = None
    evidence: Evidence | None = None

    @model_validator(mode="after")
    def complete(self) -> Self:
        """Ask for a fallback in each table, and for patterns that can occur."""
        tables = [self.temperature] + ([self.conformal.quantile] if self.conformal else [])
        if any(ANY not in table for table in tables):
            raise ValueError(f'a table without its fallback "{ANY}"')
        strange = [a for a in self.offsets if not ANIMAL.fullmatch(a)]
        if strange:
            raise ValueError(
                f"offsets are by species, or species/breed in small letters: {strange}"
            )
        wrong = [p for p in self.temperature if not is_pattern(p)]
        if wrong or min(self.temperature.values()) <= 0:
            raise ValueError(f"temperatures must be positive and by presence pattern: {wrong}")
        return self


class Metric(Part):
    """A measured figure with its interval and the data that it was measured on."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    n: int | None = Field(None, ge=0)
    data: str
    split: str


class Licences(Part):
    """SPDX names."""

    code: str
    weights: str
    data: tuple[str, ...] = ()


class Manifest(Part):
    """The whole file."""

    schema_: Literal[1] = Field(1, alias="schema")
    name: str = Field(pattern=NAME)
    version: str = Field(pattern=VERSION)
    arch: Literal["ethogram", "late_fusion", "masked_fusion", "face_sequence"]
    decides: Literal["alone", "with_ethogram"]
    species: tuple[Literal["dog", "cat"], ...] = Field(min_length=1)
    classes: tuple[str, ...] = CLASSES
    files: dict[str, str | None]  # name -> SHA-256; none only for what people edit
    weights: Weights | None = None
    encoders: tuple[Encoder, ...] = ()
    features: tuple[Feature, ...] = ()
    config: dict[str, Setting] = {}
    calibration: Calibration | None = None
    metrics: tuple[Metric, ...] = ()
    licences: Licences
    provenance: dict[str, str] = {}

    @property
    def reads_faces(self) -> bool:
        """Whether the network is given a sequence of faces."""
        return any(f.frames is not None and f.of == "face" for f in self.features)

    @model_validator(mode="after")
    def whole(self) -> Self:
        """Refuse what contradicts itself."""
        for problem, is_there in (
            (f"classes must be {', '.join(CLASSES)}, in this order", self.classes != CLASSES),
            ("an ethogram decides alone and has no weights", not self._is_sound_ethogram()),
            ("a learned bundle needs weights and features", not self._is_sound_network()),
            ("two features of one name", len(self._feature_names()) != len(self.features)),
            (f"not in files: {', '.join(self._unlisted())}", bool(self._unlisted())),
            (f"without a hash: {', '.join(self._unpinned())}", bool(self._unpinned())),
            ("a file outside the directory", any(leaves(name) for name in self.files)),
        ):
            if is_there:
                raise ValueError(problem)
        return self

    def _is_sound_ethogram(self) -> bool:
        return self.arch != "ethogram" or (self.decides == "alone" and self.weights is None)

    def _is_sound_network(self) -> bool:
        return self.arch == "ethogram" or (self.weights is not None and bool(self.features))

    def _feature_names(self) -> set[str]:
        return {f.name for f in self.features}

    def _unlisted(self) -> list[str]:
        named = [self.weights.onnx, self.weights.torch] if self.weights else []
        if self.calibration and self.calibration.ood:
            named.append(self.calibration.ood.file)
        return [name for name in named if name is not None and name not in self.files]

    def _unpinned(self) -> list[str]:
        loose = [name for name, digest in self.files.items() if digest is None]
        return [name for name in loose if not name.endswith(EDITED_BY_PEOPLE)]


def is_pattern(text: str) -> bool:
    """Tell whether a text is a presence pattern: modalities in order, or the fallback."""
    parts = text.split("+")
    in_order = [m for m in MODALITIES if m in parts]
    return PATTERN.fullmatch(text) is not None and (text == ANY or parts == in_order)


def leaves(name: str) -> bool:
    """Tell whether a file name is more than a name."""
    return name in ("", ".", "..", "manifest.json") or "/" in name or "\\" in name
