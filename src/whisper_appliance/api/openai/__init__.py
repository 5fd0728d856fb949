"""OpenAI's audio API, to the letter of its official client. The registry lists what is here in capitals."""

from whisper_appliance.api.openai import audio, errors, models
from whisper_appliance.web.http_api import HttpApi

API = HttpApi("openai", ("/v1",), errors.error_response, (audio.blueprint, models.blueprint))
REALTIME_API = HttpApi("openai_realtime", ("/v1/realtime",), errors.error_response)
"""The errors of the realtime API, whose routes are in `protocols`; it is switched on and off by itself."""
