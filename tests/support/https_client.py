"""A client of the started program over HTTPS."""

import http.client
import json
import ssl
from dataclasses import dataclass
from email.message import Message
from typing import Any

from tests.support.program import Server
from tests.support.wait import wait_until

BOUNDARY = "the-boundary"
PATIENCE_SECONDS = 90.0
ENDED = ("done", "failed", "cancelled")


@dataclass(frozen=True)
class Answer:
    """The response, of any status."""

    status: int
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:
        """The body of an answer of the API."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of an error."""
        return str(self.json["error"]["code"])


class Visitor:
    """Sends requests and files, and waits for jobs."""

    def __init__(self, server: Server, tls: ssl.SSLContext | None = None, *, cookie: bool = False) -> None:
        """`tls` where the server's own authority is not to be trusted; without a cookie, it owns nothing."""
        self._server = server
        self._tls = tls
        self._cookie = ""
        if cookie:
            self._cookie = str(self.request("/").headers["Set-Cookie"]).partition(";")[0]

    def request(self, path: str, method: str = "GET", body: bytes = b"", **headers: str) -> Answer:
        """One request on a connection of its own; headers are written with underscores."""
        connection = http.client.HTTPSConnection(
            "localhost", self._server.port, context=self._tls or self._server.trusting, timeout=30
        )
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            named |= {"Cookie": self._cookie} if self._cookie else {}
            connection.request(method, path, body, named)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def send(self, content: str | bytes, *, name: str = "talk.wav", **fields: str) -> Answer:
        """POST /transcribe."""
        body = form(content.encode() if isinstance(content, str) else content, name=name, **fields)
        return self.request(
            "/transcribe", "POST", body, Content_Type=f"multipart/form-data; boundary={BOUNDARY}"
        )

    def put(self, content: str | bytes, **fields: str) -> str:
        """A file that is accepted; the id of its job."""
        answer = self.send(content, **{"async": "1"}, **fields)
        assert answer.status == 202, answer
        return str(answer.json["id"])

    def job(self, id: str) -> Any:
        """The job as it is."""
        answer = self.request(f"/api/jobs/{id}")
        assert answer.status == 200, answer
        return answer.json

    def ended(self, id: str, seconds: float = PATIENCE_SECONDS) -> Any:
        """The job once it has ended."""
        wait_until(lambda: self.job(id)["status"] in ENDED, seconds, reason=lambda: self.job(id))
        return self.job(id)

    def text(self, id: str) -> str:
        """The words of a transcript."""
        return str(self.request(f"/api/transcripts/{id}").json["text"])

    def health(self) -> Any:
        """/health, which always answers 200."""
        answer = self.request("/health")
        assert answer.status == 200, answer
        return answer.json

    def reasons(self) -> set[str]:
        """The codes of what keeps the appliance from its work."""
        return {reason["code"] for reason in self.health()["reasons"]}


def form(content: bytes, *, name: str = "talk.wav", **fields: str) -> bytes:
    """A body of multipart/form-data: the fields, then the file."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'
        for field, value in fields.items()
    ]
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    return "".join([*parts, head]).encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()
