"""What a tool is: its name, arguments and result, and the call of one with the arguments of a client."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from pydantic import ConfigDict, ValidationError

from whisper_appliance.accounts.identity import Actor
from whisper_appliance.core.errors import ApplianceError
from whisper_appliance.core.schema import Schema
from whisper_appliance.web.errors import invalid_input

JsonObject = dict[str, Any]


class Arguments(Schema):
    """The arguments of a tool."""

    model_config = ConfigDict(extra="forbid")


class ToolResult(Schema):
    """The result of a tool, as structured content."""

    def to_text(self) -> str:
        """The result for models that read text, with the second and the link of each passage."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Caller:
    """The user of the key, and how a tool holds one of the places for uploads."""

    actor: Actor
    upload_slot: Callable[[], AbstractContextManager[object]]


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool. `call` may raise any `ApplianceError`, which the model reads."""

    name: str
    title: str
    description: str
    arguments: type[Arguments]
    result: type[ToolResult]
    call: Callable[[Caller, Any], ToolResult]
    reads_only: bool = True

    def to_json(self) -> JsonObject:
        """The tool in the answer to `tools/list`."""
        return {
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "inputSchema": self.arguments.model_json_schema(),
            "outputSchema": self.result.model_json_schema(),
            "annotations": {
                "title": self.title,
                "readOnlyHint": self.reads_only,
                "destructiveHint": False,
                "openWorldHint": False,
            },
        }

    def run(self, caller: Caller, arguments: JsonObject) -> JsonObject:
        """The answer to `tools/call`; an error is a result too, so that the model reads it."""
        try:
            result = self.call(caller, self._validated(arguments))
        except ApplianceError as error:
            return {"content": [_text(error.message)], "isError": True}
        structured = result.model_dump(mode="json", exclude_none=True)
        return {"content": [_text(result.to_text())], "structuredContent": structured, "isError": False}

    def _validated(self, arguments: JsonObject) -> Arguments:
        try:
            return self.arguments.model_validate(arguments)
        except ValidationError as error:
            raise invalid_input(error) from None


def _text(text: str) -> JsonObject:
    return {"type": "text", "text": text}
