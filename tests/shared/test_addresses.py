"""Which addresses are public, in every dress that a private one may wear."""

import pytest

from shared.addresses import is_public, literal

PUBLIC = [
    "8.8.8.8",
    "93.184.215.14",
    "172.15.255.255",
    "172.32.0.1",
    "100.63.255.255",
    "100.128.0.1",
    "223.255.255.255",
    "2606:2800:21f:cb07:6820:80da:af6b:8b2c",
    "2a00:1450:4001:80b::200e",
]
REFUSED = {
    "0.0.0.0": "unspecified",
    "0.1.2.3": "this network",
    "10.0.0.1": "private",
    "100.64.0.1": "carrier-grade NAT",
    "100.127.255.254": "carrier-grade NAT",
    "127.0.0.1": "loopback",
    "127.8.8.8": "loopback",
    "169.254.169.254": "link-local: cloud metadata",
    "172.16.0.1": "private",
    "172.31.255.255": "private",
    "192.0.0.9": "protocol assignments, though `is_global`",
    "192.0.2.1": "documentation",
    "192.88.99.1": "6to4 relay",
    "192.168.1.1": "private",
    "198.18.0.1": "benchmarking",
    "198.51.100.7": "documentation",
    "203.0.113.9": "documentation",
    "224.0.0.1": "multicast",
    "239.255.255.250": "multicast",
    "240.0.0.1": "reserved",
    "255.255.255.255": "broadcast",
    "::": "unspecified",
    "::1": "loopback",
    "::127.0.0.1": "IPv4-compatible",
    "::8.8.8.8": "IPv4-compatible",
    "::ffff:127.0.0.1": "IPv4-mapped",
    "::ffff:169.254.169.254": "IPv4-mapped",
    "::ffff:8.8.8.8": "IPv4-mapped: no name needs it",
    "::ffff:0:10.0.0.1": "IPv4-translated",
    "64:ff9b::a9fe:a9fe": "NAT64 of 169.254.169.254",
    "64:ff9b::808:808": "NAT64",
    "64:ff9b:1::7f00:1": "NAT64 with a local prefix",
    "100::1": "discard",
    "2001::1": "Teredo",
    "2001:10::1": "ORCHID",
    "2001:db8::1": "documentation",
    "2002:7f00:1::": "6to4 of 127.0.0.1",
    "2002:808:808::1": "6to4",
    "3fff::1": "documentation",
    "5f00::1": "segment routing",
    "fc00::1": "unique local",
    "fd12:3456::1": "unique local",
    "fe80::1": "link-local",
    "fe80::1%2": "link-local with its scope",
    "2a00:1450::1%2": "scoped",
    "fec0::1": "site-local",
    "ff02::1": "multicast",
    "localhost": "no address",
    "": "no address",
}


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_public(address):
    assert is_public(address)


@pytest.mark.parametrize("address", REFUSED, ids=lambda one: f"{one} ({REFUSED[one]})")
def test_any_other_address_is_not(address):
    assert not is_public(address)


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.0.0.1"])
def test_every_way_to_write_an_ipv4_address_is_one(host):
    assert literal(host) == "127.0.0.1"


@pytest.mark.parametrize("host", ["example.com", "1.2.3.4.example.com", "dead.beef"])
def test_a_name_is_no_address(host):
    assert literal(host) is None
