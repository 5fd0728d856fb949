"""The API of whisper-asr-webservice. `API` is what the registry lists."""

from whisper_appliance.api.asr_webservice import asr
from whisper_appliance.web.http_api import HttpApi

API = HttpApi("asr_webservice", ("/asr", "/detect-language"), asr.error_response, (asr.blueprint,))
