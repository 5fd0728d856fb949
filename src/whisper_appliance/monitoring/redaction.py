"""Takes out of texts what nobody else should read: secrets, names, what people call their things."""

import re
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

SHORTEST_SECRET = 6
SHORTEST_NAME = 3
KEPT = (
    "timestamp", "level", "logger", "request_id", "job_id", "session", "method", "route", "code", "status",
    "milliseconds", "seconds", "kind", "model", "chore", "where", "setting", "bytes",
)  # fmt: skip
"""What of a log line stays as it is: values of the appliance's own making."""

QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|“[^”]*”|‘[^’]*’|`[^`]*`")
ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://[^\s,;)]+", re.IGNORECASE)
MAIL = re.compile(r"[^\s<>@]+@[^\s<>@]+\.[^\s<>@]+")
KIND = re.compile(r"([A-Za-z_][\w.]{0,60}): ")
PLAIN = re.compile(r"[\w./:<>-]{1,23}|/?[\w.<>-]{1,23}(?:[/:][\w.<>-]{1,23})+(?: in [\w<>]{1,40})?")
TOKEN = re.compile(r"(?<![\w-])[\w-]{24,}(?![\w-])")


class Scrubber:
    """Knows the secrets of this appliance, and the names in it."""

    def __init__(self, secrets: Iterable[str], names: Iterable[str] = ()) -> None:
        """`names` are titles, file names, people; of all those only what occurs matters."""
        self._secrets = _longest_first(secrets, SHORTEST_SECRET)
        self._names = _longest_first(names, SHORTEST_NAME)

    def without_secrets(self, text: str) -> str:
        """For files of the appliance's own making."""
        for secret in self._secrets:
            text = text.replace(secret, "[secret]")
        return ADDRESS.sub(_bare, text)

    def sentence(self, text: str) -> str:
        """For what was said freely: also without quotations, addresses, tokens, and names of things."""
        text = self.without_secrets(text)
        for pattern, instead in ((QUOTED, "[quoted]"), (MAIL, "[mail]"), (TOKEN, "[token]")):
            text = pattern.sub(instead, text)
        folded = text.casefold()
        for name in self._names:
            if name.casefold() in folded:
                text = re.sub(re.escape(name), "[name]", text, flags=re.IGNORECASE)
                folded = text.casefold()
        return text

    def line(self, values: Mapping[str, object], template: str) -> dict[str, object]:
        """One log line: the event as its program wrote it, what is known to be harmless, a kind of error."""
        kept = {name: values[name] for name in KEPT if name in values}
        kept = {name: self._harmless(value) for name, value in kept.items()}
        kept["event"] = self.sentence(template)
        if "reason" in values:
            kept["reason"] = self.sentence(str(values["reason"]))
        if "error" in values:
            kind = KIND.match(str(values["error"]))
            kept["error"] = kind[1] if kind else "[error]"
        return kept

    def _harmless(self, value: object) -> object:
        if not isinstance(value, str):
            return value if isinstance(value, int | float) else None
        return value if PLAIN.fullmatch(value) and value not in self._secrets else "[text]"


def _longest_first(texts: Iterable[str], shortest: int) -> list[str]:
    return sorted({each for each in texts if len(each) >= shortest}, key=len, reverse=True)


def _bare(found: "re.Match[str]") -> str:
    """An address without who asks, and without what is asked there."""
    try:
        parts = urlsplit(found[0])
        host, port = parts.hostname or "", f":{parts.port}" if parts.port else ""
    except ValueError:
        return "[address]"
    return f"{parts.scheme}://{host}{port}"
