"""The Model Context Protocol: tools that search and read transcripts. `API` is what the registry lists."""

from whisper_appliance.api.mcp import endpoint
from whisper_appliance.api.mcp.json_rpc import error_response
from whisper_appliance.web.http_api import HttpApi

API = HttpApi("mcp", ("/mcp",), error_response, (endpoint.blueprint,))
