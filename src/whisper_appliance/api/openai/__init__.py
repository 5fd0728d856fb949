"""OpenAI's audio API, to the letter of its official client. `API` is what the registry lists."""

from whisper_appliance.api.openai import audio, errors, models
from whisper_appliance.web.http_api import HttpApi

API = HttpApi("openai", ("/v1",), errors.error_response, (audio.blueprint, models.blueprint))
