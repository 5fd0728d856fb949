"""A lazy OpenAPI document: built on its first request, because building all schemas delays the start."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from flask_openapi3 import APIBlueprint, OpenAPI
from flask_openapi3.types import ParametersTuple
from flask_openapi3.utils import parse_parameters

from whisper_appliance.web.lazy_routing import LazyRule


class LazyBlueprint(APIBlueprint):
    """A blueprint that validates parameters at once, and documents its routes on `document`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._undocumented: list[Callable[[], object]] = []

    def _collect_openapi_info(
        self, rule: str, func: Callable[..., Any], **openapi_options: Any
    ) -> ParametersTuple:
        self._undocumented.append(partial(super()._collect_openapi_info, rule, func, **openapi_options))
        return parse_parameters(func, doc_ui=False)

    def document(self) -> None:
        """Documents the routes that are not documented yet."""
        while self._undocumented:
            self._undocumented.pop(0)()


class LazyOpenAPI(OpenAPI):
    """The web application; its document is built once, on the first request for it."""

    url_rule_class = LazyRule

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._registered: list[LazyBlueprint] = []
        self._documenting = threading.Lock()

    def register_api(self, api: APIBlueprint, **options: Any) -> None:
        """Registers a blueprint."""
        super().register_api(api, **options)
        if isinstance(api, LazyBlueprint):
            self._registered.append(api)

    def generate_spec_json(self) -> None:
        """Builds the document of all registered blueprints."""
        with self._documenting:
            for api in self._registered:
                api.document()
                for path, item in api.paths.items():  # blueprints may share a path
                    known = self.paths.get(path)
                    operations = {name: getattr(item, name) for name in item.model_fields_set}
                    self.paths[path] = known.model_copy(update=operations) if known else item
                self.components_schemas.update(api.components_schemas)
            super().generate_spec_json()  # type: ignore[no-untyped-call] # the library has no types for it
