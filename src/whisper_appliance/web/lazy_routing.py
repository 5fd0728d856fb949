"""URL rules that start fast: the code that builds their URLs is compiled when the first one is built."""

from collections.abc import Callable
from typing import Any

from werkzeug.routing import Rule

BuildUrl = Callable[..., tuple[str, str]]


class LazyRule(Rule):
    """A rule for requests. Werkzeug compiles two functions for each rule, and few of them are ever called."""

    def _compile_builder(self, append_unknown: bool = True) -> BuildUrl:
        attribute = "_build_unknown" if append_unknown else "_build"
        compile_now = super()._compile_builder

        def build(rule: Rule, /, **values: Any) -> tuple[str, str]:
            bound: BuildUrl = compile_now(append_unknown).__get__(rule, None)
            setattr(rule, attribute, bound)
            return bound(**values)

        return build
