"""The API as the command line needs it: plain calls, problems as exceptions."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

TIMEOUT = urllib3.Timeout(connect=5, read=60)


class ApiProblem(Exception):
    """The API refused; `code` and `detail` are those of its problem document."""

    def __init__(self, code: str, detail: str) -> None:
        self.code, self.detail = code, detail
        super().__init__(f"{code}: {detail}")


@dataclass(frozen=True, slots=True)
class Client:
    """One API and one key."""

    api_url: str
    api_key: str
    pool: urllib3.PoolManager

    def get(self, path: str) -> dict[str, Any]:
        """Read a resource. Raises ApiProblem."""
        return self._answer(self.pool.request("GET", self.api_url + path, headers=self._headers()))

    def create_pet(self, name: str, species: str) -> dict[str, Any]:
        """Add a pet. Raises ApiProblem."""
        url = self.api_url + "/v1/pets"
        body = {"name": name, "species": species}
        return self._answer(self.pool.request("POST", url, json=body, headers=self._headers()))

    def upload(self, clip: Path, pet_id: str, *, force: bool = False) -> dict[str, Any]:
        """Upload a clip and give its job, `force`d when it was analysed before.

        Raises ApiProblem.
        """
        file = (clip.name, clip.read_bytes())
        fields: list[tuple[str, str | tuple[str, bytes]]] = [
            ("pet_id", pet_id),
            ("force", str(force).lower()),
            ("file", file),
        ]
        url = self.api_url + "/v1/clips"
        return self._answer(self.pool.request("POST", url, fields=fields, headers=self._headers()))

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.api_key}"}

    def _answer(self, response: urllib3.BaseHTTPResponse) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(response.data)
        if response.status >= 400:
            raise ApiProblem(body["code"], body["detail"])
        return body


def connect(api_url: str, api_key: str) -> Client:
    """Make a client."""
    return Client(api_url, api_key, urllib3.PoolManager(timeout=TIMEOUT, retries=False))
