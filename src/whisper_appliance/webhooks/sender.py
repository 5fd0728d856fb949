"""Sends one message over HTTP, within limits of time, size and redirects; reports what happened in a word."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import SplitResult, urljoin

from whisper_appliance.core.errors import InvalidRequest
from whisper_appliance.webhooks.target import allowed_address, checked_url
from whisper_appliance.webhooks.webhook import Outcome

TOTAL_SECONDS = 15.0
"""The longest time of one attempt, with its redirects."""
MAX_REDIRECTS = 3
KEPT_METHOD = (307, 308)
"""Redirects that repeat the same request; others would make a GET of it."""

Resolve = Callable[[str, int], Awaitable[list[str]]]


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host name. Raises `OSError`."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


class MessageSender:
    """Sends messages. `private_allowed` returns whether they may go to private networks now."""

    def __init__(
        self,
        private_allowed: Callable[[], bool],
        *,
        resolve: Resolve = resolve,
        tls: Callable[[], ssl.SSLContext] = ssl.create_default_context,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        self._private_allowed = private_allowed
        self._resolve = resolve
        self._tls = tls
        self._total_seconds = total_seconds

    async def send(self, url: str, headers: Mapping[str, str], body: str) -> Outcome:
        """POSTs a message and follows redirects that keep the method. Never raises for what a server does."""
        import httpx2

        try:
            async with asyncio.timeout(self._total_seconds):
                for _ in range(MAX_REDIRECTS + 1):
                    status, location = await self._post(url, headers, body)
                    if status not in KEPT_METHOD or not location:
                        return Outcome(status)
                    url = urljoin(url, location)
            return Outcome(error="too_many_redirects")
        except TimeoutError:
            return Outcome(error="timeout")
        except InvalidRequest:
            return Outcome(error="refused_address")
        except (ssl.SSLError, httpx2.HTTPError, httpx2.InvalidURL, OSError, UnicodeError) as error:
            return Outcome(error="untrusted" if "CERTIFICATE" in str(error) else _name(error))

    async def _post(self, url: str, headers: Mapping[str, str], body: str) -> tuple[int, str]:
        """The status, and the address of a redirect. The rest of the response is not read."""
        import httpx2

        private_allowed = self._private_allowed()
        parts = checked_url(url, private_allowed=private_allowed)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        address = allowed_address(await self._resolve(host, port), private_allowed=private_allowed)
        sent = {
            **headers,
            "Host": parts.netloc,
            "Content-Type": "application/json",
            "User-Agent": "whisper-appliance",
        }
        verify = self._tls() if parts.scheme == "https" else False
        async with (
            httpx2.AsyncClient(verify=verify, trust_env=False, timeout=self._total_seconds) as client,
            client.stream(
                "POST",
                _with_address(parts, address, port),
                content=body.encode(),
                headers=sent,
                extensions={"sni_hostname": host},
            ) as response,
        ):
            return response.status_code, response.headers.get("Location", "")


def _with_address(parts: SplitResult, address: str, port: int) -> str:
    shown = f"[{address}]" if ":" in address else address
    return parts._replace(netloc=f"{shown}:{port}").geturl()


def _name(error: Exception) -> str:
    return "unknown_host" if isinstance(error, socket.gaierror) else "unreachable"
