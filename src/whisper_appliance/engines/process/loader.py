"""The function that loads the model in a process of its own: an argument of the process, never a message."""

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar

Loader = TypeVar("Loader", bound=Callable[..., Any])


def loader_name(load: Callable[..., Any] | None) -> str:
    """The argument for this function, such as "module:function"; empty for None.

    Raises `ValueError` for a function that cannot be imported.
    """
    if load is None:
        return ""
    module, name = getattr(load, "__module__", ""), getattr(load, "__qualname__", repr(load))
    if getattr(sys.modules.get(module), name, None) is not load:
        raise ValueError(f"The process cannot import {name}, because it is no function of a module.")
    return f"{module}:{name}"


def given_loader(default: Loader) -> Loader:
    """In the process: the function that its third argument names, or the default if that is empty."""
    module, _, name = sys.argv[3].partition(":")
    given: Loader = getattr(import_module(module), name) if module else default
    return given
