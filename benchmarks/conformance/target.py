"""The server under test, and the rows of the table that are checked against it."""

import ssl
import wave
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import httpx

TIMEOUT_SECONDS = 180.0
UNKNOWN_KEY = "any"
"""What programs send where no key is required."""
Kind = Literal["client", "recorded"]
"""The real client, or requests of the same shape as its own."""


class CheckFailed(Exception):
    """Why a row failed."""


class NotChecked(Exception):
    """Why a row could not be checked."""


@dataclass(frozen=True)
class Target:
    """A server, and the recording that is sent to it: 16 kHz, mono, with `words` in it."""

    url: str
    key: str
    model: str
    audio: Path
    words: str
    trust: ssl.SSLContext | bool = True
    authority: Path | None = None
    wyoming: str = ""

    @property
    def websocket(self) -> str:
        """The address for WebSockets."""
        return self.url.replace("http", "ws", 1)

    @property
    def pcm(self) -> bytes:
        """The samples of the recording."""
        with wave.open(str(self.audio)) as sound:
            if (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) != (16_000, 1, 2):
                raise SystemExit("The recording must be a WAV of 16 kHz, one channel, 16 bit.")
            return bytes(sound.readframes(sound.getnframes()))

    def http(self, user_agent: str, **headers: str) -> httpx.Client:
        """An HTTP client with the key, if there is one."""
        authorization = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        named = {"User-Agent": user_agent, **authorization, **headers}
        return httpx.Client(
            base_url=self.url, headers=named, verify=self.trust, timeout=TIMEOUT_SECONDS, trust_env=False
        )

    def check_words(self, text: str) -> None:
        """Raises `CheckFailed` if the text does not have the words of the recording."""
        plain = " ".join("".join(each if each.isalnum() else " " for each in text.lower()).split())
        expect(self.words in plain, f"the words {self.words!r} are not in {text[:120]!r}")


@dataclass(frozen=True)
class Row:
    """One check of one program. `run` raises if it fails."""

    program: str
    check: str
    kind: Kind
    run: Callable[[Target], None]


def expect(condition: object, reason: str) -> None:
    """Raises `CheckFailed` unless the condition holds."""
    if not condition:
        raise CheckFailed(reason)


def expect_status(response: httpx.Response, status: int = 200) -> httpx.Response:
    """The response. Raises `CheckFailed` if it has another status."""
    expect(response.status_code == status, f"status {response.status_code}: {response.text[:200]}")
    return response
