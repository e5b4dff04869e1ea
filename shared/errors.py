"""Every error the product raises on purpose. Knows no HTTP status and no retry rule.

TailTrendError
├── InputError              the caller's fault: refused or failed, never retried
│   ├── InvalidRequest      RequestMalformed  LineTooLong  HeadersTooLarge  BadCursor
│   │                       BadRecordedAt  BadDeadline  WebhookUrlRefused  UnknownBundle
│   │                       NotAForm
│   ├── UploadRefused       UploadEmpty  UploadTooLarge  NotAVideo
│   │                       UploadMissing  UploadSizeMismatch  UploadHashMismatch
│   └── ClipRefused         ClipUnreadable  ClipNoVideo  ClipTooShort  ClipTooLong  ClipTooDemanding
│                           ClipSlowMotion  MediaMissing
├── NotFound                MediaExpired
├── Conflict                IdempotencyMismatch  IdempotencySpent  JobNotFinal  JobFinal
│                           EndpointDisabled  TooManyEndpoints  TooManyLinks  UploadFinal
│                           AlertClosed
├── NotAllowed              KeyMissing  KeyInvalid  InviteInvalid  FormExpired
├── TooManyRequests         TooManyJobs
├── AttemptsExhausted       the clip ended its workers too often
├── NotConfigured           the operator's fault: a setting or a weight file is missing
│   └── BundleInvalid  DownloadFailed
└── TransientError          a dependency is away: retried by the workers, 503 in the API
    └── DatabaseUnavailable  StorageUnavailable  BrokerUnavailable  DiskFull  TooManyWaiters
                            ClockWrong  SchemaOld

A class's docstring is its default message, written for the caller; its `code` is stable and is the
same in an API answer, in `jobs.error_code` and in `tailtrend analyze --json`.
"""

import errno
import inspect
from typing import ClassVar


class TailTrendError(Exception):
    """Something went wrong inside TailTrend."""

    code: ClassVar[str] = "internal_error"

    def __init__(self, detail: str | None = None) -> None:
        self.detail = detail or inspect.cleandoc(type(self).__doc__ or "")
        super().__init__(self.detail)


class InputError(TailTrendError):
    """The request or the file cannot be used as it is."""

    code = "invalid_input"


class InvalidRequest(InputError):
    """The request does not match the API's schema."""

    code = "invalid_request"

    def __init__(
        self, detail: str | None = None, *, fields: dict[str, list[str]] | None = None
    ) -> None:
        self.fields = fields or {}
        wrong = [f"{name}: {', '.join(said)}" for name, said in self.fields.items()]
        super().__init__(detail or "; ".join(wrong))


class RequestMalformed(InvalidRequest):
    """The request cannot be parsed."""

    code = "malformed_request"


class LineTooLong(RequestMalformed):
    """The request's path and query are too long."""

    code = "uri_too_long"


class HeadersTooLarge(RequestMalformed):
    """The request's headers are too many or too large."""

    code = "headers_too_large"


class BadCursor(InvalidRequest):
    """The page cursor was not issued by this API."""

    code = "bad_cursor"


class BadRecordedAt(InvalidRequest):
    """recorded_at must be a time between the year 2000 and now."""

    code = "bad_recorded_at"


class BadDeadline(InvalidRequest):
    """expires_at must be a time in the future."""

    code = "bad_expires_at"


class WebhookUrlRefused(InvalidRequest):
    """The URL must be https, without a user name, and lead to a public address."""

    code = "webhook_url_refused"


class UnknownBundle(InvalidRequest):
    """This server has no bundle of this name."""

    code = "unknown_bundle"


class NotAForm(InvalidRequest):
    """Send the clip as a file in multipart/form-data, whatever its own type."""

    code = "not_a_form"


class UploadRefused(InputError):
    """The upload was refused."""

    code = "upload_refused"


class UploadEmpty(UploadRefused):
    """The uploaded file is empty."""

    code = "upload_empty"


class UploadTooLarge(UploadRefused):
    """The upload is larger than this server accepts."""

    code = "upload_too_large"


class NotAVideo(UploadRefused):
    """The uploaded file is not a video in a container that this server reads."""

    code = "not_a_video"


class UploadMissing(UploadRefused):
    """The upload's bytes, or some of its parts, have not arrived."""

    code = "upload_missing"


class UploadSizeMismatch(UploadRefused):
    """The bytes that arrived are more or fewer than announced; send them again."""

    code = "upload_size_mismatch"


class UploadHashMismatch(UploadRefused):
    """The bytes that arrived have another SHA-256 than announced; send them again."""

    code = "upload_hash_mismatch"


class ClipRefused(InputError):
    """The clip cannot be analysed."""

    code = "clip_refused"


