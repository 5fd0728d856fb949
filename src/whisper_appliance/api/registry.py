"""The registry of HTTP APIs of other programs: a new one is a package beside this module and a line below."""

from whisper_appliance.api import openai
from whisper_appliance.web.http_api import HttpApi

APIS: tuple[HttpApi, ...] = (openai.API,)
