"""Settings of the HTTPS server: addresses, certificates, proxies, connections."""

from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, field_validator

from whisper_appliance.config.settings.section import Section
from whisper_appliance.config.types import Folder, Names, Origins


class ServerSettings(Section):
    """Where and how the appliance is served."""

    title = "Network"

    host: str = Field("0.0.0.0", description="Address to listen on.")  # noqa: S104 - an appliance serves its network
    https_port: int = Field(
        5001,
        ge=0,
        le=65535,
        description="Port to listen on, for HTTPS and for the redirect to it; 0 takes a free one.",
    )
    https_enabled: bool = Field(
        True, description="Serve HTTPS. Off: plain HTTP, for use behind a proxy that ends TLS."
    )
    http_redirect: bool = Field(
        True, description="Answer plain HTTP on the same port with a redirect to HTTPS."
    )
    ssl_cert_path: Folder | None = Field(
        None, description="Your own certificate chain (PEM) instead of the appliance's; never overwritten."
    )
    ssl_key_path: Folder | None = Field(None, description="The private key (PEM) of SSL_CERT_PATH.")
    certificate_names: Names = Field(
        [], description="More host names or addresses for the certificate, separated by commas."
    )
    allowed_hosts: Names = Field(
        [],
        description="More host names that lead to the appliance, *.example.org for all below one, * for any; "
        "addresses, local names and those of the certificate always do.",
    )
    trusted_proxies: int = Field(
        0, ge=0, le=10, description="How many proxies stand in front, whose X-Forwarded headers are believed."
    )
    url_prefix: str = Field(
        "",
        pattern=r"^((/[A-Za-z0-9._~-]+)+)?$",
        description="Path before all addresses, such as /stt, if the appliance is a part of another site.",
    )
    max_websockets: int = Field(
        100, ge=1, le=2000, description="Open sockets at once; further ones are refused."
    )
    max_websockets_per_address: int = Field(
        10, ge=1, le=2000, description="Sockets at once from one address."
    )
    max_event_streams: int = Field(
        100, ge=1, le=2000, description="Open event streams at once; further ones are refused."
    )
    event_streams_per_client: int = Field(
        10, ge=1, le=2000, description="Event streams at once of one user, or of one address without a user."
    )
    max_waiting_requests: int = Field(
        60,
        ge=1,
        le=2000,
        description="Requests that wait for a transcript at once; further ones get 202 or 429.",
    )
    waiting_requests_per_client: int = Field(
        20, ge=1, le=2000, description="Waiting requests of one user, or of one address without a user."
    )
    max_connections: int = Field(
        200,
        ge=50,
        le=10_000,
        description="Connections open at once (more, if more requests may run); then idle ones are closed.",
    )
    max_connections_per_address: int = Field(
        128,
        ge=0,
        le=10_000,
        description="Connections open at once from one address (an IPv6 network of 64 bits); idle ones make "
        "room for new ones; at most half of all; 0: no limit. Does not apply behind a proxy.",
    )
    connection_rate_per_address: float = Field(
        25,
        ge=0,
        le=10_000,
        description="New connections a second from one address, eight seconds of them at once; 0: no limit. "
        "Does not apply behind a proxy.",
    )
    requests_at_once_per_address: int = Field(
        32,
        ge=0,
        le=2000,
        description="Requests of one address that run at once, without its streams, sockets and requests "
        "that wait for a transcript; further ones wait, or behind a proxy get 429; 0: no limit.",
    )
    header_seconds: float = Field(15, gt=0, le=600, description="Longest time for a request's headers.")
    body_idle_seconds: float = Field(
        30, gt=0, le=600, description="Longest time without a byte of a body, either way."
    )
    cors_origins: Origins = Field(
        [], description="Other sites whose pages may use the API, https://app.example; none by default."
    )
    redis_url: SecretStr | None = Field(
        None, description="redis://... for counting requests; empty: in this process's memory."
    )

    @field_validator("ssl_key_path")
    @classmethod
    def _key_goes_with_certificate(cls, value: Path | None, info: Any) -> Path | None:
        if (value is None) != (info.data.get("ssl_cert_path") is None):
            raise ValueError("SSL_CERT_PATH and SSL_KEY_PATH go together: set both or neither")
        return value
