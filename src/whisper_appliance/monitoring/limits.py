"""All limits on clients: the text of each, and the settings that hold it, for the panel."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from whisper_appliance.core.i18n import N_


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit: `settings` are the names of those that hold it; none where it is fixed."""

    text: str
    settings: tuple[str, ...] = ()


LIMITS: Mapping[str, Limit] = MappingProxyType(
    {
        "connections": Limit(N_("Connections of one address"), ("max_connections_per_address",)),
        "connection_rate": Limit(
            N_("New connections of one address in a second"), ("connection_rate_per_address",)
        ),
        "connections_in_all": Limit(
            N_("Connections in all; the longest idle one made room"), ("max_connections",)
        ),
        "descriptors": Limit(N_("Files and connections open in all")),
        "handshake_seconds": Limit(N_("Seconds for a TLS handshake")),
        "header_seconds": Limit(N_("Seconds for the headers of a request"), ("header_seconds",)),
        "body_idle_seconds": Limit(N_("Seconds without a byte of a body"), ("body_idle_seconds",)),
        "requests": Limit(N_("Requests of one address at once"), ("requests_at_once_per_address",)),
        "spare_threads": Limit(N_("Requests at once in all")),
        "requests_per_minute": Limit(
            N_("Requests in a minute"), ("requests_per_minute", "requests_per_minute_per_user")
        ),
        "uploads_per_minute": Limit(N_("Uploads in a minute"), ("uploads_per_minute",)),
        "sockets": Limit(N_("Open sockets"), ("max_websockets", "max_websockets_per_address")),
        "socket_rate": Limit(
            N_("Messages and bytes of a socket in a second"),
            ("socket_messages_per_second", "socket_bytes_per_second"),
        ),
        "event_streams": Limit(N_("Event streams"), ("max_event_streams", "event_streams_per_client")),
        "waiting_requests": Limit(
            N_("Waiting requests"), ("max_waiting_requests", "waiting_requests_per_client")
        ),
        "uploads": Limit(N_("Uploads at once in all"), ("uploads_at_once",)),
        "uploads_per_address": Limit(N_("Uploads at once of one address"), ("uploads_per_address",)),
        "uploads_per_user": Limit(N_("Uploads at once of one person"), ("uploads_per_user",)),
        "upload_seconds": Limit(N_("Seconds for an upload"), ("upload_seconds",)),
        "upload_pace": Limit(N_("Bytes a second of an upload while others wait"), ("upload_pace",)),
        "partial_uploads": Limit(N_("Unfinished uploads of one client")),
        "queue": Limit(N_("Recordings that wait in all"), ("queue_limit",)),
        "queue_per_user": Limit(N_("Recordings of one person that wait"), ("queue_limit_per_user",)),
        "queue_per_address": Limit(N_("Recordings of one address that wait"), ("queue_limit_per_address",)),
        "live_sessions": Limit(N_("Live sessions in all"), ("live_sessions",)),
        "live_sessions_per_user": Limit(N_("Live sessions of one person"), ("live_sessions_per_user",)),
        "minutes": Limit(N_("Minutes of audio of one person in a month"), ("minutes_per_month",)),
        "storage": Limit(N_("Space of one person"), ("storage_per_user",)),
        "sign_ins": Limit(N_("Attempts to sign in")),
        "client_secrets": Limit(N_("Client secrets of the realtime API")),
        "films": Limit(N_("Films with subtitles at once")),
        "confirmation_mails": Limit(N_("Confirmation mails of one day")),
    }
)
"""By the name under which refusals are counted."""
