"""OpenStack Swift with its S3 API: a proxy and three stores, two processes, one replica on disk."""

import functools
import http.client
import os
import pwd
import sys
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from cli.localstack import ports
from cli.localstack.children import Children
from cli.localstack.program import SERVER_ENVIRONMENT, Program
from cli.localstack.state import State, write_private

STORES = ("account", "container", "object")
SERVERS = ("proxy", *STORES)
# What an upload passes through shares a process: four would each have to be woken for it. What
# lists objects has its own: its commits hold a whole process up.
INDEX, OBJECTS = ("account", "container"), ("object", "proxy")
ACCOUNT, USER = "tailtrend", "app"
REGION = "us-east-1"
ACCESS_KEY = f"{ACCOUNT}:{USER}"

HASH = """\
[swift-hash]
swift_hash_path_suffix = {suffix}
swift_hash_path_prefix =
[storage-policy:0]
name = gold
default = yes
"""

# `workers = 0` serves without a fork. There is no syslog: `verbose` fills our log.
COMMON = """\
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {user}
swift_dir = {state}/etc
devices = {state}/srv
mount_check = false
disable_fallocate = true
log_name = {name}
log_address = /dev/null
log_level = WARNING
"""

STORE = """\
[pipeline:main]
pipeline = {name}-server
[app:{name}-server]
use = egg:swift#{name}
log_requests = false
"""

# A presigned URL is the permission, so browsers may use one from any origin.
# What memcached would keep, the one process of the proxy keeps itself.
# One store per kind: to avoid it after errors would only turn its restart into a minute of 503.
PROXY = """\
cors_allow_origin = *
cors_expose_headers = ETag
[pipeline:main]
pipeline = catch_errors gatekeeper cache s3api tempauth copy slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
allow_account_management = true
account_autocreate = true
error_suppression_limit = 1000000
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:cache]
paste.filter_factory = cli.localstack.swift_cache:filter_factory
[filter:s3api]
use = egg:swift#s3api
location = {region}
s3_acl = false
dns_compliant_bucket_names = yes
cors_preflight_allow_origin = *
allow_multipart_uploads = true
min_segment_size = 5242880
[filter:tempauth]
use = egg:swift#tempauth
user_{account}_{user} = {secret} .admin
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
"""


def port_name(server: str) -> str:
    """Name a server's port."""
    return f"swift-{server}"


def endpoint_url(state: State) -> str:
    """Give the S3 endpoint."""
    return f"http://127.0.0.1:{_port(state, 'proxy')}"


def prepare(state: State, children: Children) -> None:
    """Write the configurations, and the rings when there are none for these ports."""
    home = state.directory("swift")
    etc = state.directory("swift/etc")
    for part in ("swift/srv", "swift/srv/d1"):
        state.directory(part)
    write_private(etc / "swift.conf", HASH.format(suffix=state.record.swift_hash_suffix))
    for name in STORES:
        write_private(etc / f"{name}.conf", _common(state, name) + STORE.format(name=name))
    filters = PROXY.format(
        region=REGION, account=ACCOUNT, user=USER, secret=state.record.swift_secret
    )
    write_private(etc / "proxy.conf", _common(state, "proxy") + filters)
    _write_rings(state, children, home)


def programs(state: State, *, bucket: str) -> list[Program]:
    """Describe the processes, the index before those that ask it."""
    answers = functools.partial(ports.answers, _port(state, INDEX[-1]))
    has_bucket = functools.partial(_has_bucket, state, bucket)
    return [
        _program(state, "swift-index", INDEX, answers),
        _program(state, "swift-objects", OBJECTS, has_bucket),
    ]


def _program(
    state: State, name: str, servers: tuple[str, ...], is_ready: Callable[[], bool]
) -> Program:
    script = Path(__file__).with_name("swift_server.py")
    return Program(
        name=name,
        argv=[sys.executable, "-I", str(script), *(f"etc/{server}.conf" for server in servers)],
        cwd=state.path / "swift",
        env=SERVER_ENVIRONMENT,
        is_ready=is_ready,
    )


def _common(state: State, name: str) -> str:
    user = pwd.getpwuid(os.geteuid()).pw_name
    home = state.path / "swift"
    return COMMON.format(name=name, port=_port(state, name), user=user, state=home)


def _port(state: State, server: str) -> int:
    return state.record.ports[port_name(server)]


def _write_rings(state: State, children: Children, home: Path) -> None:
    wanted = [f"{name}={_port(state, name)}" for name in STORES]
    made_for = home / "etc" / "rings"  # written last: half-made rings are made again
    if made_for.exists() and made_for.read_text() == " ".join(wanted):
        return
    argv = [sys.executable, "-I", str(Path(__file__).with_name("rings.py")), "etc", *wanted]
    children.run(Program("swift-rings", argv, cwd=home, env=SERVER_ENVIRONMENT))
    write_private(made_for, " ".join(wanted))


def _has_bucket(state: State, bucket: str) -> bool:
    """Answers S3 requests and holds the bucket; to make one that exists changes nothing."""
    request = AWSRequest("PUT", f"{endpoint_url(state)}/{bucket}")
    S3SigV4Auth(Credentials(ACCESS_KEY, state.record.swift_secret), "s3", REGION).add_auth(request)
    connection = http.client.HTTPConnection("127.0.0.1", _port(state, "proxy"), timeout=5)
    try:
        connection.request("PUT", f"/{bucket}", headers=dict(request.headers.items()))
        return connection.getresponse().status in (HTTPStatus.OK, HTTPStatus.CONFLICT)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
