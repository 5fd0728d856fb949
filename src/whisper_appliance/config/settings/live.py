"""Settings of live sessions and their sockets."""

from pydantic import ByteSize, Field

from whisper_appliance.config.settings.section import Section
from whisper_appliance.config.types import Size


class LiveSettings(Section):
    """Limits of live sessions and of socket messages."""

    title = "Limits"

    live_sessions: int = Field(
        8,
        ge=0,
        le=256,
        description="Live sessions at once; two cores keep up with 8 of them with the model base.",
    )
    live_sessions_per_user: int = Field(2, ge=1, le=256, description="Live sessions at once of one user.")
    live_seconds: float = Field(4 * 3600, gt=0, description="Longest live session; it ends by itself then.")
    live_idle_seconds: float = Field(60, gt=0, description="Silence of a client that ends its live session.")
    live_resume_seconds: float = Field(
        600, gt=0, description="How long a live session waits for a client that has gone."
    )
    live_packet_size: Size = Field(
        ByteSize(64 * 2**10), ge=2**10, le=2**18, description="Largest packet of live audio."
    )
    socket_message_size: Size = Field(
        ByteSize(512 * 2**10), ge=2**16, le=2**20, description="Largest message on a socket."
    )
    socket_messages_per_second: float = Field(
        40,
        gt=0,
        description="Messages a second on a socket (a packet of audio is two); 3 times so many at once.",
    )
    socket_bytes_per_second: Size = Field(
        ByteSize(256 * 2**10),
        ge=2**15,
        description="Bytes a second on a socket; 4 times so many at once.",
    )
