"""The registry of HTTP APIs of other programs: a new one is a package beside this one, and a line below."""

from whisper_appliance.api import asr_webservice, deepgram, mcp, openai, whisper_cpp
from whisper_appliance.web.http_api import HttpApi

APIS: tuple[HttpApi, ...] = (
    openai.API,
    openai.REALTIME_API,
    asr_webservice.API,
    whisper_cpp.API,
    deepgram.API,
    mcp.API,
)
