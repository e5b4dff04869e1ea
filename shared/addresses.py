"""Which IP addresses a webhook may be sent to: public ones, whatever they are dressed as.

Pure; knows nothing of names or sockets that are open.
"""

import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

# `is_global` is not enough (failure-modes 24): it is true for multicast, anycast services, 6to4 and
# NAT64 of private addresses. Outside 2000::/3 nothing is unicast and public: that alone refuses
# IPv4-mapped and -compatible forms, NAT64 (64:ff9b::/96, 64:ff9b:1::/48), link- and site-local.
GLOBAL_UNICAST_V6 = IPv6Network("2000::/3")
NEVER_V4 = (
    IPv4Network("192.0.0.0/24"),  # protocol assignments
    IPv4Network("192.88.99.0/24"),  # 6to4 relays (RFC 7526)
)
NEVER_V6 = (
    IPv6Network("2001::/23"),  # Teredo, ORCHID and other protocol assignments
    IPv6Network("2002::/16"),  # 6to4
    IPv6Network("3fff::/20"),  # documentation
)


def is_public(text: str) -> bool:
    """Tell whether an address, as getaddrinfo writes it, is a public unicast one."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return _is_public_v4(address) if isinstance(address, IPv4Address) else _is_public_v6(address)


def literal(host: str) -> str | None:
    """Give the address that a host is literally (also `127.1` and `0x7f000001`), else None."""
    try:
        return str(ip_address(host))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return None


def _is_public_v4(address: IPv4Address) -> bool:
    special = address.is_multicast or address.is_reserved or address.is_unspecified
    return address.is_global and not special and not any(address in never for never in NEVER_V4)


def _is_public_v6(address: IPv6Address) -> bool:
    if address not in GLOBAL_UNICAST_V6 or address.scope_id is not None:
        return False
    return address.is_global and not any(address in never for never in NEVER_V6)
