"""Redaction: removes secrets, personal names and quotations from texts and log lines."""

import re
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

SHORTEST_SECRET = 6
SHORTEST_NAME = 3
KEPT = (
    "timestamp", "level", "logger", "request_id", "job_id", "session", "method", "route", "code", "status",
    "milliseconds", "seconds", "kind", "model", "task", "where", "setting", "bytes",
)  # fmt: skip
"""Fields of a log line that stay as they are, because the appliance makes their values."""

QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|“[^”]*”|‘[^’]*’|`[^`]*`")
ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://[^\s,;)]+", re.IGNORECASE)
MAIL = re.compile(r"[^\s<>@]+@[^\s<>@]+\.[^\s<>@]+")
KIND = re.compile(r"([A-Za-z_][\w.]{0,60}): ")
PLAIN = re.compile(r"[\w./:<>-]{1,23}|/?[\w.<>-]{1,23}(?:[/:][\w.<>-]{1,23})+(?: in [\w<>]{1,40})?")
TOKEN = re.compile(r"(?<![\w-])[\w-]{24,}(?![\w-])")


class Redactor:
    """Redacts texts with the secrets and the personal names of one appliance."""

    def __init__(self, secrets: Iterable[str], names: Iterable[str] = ()) -> None:
        """`names` are titles, file names and names of people."""
        self._secrets = _longest_first(secrets, SHORTEST_SECRET)
        self._names = _longest_first(names, SHORTEST_NAME)

    def redact_secrets(self, text: str) -> str:
        """Removes secrets and the credentials in URLs, for texts that the appliance makes."""
        for secret in self._secrets:
            text = text.replace(secret, "[secret]")
        return ADDRESS.sub(_bare, text)

    def redact_text(self, text: str) -> str:
        """Removes quotations, mail addresses, tokens and personal names as well, for free text."""
        text = self.redact_secrets(text)
        for pattern, instead in ((QUOTED, "[quoted]"), (MAIL, "[mail]"), (TOKEN, "[token]")):
            text = pattern.sub(instead, text)
        folded = text.casefold()
        for name in self._names:
            if name.casefold() in folded:
                text = re.sub(re.escape(name), "[name]", text, flags=re.IGNORECASE)
                folded = text.casefold()
        return text

    def redact_line(self, values: Mapping[str, object], template: str) -> dict[str, object]:
        """Redacts one log line: keeps its event, the fields in `KEPT`, and the class of its error."""
        kept = {name: values[name] for name in KEPT if name in values}
        kept = {name: self._harmless(value) for name, value in kept.items()}
        kept["event"] = self.redact_text(template)
        if "reason" in values:
            kept["reason"] = self.redact_text(str(values["reason"]))
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
    """A URL without credentials, path and query."""
    try:
        parts = urlsplit(found[0])
        host, port = parts.hostname or "", f":{parts.port}" if parts.port else ""
    except ValueError:
        return "[address]"
    return f"{parts.scheme}://{host}{port}"
