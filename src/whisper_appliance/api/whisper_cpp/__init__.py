"""The API of whisper.cpp's server. `API` is what the registry lists."""

from whisper_appliance.api.whisper_cpp import inference
from whisper_appliance.web.http_api import HttpApi

API = HttpApi("whisper_cpp", ("/inference", "/load"), inference.error_response, (inference.blueprint,))
