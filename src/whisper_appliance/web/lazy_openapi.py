"""Routes that are documented when somebody reads the document: no start has to wait for all its schemas."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from flask_openapi3 import APIBlueprint, OpenAPI
from flask_openapi3.types import ParametersTuple
from flask_openapi3.utils import parse_parameters


class LazyBlueprint(APIBlueprint):
    """Routes whose parameters are checked as ever; `document` describes them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._undocumented: list[Callable[[], object]] = []

    def _collect_openapi_info(self, rule: str, func: Callable[..., Any], **facts: Any) -> ParametersTuple:
        self._undocumented.append(partial(super()._collect_openapi_info, rule, func, **facts))
        return parse_parameters(func, doc_ui=False)

    def document(self) -> None:
        """Describes the routes that have not been described yet."""
        while self._undocumented:
            self._undocumented.pop(0)()


class LazyOpenAPI(OpenAPI):
    """The web application; its document is made once, when it is first asked for."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._registered: list[LazyBlueprint] = []
        self._documenting = threading.Lock()

    def register_api(self, api: APIBlueprint, **options: Any) -> None:
        """Makes the routes of a blueprint part of the application."""
        super().register_api(api, **options)
        if isinstance(api, LazyBlueprint):
            self._registered.append(api)

    def generate_spec_json(self) -> None:
        """Makes the document of all that is registered."""
        with self._documenting:
            for api in self._registered:
                api.document()
                self.paths.update(api.paths)
                self.components_schemas.update(api.components_schemas)
            super().generate_spec_json()  # type: ignore[no-untyped-call] # the library says nothing of it
