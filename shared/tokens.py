"""What is stored of a token that opens something: its hash alone."""

import hashlib


def digest(token: str) -> bytes:
    """Give the SHA-256 of a random token; one of 192 bits or more needs no slow hash."""
    return hashlib.sha256(token.encode()).digest()
