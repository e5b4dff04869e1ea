"""Clips and artifacts in an S3 bucket. The only module that knows boto3."""

import functools
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from shared.errors import ClockWrong, MediaMissing, NotConfigured, StorageUnavailable
from shared.settings import settings

CHUNK_BYTES = 1 << 20
MOST_LISTED_PARTS = 1000
HAVE_BUCKET = ("BucketAlreadyOwnedByYou", "BucketAlreadyExists")
SKEWED = "RequestTimeTooSkewed"
MISSING = ("NoSuchKey", "NoSuchUpload", "PreconditionFailed", "404", "412")

CONFIG = Config(
    signature_version="s3v4",
    s3={"addressing_style": "path"},
    connect_timeout=3,
    read_timeout=30,
    retries={"max_attempts": 2, "mode": "standard"},
    max_pool_connections=32,
    # Not every S3 server keeps the newer checksums; sizes and SHA-256 are ours to check.
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
)


def _client(endpoint_url: str | None) -> Any:
    chosen = settings()
    if not (chosen.s3_access_key and chosen.s3_secret_key):
        raise NotConfigured("TAILTREND_S3_ACCESS_KEY and TAILTREND_S3_SECRET_KEY are not set.")
    return boto3.client(
        "s3",
        endpoint_url=endpoint_url,
        region_name=chosen.s3_region,
        aws_access_key_id=chosen.s3_access_key,
        aws_secret_access_key=chosen.s3_secret_key.get_secret_value(),
        config=CONFIG,
    )


@functools.cache
def client() -> Any:
    """Make this process's client; boto3 clients may be shared by threads."""
    return _client(settings().s3_endpoint_url)


@functools.cache
def public_client() -> Any:
    """Make the client whose signed URLs name the endpoint that the outside world reaches."""
    return _client(settings().s3_public_endpoint_url or settings().s3_endpoint_url)


@dataclass(frozen=True, slots=True)
class Part:
    """One part that has arrived of an object sent in parts."""

    number: int
    size_bytes: int
    etag: str


@dataclass(frozen=True, slots=True)
class Stored:
    """An object being read; a copy can ask for exactly what was read by its `etag`."""

    etag: str
    size_bytes: int
    chunks: Iterator[bytes]


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] in MISSING:
            raise MediaMissing from error
        if error.response["Error"]["Code"] == SKEWED:
            raise ClockWrong from error
        raise StorageUnavailable from error
    except BotoCoreError as error:
        raise StorageUnavailable from error


def put(key: str, body: IO[bytes], *, content_type: str = "application/octet-stream") -> None:
    """Store a seekable stream under a key."""
    with _translated():
        client().put_object(
            Bucket=settings().s3_bucket, Key=key, Body=body, ContentType=content_type
        )


def get(key: str, path: Path, *, bucket: str | None = None) -> None:
    """Fetch an object into a file, from our bucket unless another is named. Raises MediaMissing."""
    with _translated():
        answer = client().get_object(Bucket=bucket or settings().s3_bucket, Key=key)
        with path.open("wb") as file:
            for chunk in answer["Body"].iter_chunks(CHUNK_BYTES):
                file.write(chunk)


@contextmanager
def read(key: str) -> Iterator[Stored]:
    """Read an object as a stream. Raises MediaMissing."""
    with _translated():
        answer = client().get_object(Bucket=settings().s3_bucket, Key=key)
        with closing(answer["Body"]) as body:
            chunks = body.iter_chunks(CHUNK_BYTES)
            yield Stored(answer["ETag"], answer["ContentLength"], chunks)


def copy(source: str, key: str, *, etag: str, content_type: str) -> None:
    """Copy an object inside the storage. Raises MediaMissing when it is not as it was read."""
    with _translated():
        client().copy_object(
            Bucket=settings().s3_bucket,
            Key=key,
            CopySource={"Bucket": settings().s3_bucket, "Key": source},
            CopySourceIfMatch=etag,
            MetadataDirective="REPLACE",
            ContentType=content_type,
        )


def start_parts(key: str) -> str:
    """Begin an object that is sent in parts; give the storage's name for them."""
    with _translated():
        started = client().create_multipart_upload(Bucket=settings().s3_bucket, Key=key)
    multipart_id: str = started["UploadId"]
    return multipart_id


