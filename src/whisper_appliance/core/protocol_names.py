"""Protocol names: the APIs and protocols of other programs, which the setting PROTOCOLS switches on and off.

The settings and the registries (`api.registry`, `protocols.registry`) read this module: a new protocol is a
line here and an entry in its registry. The appliance's own API and pages are always served.
"""

PROTOCOL_NAMES: tuple[str, ...] = (
    "asr_webservice",
    "deepgram",
    "mcp",
    "openai",
    "openai_realtime",
    "vosk",
    "whisper_cpp",
)
