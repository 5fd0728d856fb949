"""Deepgram's API for recordings; its live speech is in `protocols`. `API` is what the registry lists."""

from whisper_appliance.api.deepgram import listen
from whisper_appliance.web import deepgram_format
from whisper_appliance.web.http_api import HttpApi

API = HttpApi("deepgram", ("/v1/listen",), deepgram_format.error_response, (listen.blueprint,))
