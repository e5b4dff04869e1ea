"""The way out: to public addresses only, to those that were looked at, in bounded time."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.receiver import Answer, Receiver
from worker import egress

SHORT_S = 0.3
NAME = "hooks.example.com"


class Names:
    """A resolver of fixed addresses that counts how often it is asked."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.asked = 0

    def __call__(self, _host: str, port: int, **_: object) -> list[tuple]:
        self.asked += 1
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in self.addresses]


def post(receiver: Receiver, resolver=None, *, allow_private=True, limit_s=5.0, name=NAME):
    return egress.post(
        urlsplit(f"http://{name}:{receiver.port}/hooks?a=b"),
        b"{}",
        {"webhook-id": "1"},
        allow_private=allow_private,
        limit_s=limit_s,
        resolver=resolver or Names("127.0.0.1"),
    )


def test_a_request_goes_to_the_resolved_address_with_the_host_of_the_url(receiver):
    names = Names("127.0.0.1")
    assert post(receiver, names).status == 200
    (received,) = receiver.received
    assert received.path == "/hooks?a=b"
    assert received.headers["host"] == f"{NAME}:{receiver.port}"
    assert received.headers["webhook-id"] == "1"
    assert names.asked == 1  # the second answer of a rebinding name is never asked for


@pytest.mark.parametrize(
    "addresses",
    [
        ("127.0.0.1",),
        ("8.8.8.8", "127.0.0.1"),
        ("127.0.0.1", "8.8.8.8"),
        ("169.254.169.254",),
        ("::ffff:127.0.0.1",),
        ("64:ff9b::7f00:1",),
        ("fe80::1%2",),
    ],
)
def test_a_name_with_any_address_that_is_not_public_is_refused(receiver, addresses):
    with pytest.raises(egress.AddressRefused):
        post(receiver, Names(*addresses), allow_private=False)
    assert receiver.received == []


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "2130706433", "0x7f.0.0.1", "localhost"])
def test_a_written_private_address_is_refused_by_the_real_resolver(receiver, host):
    with pytest.raises(egress.AddressRefused):
        post(receiver, socket.getaddrinfo, allow_private=False, name=host)
    assert receiver.received == []


def test_the_next_address_is_tried_when_one_does_not_answer(receiver):
    assert post(receiver, Names("127.0.0.2", "127.0.0.1")).status == 200


def test_a_name_that_leads_nowhere_says_so(receiver):
    def unknown(*_: object, **__: object) -> list[tuple]:
        raise socket.gaierror

    with pytest.raises(egress.NameNotFound):
        post(receiver, unknown)


def test_a_resolver_that_hangs_costs_no_more_than_the_limit(receiver):
    released = threading.Event()

    def hang(*_: object, **__: object) -> list[tuple]:
        released.wait()
        return []

    with pytest.raises(egress.TookTooLong):
        post(receiver, hang, limit_s=SHORT_S)
    released.set()


@pytest.mark.parametrize("status", [200, 204, 301, 410, 500])
def test_the_status_is_the_answer_and_no_redirect_is_followed(receiver, status):
    receiver.answer(Answer(status, {"Location": receiver.url}))
    assert post(receiver).status == status
    assert len(receiver.received) == 1


def test_an_answer_that_comes_late_is_not_waited_for(receiver):
    receiver.answer(Answer(late=True))
    with pytest.raises(egress.TookTooLong):
        post(receiver, limit_s=SHORT_S)


def test_a_byte_now_and_then_does_not_keep_the_connection_open():
    with dripping() as port:
        started_at = time.monotonic()
        with pytest.raises(egress.TookTooLong):
            egress.post(
                urlsplit(f"http://127.0.0.1:{port}/"),
                b"{}",
                {},
                allow_private=True,
                limit_s=SHORT_S,
            )
        assert time.monotonic() - started_at < 3 * SHORT_S


def test_a_closed_connection_is_a_failure(receiver):
    receiver.answer(Answer(dropped=True))
    with pytest.raises(egress.SendFailed) as failed:
        post(receiver)
    assert failed.value.code == "connection_failed"


def test_a_closed_port_is_a_failure():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # and never listens
        url = urlsplit(f"http://127.0.0.1:{closed.getsockname()[1]}/")
        with pytest.raises(egress.SendFailed) as failed:
            egress.post(url, b"{}", {}, allow_private=True)
    assert failed.value.code == "connection_failed"


def test_a_large_answer_is_not_read(receiver):
    receiver.answer(Answer(200, body=bytes(20_000_000)))
    assert post(receiver).status == 200


def test_proxies_of_the_environment_are_not_asked(receiver, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert post(receiver).status == 200


@pytest.mark.parametrize(
    ("said", "least_s", "most_s"),
    [
        ("120", 120, 120),
        (format_datetime(datetime.now(UTC) + timedelta(days=1), usegmt=True), 80_000, 86_401),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0, 0),
        ("soon", 0, 0),
        ("Thu, 01 Jan 99999999999999999999 00:00:00 GMT", 0, 0),
        ("-5", 0, 0),
        ("99999999999999", 999_999_999, 999_999_999),
    ],
)
def test_retry_after_is_read_in_seconds_and_as_a_date(receiver, said, least_s, most_s):
    receiver.answer(Answer(429, {"Retry-After": said}))
    assert least_s <= post(receiver).retry_after_s <= most_s


def test_tls_is_for_the_name_of_the_url(receiver, certificate, trusted):
    asked = serve_tls(receiver, certificate)
    assert post_tls(receiver, NAME).status == 200
    assert asked == [NAME]


def test_a_certificate_of_another_name_is_refused(receiver, certificate, trusted):
    serve_tls(receiver, certificate)
    with pytest.raises(egress.TlsFailed):
        post_tls(receiver, "other.example.com")
    assert receiver.received == []


def test_a_certificate_that_nobody_trusts_is_refused(receiver, certificate):
    serve_tls(receiver, certificate)
    with pytest.raises(egress.TlsFailed):
        post_tls(receiver, NAME)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Path:
    """A self-signed certificate of NAME with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def trusted(certificate, monkeypatch) -> Iterator[None]:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    egress._trust.cache_clear()
    yield
    egress._trust.cache_clear()


def serve_tls(receiver: Receiver, certificate: Path) -> list[str | None]:
    """Let the receiver speak TLS; give the names that it is asked for."""
    asked: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.sni_callback = lambda _sock, name, _context: asked.append(name)
    accept = receiver.server.get_request

    def accept_tls():
        sock, address = accept()
        return context.wrap_socket(sock, server_side=True), address

    receiver.server.get_request = accept_tls
    return asked


def post_tls(receiver: Receiver, name: str):
    url = urlsplit(f"https://{name}:{receiver.port}/")
    return egress.post(url, b"{}", {}, allow_private=True, resolver=Names("127.0.0.1"))


@contextmanager
def dripping() -> Iterator[int]:
    """Serve a byte of a header now and then, for ever."""
    stopped = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            with server.accept()[0] as connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                while not stopped.wait(SHORT_S / 6):
                    try:
                        connection.sendall(b".")
                    except OSError:
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        yield server.getsockname()[1]
        stopped.set()
        thread.join()
