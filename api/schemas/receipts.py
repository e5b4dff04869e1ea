"""What a deletion answers."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field


class ReceiptOut(BaseModel):
    """What was removed. Stored objects go within seconds, by their prefix."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "deleted_at": "2026-03-01T18:30:00Z",
                    "objects": ["clips/0199c2a1-7e0b-7c3a-9f00-5b1f6a2d9a10/"],
                    "rows": {"assessments": 1, "clips": 1, "jobs": 1},
                }
            ]
        },
    )

    deleted_at: datetime
    objects: list[str] = Field(description="Prefixes of the objects that go, media and derived.")
    rows: dict[str, int] = Field(description="Rows removed, by table.")
