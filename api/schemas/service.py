"""What the service says of itself."""

from typing import Literal

from pydantic import BaseModel, Field

from shared.metrics import MEANING


class LiveOut(BaseModel):
    """This process answers."""

    status: Literal["ok"] = "ok"


class BacklogOut(BaseModel):
    """How far the workers are behind."""

    jobs_queued: int = Field(description=MEANING["jobs_queued"])
    jobs_running: int = Field(description=MEANING["jobs_running"])
    rings_owed: int = Field(description=MEANING["rings_owed"])
    deletions_due: int = Field(description=MEANING["deletions_due"])
    oldest_unclaimed_s: float = Field(description=MEANING["oldest_unclaimed_s"])
    last_claim_s: float = Field(description=MEANING["last_claim_s"])
    deliveries_pending: int = Field(description=MEANING["deliveries_pending"])
    oldest_undelivered_s: float = Field(description=MEANING["oldest_undelivered_s"])
    last_delivery_attempt_s: float = Field(description=MEANING["last_delivery_attempt_s"])


class ReadyOut(BaseModel):
    """Each dependency as `ok`, the code of what is wrong, or `timeout` where it does not answer."""

    status: Literal["ok", "unavailable"]
    database: str
    storage: str
    broker: str = Field(description="Not needed to accept clips: jobs wait in the database.")
    webhook_allow_private: bool = Field(
        description="Whether webhooks may go to private addresses: never true in production."
    )
    backlog: BacklogOut | None = Field(description="Null while the database is away.")
