"""Base classes of the pydantic models of requests, responses and files.

There are more than two hundred. A start needs the validators of none of them, so each is built when it is
used first.
"""

from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, RootModel

Root = TypeVar("Root")


class Schema(BaseModel):
    """A model with fields."""

    model_config = ConfigDict(defer_build=True)


class RootSchema(RootModel[Root], Generic[Root]):
    """A model of one value, such as a dataclass."""

    model_config = ConfigDict(defer_build=True)
