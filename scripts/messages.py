"""The translation catalogues: `extract` updates the .po files from the code, `compile` makes what is served.

    .venv/bin/python scripts/messages.py extract    after a text for people was added or changed
    .venv/bin/python scripts/messages.py compile    part of set-up and of the wheel's build

English texts are the message ids. Python (`_`, `N_`, errors), templates (`_`, `_h`, `_n`) and scripts (`t`,
`tn`) share one catalogue; the scripts get their part of it as a script.
"""

import ast
import inspect
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src/whisper_appliance"
LOCALES = PACKAGE / "locales"
SCRIPT_CATALOGUES = PACKAGE / "pages/static/locales"
STRING = r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
CALL = re.compile(rf"\b(tn?)\(\s*{STRING}(?:,\s*{STRING})?")
"""A call in a script, with its first arguments as far as they are strings."""


def script_messages(
    file: BinaryIO, *_: object, **__: object
) -> Iterator[tuple[int, str, tuple[str, ...], list[str]]]:
    """The messages of a script. Babel's extractor misses calls in calls, and calls in template literals."""
    for name, *strings in CALL.findall(file.read().decode("utf-8")):
        yield 0, name, tuple(ast.literal_eval(each) for each in strings if each), []


METHODS: list[tuple[str, Any]] = [
    ("locales/**", "ignore"),
    ("pages/static/vendor/**", "ignore"),
    ("pages/static/js/**.js", script_messages),
    ("pages/templates/**.html", "jinja2"),
    ("pages/swagger/**.html", "jinja2"),
    ("**.py", "python"),
]
Keywords = dict[str, tuple[int, ...] | None]


def keywords() -> Keywords:
    """The functions and classes whose arguments are messages, with the positions of those arguments."""
    sys.path.insert(0, str(ROOT / "src"))
    from whisper_appliance.core import errors

    found: Keywords = {
        "_": None, "_h": None, "N_": None, "t": None, "translate": None,
        "_n": (1, 2), "tn": (1, 2), "translate_plural": (1, 2),
        "Reason": (2,), "Notice": (2,),
    }  # fmt: skip
    found |= {
        name: None
        for name, value in inspect.getmembers(errors, inspect.isclass)
        if value.__module__ == errors.__name__
    }
    return found


def extracted() -> Catalog:
    """All messages of the code, each with the files it stands in."""
    catalog = Catalog(project="Whisper Appliance", charset="utf-8")
    options = {"**.html": {"trimmed": "true", "silent": "false"}}
    for name, line, message, comments, context in extract_from_dir(
        PACKAGE,
        METHODS,
        options,
        keywords=keywords(),
        comment_tags=("Translators:",),
        strip_comment_tags=True,
    ):
        del line  # a catalogue with line numbers changes with every edit
        catalog.add(message, None, [(f"{name}", 0)], auto_comments=comments, context=context)
    for file, text in declared_texts():
        catalog.add(text, None, [(file, 0)])
    return catalog


def declared_texts() -> Iterator[tuple[str, str]]:
    """Texts that stand in declarations: help and sections of settings, descriptions of models."""
    from whisper_appliance.config.settings import Settings, section_of
    from whisper_appliance.models.catalog import catalog

    for name, field in Settings.model_fields.items():
        yield "config/settings", field.description or ""
        yield "config/settings", section_of(name)
    for model in catalog().values():
        yield "models/catalog.toml", model.description


def languages() -> Iterator[str]:
    """The languages with a catalogue."""
    for path in sorted(LOCALES.glob("*/LC_MESSAGES/messages.po")):
        yield path.parent.parent.name


def po_file(language: str) -> Path:
    """The catalogue of a language."""
    return LOCALES / language / "LC_MESSAGES/messages.po"


def read(language: str) -> Catalog:
    """The catalogue of a language; an empty one if it has none yet."""
    path = po_file(language)
    if not path.exists():
        return Catalog(language, project="Whisper Appliance", charset="utf-8")
    with path.open("rb") as file:
        return read_po(file, language)


def updated(language: str) -> Catalog:
    """The catalogue of a language with exactly the messages of the code; known translations stay."""
    catalog = read(language)
    catalog.update(extracted(), no_fuzzy_matching=True, update_creation_date=False)
    catalog.obsolete.clear()
    return catalog


def write(language: str, catalog: Catalog) -> None:
    """Writes a catalogue, ordered by message, so that two changes rarely touch the same lines."""
    path = po_file(language)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, catalog, sort_output=True, omit_header=False, include_lineno=False, width=110)


def compile_language(language: str) -> None:
    """Writes the .mo file for Python, and the script that sets `catalogue` for the scripts of the pages."""
    catalog = read(language)
    with po_file(language).with_suffix(".mo").open("wb") as file:
        write_mo(file, catalog)
    texts = {}
    for message in catalog:
        if message.id and message.string and any(name.endswith(".js") for name, _line in message.locations):
            key = message.id[0] if isinstance(message.id, tuple) else message.id
            texts[key] = list(message.string) if isinstance(message.string, tuple) else message.string
    SCRIPT_CATALOGUES.mkdir(parents=True, exist_ok=True)
    target = SCRIPT_CATALOGUES / f"{language}.js"
    content = json.dumps(texts, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    target.write_text(f"globalThis.catalogue={content};\n", encoding="utf-8")


def main() -> None:
    """Runs the command of the command line."""
    match sys.argv[1:]:
        case ["extract"]:
            for language in languages():
                catalog = updated(language)
                write(language, catalog)
                missing = sum(1 for message in catalog if message.id and not message_is_translated(message))
                print(f"{language}: {len(catalog)} messages, {missing} without a translation")
        case ["compile"]:
            for language in languages():
                compile_language(language)
        case _:
            raise SystemExit(__doc__)


def message_is_translated(message: object) -> bool:
    """Whether every form of a message has a translation."""
    string = message.string  # type: ignore[attr-defined] # Babel's Message
    return all(string) if isinstance(string, (tuple, list)) else bool(string)


if __name__ == "__main__":
    main()
