"""The one place that reads the environment. Knows nothing of who uses a setting."""

import functools
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from shared.errors import NotConfigured


class Settings(BaseSettings):
    """What an operator may choose; every field is `TAILTREND_` + its name in upper case."""

    model_config = SettingsConfigDict(
        env_prefix="TAILTREND_", env_ignore_empty=True, frozen=True, extra="ignore"
    )

    database_url: SecretStr | None = Field(
        None, description="PostgreSQL 18 as postgresql+psycopg://user:password@host:port/name."
    )
    broker_url: SecretStr | None = Field(
        None, description="Valkey or Redis as redis://:password@host:port/0, with noeviction."
    )
    s3_endpoint_url: str | None = Field(
        None, description="S3 endpoint that the API and the workers reach; empty means AWS."
    )
    s3_public_endpoint_url: str | None = Field(
        None, description="S3 endpoint that clients reach, for signed URLs; empty: the same."
    )
    s3_region: str = Field("us-east-1", description="Region used to sign S3 requests.")
    s3_access_key: str | None = Field(None, description="S3 access key id.")
    s3_secret_key: SecretStr | None = Field(None, description="S3 secret access key.")
    s3_bucket: str = Field("tailtrend", description="Bucket for clips and artifacts.")

    max_upload_mb: int = Field(100, ge=1, description="Largest clip file accepted, in 10^6 bytes.")
    upload_ttl_s: int = Field(
        86_400, ge=60, description="How long an upload may wait for its bytes."
    )
    upload_url_s: int = Field(
        3600, ge=60, description="How long a signed upload URL is good for; new ones are free."
    )
    max_unfinished_jobs: int = Field(
        5000, ge=1, description="Jobs of one account that may be queued or running at once."
    )
    rate_window_s: int = Field(60, ge=1, description="Length of the windows that limits count in.")
    rate_requests: int = Field(30_000, ge=1, description="Requests of one API key in each window.")
    rate_failed_keys: int = Field(
        60, ge=1, description="Wrong API keys that one client address may send in each window."
    )
    proxies: int = Field(
        0,
        ge=0,
        description="Proxies in front of the API; so many X-Forwarded-For and -Proto are believed.",
    )
    request_idle_s: int = Field(
        20, ge=1, description="How long the API waits for a client that neither sends nor reads."
    )
    analyze_wait_s: float = Field(30, description="How long POST /analyze waits for its result.")
    poll_wait_max_s: float = Field(30, description="Longest ?wait_s= of a job poll.")
    poll_waiters: int = Field(
        16, ge=0, description="Requests of one API process that may wait for a job at once."
    )
    events_max_s: float = Field(
        300, gt=0, description="Longest stream of a job's events; clients connect again."
    )
    media_url_s: int = Field(900, ge=1, description="How long a signed media URL is good for.")

    weights_dir: Path | None = Field(
        None, description="Directory of pulled or given weight files, looked at before the cache."
    )
    cache_dir: Path = Field(
        Path("~/.cache/tailtrend"), description="Where pulled weights are kept."
    )
    offline: bool = Field(False, description="Never download weights.")
    model_threads: int = Field(
        1, ge=1, description="CPU threads of each model session in one worker process."
    )

    bundle: str = Field(
        "ethogram",
        description="What decides: `ethogram` (built in), a directory, or s3://bucket/prefix.",
    )
    bundles: dict[str, str] = Field(
        {}, description="Bundles that a job may ask for, as JSON: name to place, as above."
    )
    shadow_bundle: str | None = Field(
        None, description="A second bundle that is run beside, and never shown as an answer."
    )
    device: str = Field(
        "cpu", description="Where encoders run: cpu, or cuda:0; without it the CPU, with a word."
    )

    device_precision: Literal["bf16", "fp32"] = Field(
        "bf16", description="Of the sound encoder on a GPU: bf16, or fp32, which is slower."
    )

    lease_s: float = Field(30, gt=0, description="How long a claim lives without a heartbeat.")
    max_attempts: int = Field(3, ge=1, description="Claims that may end without a word (crashes).")
    max_transient_failures: int = Field(
        6, ge=0, description="Retries because a dependency was away."
    )
    sweep_interval_s: float = Field(5, gt=0, description="Pause between two sweeps.")
    re_ring_s: float = Field(
        10, gt=0, description="Age from which a ring that nobody answered may be rung again."
    )
    stop_grace_s: float = Field(
        2, ge=0, description="How long a stopping worker goes on before it hands its job back."
    )
    extract_wall_s: float = Field(
        120,
        gt=0,
        description="Longest time to decode one clip, not counting what it waits for a CPU.",
    )
    extract_cpu_s: int = Field(180, ge=1, description="Most CPU seconds to decode one clip.")
    extract_memory_mb: int = Field(
        2000, ge=1, description="Address space that decoding may add to its process, 10^6 bytes."
    )

    webhook_allow_private: bool = Field(
        False,
        description="Let webhooks go to private addresses and plain http; for development only.",
    )

    log_level: str = Field(
        "INFO",
        pattern=r"^(?i:debug|info|warning|error|critical)$",
        description="Lowest level that is logged: DEBUG, INFO, WARNING, ERROR or CRITICAL.",
    )
    log_json: bool = Field(False, description="Log one JSON object a line instead of text.")


@functools.cache
def settings() -> Settings:
    """Read the settings once per process. Raises NotConfigured, with a line for each bad one."""
    try:
        return Settings()
    except ValidationError as error:
        wrong = [f"TAILTREND_{str(one['loc'][0]).upper()}: {one['msg']}" for one in error.errors()]
        raise NotConfigured("\n".join(wrong)) from error
    except SettingsError as error:
        raise NotConfigured(f"A setting is not JSON: {error}.") from error
