"""Base class of the sections of settings."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Some fields of `Settings` that belong together. `title` is shown above them in the admin panel."""

    model_config = ConfigDict(defer_build=True)

    title: ClassVar[str]