class ClipUnreadable(ClipRefused):
    """The clip cannot be decoded; it may be damaged or incomplete."""

    code = "clip_unreadable"


class ClipNoVideo(ClipRefused):
    """The file holds no video track."""

    code = "clip_no_video"


class ClipTooShort(ClipRefused):
    """The clip is too short to analyse; film at least 2 seconds."""

    code = "clip_too_short"


class ClipTooLong(ClipRefused):
    """The clip is longer than 60 seconds; send a shorter part."""

    code = "clip_too_long"


class ClipTooDemanding(ClipRefused):
    """Decoding the clip needs more time or memory than one clip may take."""

    code = "clip_too_demanding"


class ClipSlowMotion(ClipRefused):
    """The clip is slow motion, in which nothing moves or sounds as it did; film at normal speed."""

    code = "clip_slow_motion"


class MediaMissing(ClipRefused):
    """The clip's media is no longer stored."""

    code = "media_missing"


class NotFound(TailTrendError):
    """There is nothing with this id in your account."""

    code = "not_found"


class MediaExpired(NotFound):
    """The clip's media was deleted as its owner had asked; its result is kept."""

    code = "media_expired"


class Conflict(TailTrendError):
    """The request conflicts with the present state."""

    code = "conflict"


class IdempotencyMismatch(Conflict):
    """This Idempotency-Key was used before with a different request."""

    code = "idempotency_key_reused"


class IdempotencySpent(Conflict):
    """What this Idempotency-Key made has been deleted; send with another key."""

    code = "idempotency_key_spent"


class JobFinal(Conflict):
    """The job has already ended."""

    code = "job_final"


class JobNotFinal(Conflict):
    """The job has not ended yet."""

    code = "job_not_final"


class EndpointDisabled(Conflict):
    """The webhook endpoint is disabled; enable it first."""

    code = "endpoint_disabled"


class TooManyEndpoints(Conflict):
    """The account has as many webhook endpoints as it may have."""

    code = "too_many_endpoints"


class TooManyLinks(Conflict):
    """The pet has as many live report links as it may have; revoke some."""

    code = "too_many_links"


class UploadFinal(Conflict):
    """The upload was completed or canceled, or its time is over."""

    code = "upload_final"


class AlertClosed(Conflict):
    """The alert is closed."""

    code = "alert_closed"


class NotAllowed(TailTrendError):
    """You may not do this."""

    code = "not_allowed"


class KeyMissing(NotAllowed):
    """Send your API key as `Authorization: Bearer tt_...`."""

    code = "key_missing"


class KeyInvalid(NotAllowed):
    """The API key is unknown or revoked."""

    code = "key_invalid"


class InviteInvalid(NotAllowed):
    """The invitation is unknown, was used before, or its time is over."""

    code = "invite_invalid"


class FormExpired(NotAllowed):
    """The form was open too long, or was sent from another site; load the page again."""

    code = "form_expired"


class TooManyRequests(TailTrendError):
    """Too many requests; wait and try again."""

    code = "too_many_requests"

    def __init__(self, detail: str | None = None, *, retry_after_s: int | None = None) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class TooManyJobs(TooManyRequests):
    """Too many of your jobs have not ended yet; wait until some have."""

    code = "too_many_jobs"


class AttemptsExhausted(TailTrendError):
    """The analysis ended without a result each time it was tried; the clip is kept."""

    code = "attempts_exhausted"


class NotConfigured(TailTrendError):
    """A setting that this needs is missing."""

    code = "not_configured"


class BundleInvalid(NotConfigured):
    """The bundle that should decide is damaged or incomplete."""

    code = "bundle_invalid"


class DownloadFailed(NotConfigured):
    """A weight file could not be downloaded."""

    code = "download_failed"


class TransientError(TailTrendError):
    """A dependency is not reachable at the moment."""

    code = "temporarily_unavailable"


class DatabaseUnavailable(TransientError):
    """The database is not reachable at the moment."""

    code = "database_unavailable"


class StorageUnavailable(TransientError):
    """Object storage is not reachable at the moment."""

    code = "storage_unavailable"


class ClockWrong(StorageUnavailable):
    """The server's clock is wrong, so object storage refuses what it signs."""

    code = "clock_wrong"


class SchemaOld(TransientError):
    """The database is older than this server: its operator has to run `tailtrend prepare`."""

    code = "schema_old"


class DiskFull(TransientError):
    """The server's disk is full at the moment."""

    code = "disk_full"
    ERRNOS = (errno.ENOSPC, errno.EDQUOT)  # of the OSError that means it


class BrokerUnavailable(TransientError):
    """The message broker is not reachable at the moment."""

    code = "broker_unavailable"


class TooManyWaiters(TransientError):
    """Too many requests wait for jobs already; poll instead, or try again."""

    code = "too_many_waiters"