def parts(key: str, multipart_id: str) -> list[Part]:
    """List the parts that have arrived. Raises MediaMissing when they were joined or dropped."""
    with _translated():
        answer = client().list_parts(
            Bucket=settings().s3_bucket,
            Key=key,
            UploadId=multipart_id,
            MaxParts=MOST_LISTED_PARTS,
        )
    return [
        Part(found["PartNumber"], found["Size"], found["ETag"]) for found in answer.get("Parts", [])
    ]


def join_parts(key: str, multipart_id: str, arrived: list[Part]) -> None:
    """Make one object of its parts. Raises MediaMissing when they were joined or dropped."""
    wanted = [{"PartNumber": part.number, "ETag": part.etag} for part in arrived]
    with _translated():
        client().complete_multipart_upload(
            Bucket=settings().s3_bucket,
            Key=key,
            UploadId=multipart_id,
            MultipartUpload={"Parts": wanted},
        )


def delete(key: str) -> None:
    """Delete an object by its name; none is fine."""
    with _translated():
        client().delete_object(Bucket=settings().s3_bucket, Key=key)


def delete_prefix(prefix: str) -> None:
    """Delete every object whose key starts with the prefix, and parts on their way; none is fine.

    Parts first: an object can be made of them, but not the other way round.
    """
    with _translated():
        _drop_parts(prefix)
        pages = client().get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=settings().s3_bucket, Prefix=prefix):
            for item in page.get("Contents", []):
                client().delete_object(Bucket=settings().s3_bucket, Key=item["Key"])


def folders(prefix: str) -> Iterator[list[str]]:
    """List the folders directly below a prefix, in pages."""
    with _translated():
        pages = client().get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=settings().s3_bucket, Prefix=prefix, Delimiter="/"):
            yield [found["Prefix"] for found in page.get("CommonPrefixes", [])]


def _drop_parts(prefix: str) -> None:
    pages = client().get_paginator("list_multipart_uploads")
    for page in pages.paginate(Bucket=settings().s3_bucket, Prefix=prefix):
        for found in page.get("Uploads", []):
            client().abort_multipart_upload(
                Bucket=settings().s3_bucket, Key=found["Key"], UploadId=found["UploadId"]
            )


def signed_put_url(key: str, *, size_bytes: int, content_type: str, for_s: int) -> str:
    """Sign a URL that takes exactly this many bytes, sent with this Content-Type."""
    asked = {"Key": key, "ContentLength": size_bytes, "ContentType": content_type}
    return _signed("put_object", asked, for_s)


def signed_part_url(
    key: str, multipart_id: str, number: int, *, size_bytes: int, for_s: int
) -> str:
    """Sign a URL that takes one part of exactly this many bytes."""
    asked = {"Key": key, "UploadId": multipart_id, "PartNumber": number}
    return _signed("upload_part", asked | {"ContentLength": size_bytes}, for_s)


def _signed(operation: str, asked: dict[str, Any], for_s: int) -> str:
    url: str = public_client().generate_presigned_url(
        operation, Params={"Bucket": settings().s3_bucket, **asked}, ExpiresIn=for_s
    )
    return url


def signed_get_url(key: str, *, content_type: str) -> str:
    """Sign a URL that plays the object in a browser, with ranges, for a while."""
    asked = {"Key": key, "ResponseContentType": content_type}
    return _signed("get_object", asked, settings().media_url_s)


@functools.cache
def public_origin() -> str:
    """Name the origin that signed URLs lead to, for a page's policy; nothing without storage."""
    if settings().s3_access_key is None:
        return ""
    parts = urlsplit(_signed("get_object", {"Key": "any"}, 60))
    return f"{parts.scheme}://{parts.netloc}"


def ping() -> None:
    """Ask for the bucket; raise StorageUnavailable when it does not answer."""
    with _translated():
        client().head_bucket(Bucket=settings().s3_bucket)


def make_bucket() -> None:
    """Have the bucket; one that exists stays as it is."""
    with _translated():
        try:
            client().create_bucket(Bucket=settings().s3_bucket)
        except client().exceptions.ClientError as error:
            if error.response["Error"]["Code"] not in HAVE_BUCKET:
                raise
