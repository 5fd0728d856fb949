"""Translates lines in a process of its own, which ends with them, so that no memory stays."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

from whisper_appliance.core.errors import EngineFailed
from whisper_appliance.core.i18n import N_
from whisper_appliance.engines.process.conversation import Conversation, Service, conversation
from whisper_appliance.translation.contract import Translator, TranslatorSpec
from whisper_appliance.translation.registry import check_offered

SERVICE = Service(
    "whisper_appliance.translation.process.start",
    failed=N_("The process that translates failed: {reason}."),
    silent=N_("The process that translates does not answer."),
)
BATCH_CHARS = 2_000
"""Lines are sent until they have so many characters, so that progress goes on every few seconds."""
MAX_GROWTH = 20
"""A translation that is this much longer than its line, and more, is no translation."""
FREE_CHARS = 1_000

Load = Callable[[TranslatorSpec], Translator]


def translate(
    lines: Sequence[str],
    spec: TranslatorSpec,
    *,
    on_progress: Callable[[float], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
    load: Load | None = None,
) -> list[str]:
    """As many lines in the other language; `on_progress` gets how much of them is done, from 0 to 1.

    `load` makes the translator inside the process; a module's function, because it is imported there.
    Raises `Cancelled`, `ModelUnavailable`, `Unavailable` if the process was killed, `EngineFailed`.
    """
    if load is None:
        check_offered(spec)
    service = replace(SERVICE, max_memory_bytes=spec.max_memory_bytes)
    made: list[str] = []
    with conversation(service, spec.folder or Path(__file__), spec, load, cancelled) as child:
        child.answer()
        for batch in _batches(lines):
            child.send(batch)
            made += _answered(child, batch)
            on_progress(len(made) / len(lines))
        child.send(None)
    return made


def _batches(lines: Sequence[str]) -> list[list[str]]:
    batches: dict[int, list[str]] = {}
    before = accumulate((len(line) for line in lines), initial=0)
    for line, start in zip(lines, before, strict=False):
        batches.setdefault(start // BATCH_CHARS, []).append(line)
    return list(batches.values())


def _answered(child: Conversation, batch: list[str]) -> list[str]:
    lines = child.answer().get("lines")
    if not isinstance(lines, list) or len(lines) != len(batch):
        raise EngineFailed("The process that translates sent another number of lines.")
    for line, original in zip(lines, batch, strict=True):
        if not isinstance(line, str) or len(line) > FREE_CHARS + MAX_GROWTH * len(original):
            raise EngineFailed("The process that translates sent something that is no translation.")
    return [" ".join(line.split()) for line in lines]
