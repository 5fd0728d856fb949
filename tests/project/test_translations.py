"""Every text for people goes through the catalogue, and every language is complete."""

import ast
import importlib.util
import inspect
import io
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.support.syntax_trees import syntax_trees
from whisper_appliance.core import errors

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src/whisper_appliance"
TEMPLATES = PACKAGE / "pages/templates"
SCRIPTS = PACKAGE / "pages/static/js"
NAMES = re.compile(r"Whisper Appliance|HTTPS|API|CSV|Ctrl|SHA-256|JSON|whisper\.example\.org|org/name")
"""Words in templates that are the same in every language."""
SYSTEM_NAMES = ("Windows (Edge, Chrome)", "macOS (Safari, Chrome)")
JINJA = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
BODY_ATTRIBUTES = re.compile(r"\{% block body_attributes %\}.*?\{% endblock %\}")
READ_ATTRIBUTES = re.compile(r'(?<![\w-])(?:title|aria-label|placeholder|alt)="([^"{]*)"')
PLACEHOLDER = re.compile(r"\{(\w*)[^}]*\}")
TAG = re.compile(r"</?\w+")
TRANSLATED = re.compile(r"""_[hn]?\(\s*("[^"]*"|'[^']*')(?:,\s*("[^"]*"|'[^']*'))?""")
ARGUMENT = re.compile(r""""([A-Z][^"]* [^"]*)"|'([A-Z][^']* [^']*)'""")
"""A literal of several words in an expression, such as an argument of a macro."""
FILLED_IN = re.compile(r"\$\{[^}]*\}")
SHOWN = re.compile(
    r"""(?:textContent|title|ariaLabel|placeholder|innerText)\s*=\s*["'`]([^"'`]*)["'`]"""
    r"""|setAttribute\(\s*["'](?:title|aria-label|placeholder)["']\s*,\s*["'`]([^"'`]*)["'`]"""
    r"""|(?:toast|announce|showToast)\(\s*["'`]([^"'`]*)["'`]"""
)


@pytest.fixture(scope="module")
def messages() -> ModuleType:
    """The script that keeps the catalogues."""
    spec = importlib.util.spec_from_file_location("messages", ROOT / "scripts/messages.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def catalogues(messages: ModuleType) -> dict[str, list[Any]]:
    """The messages of each language."""
    return {language: list(messages.read(language)) for language in messages.languages()}


def test_the_catalogues_hold_exactly_the_messages_of_the_code(
    messages: ModuleType, catalogues: dict[str, list[Any]]
) -> None:
    """When this fails: .venv/bin/python scripts/messages.py extract, then translate what is new."""
    wanted = {message.id for message in messages.extracted()}
    for language, stored in catalogues.items():
        assert {message.id for message in stored} == wanted, language


def test_every_message_is_translated_into_every_language(
    messages: ModuleType, catalogues: dict[str, list[Any]]
) -> None:
    assert list(catalogues) == ["de"]
    missing = [
        message.id
        for stored in catalogues.values()
        for message in stored
        if message.id and not messages.message_is_translated(message)
    ]
    assert missing == []


def test_translations_have_the_placeholders_and_tags_of_the_message(
    catalogues: dict[str, list[Any]],
) -> None:
    wrong = []
    for stored in catalogues.values():
        for message in stored:
            if not message.id:  # the header
                continue
            originals = message.id if isinstance(message.id, tuple) else (message.id,)
            translations = message.string if isinstance(message.string, tuple) else (message.string,)
            for translation in translations:
                for kind in (PLACEHOLDER, TAG):
                    if sorted(set(kind.findall(originals[-1]))) != sorted(set(kind.findall(translation))):
                        wrong.append((message.id, translation))
    assert wrong == []


@pytest.mark.parametrize("path", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: path.name)
def test_no_text_of_a_template_bypasses_the_catalogue(path: Path) -> None:
    text = JINJA.sub(" ", BODY_ATTRIBUTES.sub("", path.read_text()))
    attributes = [value for value in READ_ATTRIBUTES.findall(text) if words_in(value)]
    nodes = [node.strip() for node in re.split(r"<[^>]+>", text) if words_in(node)]
    assert [*attributes, *nodes] == []


@pytest.mark.parametrize("path", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: path.name)
def test_no_argument_of_a_macro_bypasses_the_catalogue(path: Path) -> None:
    expressions = "\n".join(TRANSLATED.sub("", each) for each in JINJA.findall(path.read_text()))
    found = [double or single for double, single in ARGUMENT.findall(expressions)]
    assert [text for text in found if text not in SYSTEM_NAMES] == []


def test_messages_of_a_script_are_found_wherever_they_stand(messages: ModuleType) -> None:
    script = b"""f(`${n} ${t("on disk")}`, t("at most {n}", { n: tn("{count} day", "{count} days", n) }))"""
    assert [(name, texts) for _, name, texts, _ in messages.script_messages(io.BytesIO(script))] == [
        ("t", ("on disk",)),
        ("t", ("at most {n}",)),
        ("tn", ("{count} day", "{count} days")),
    ]


def words_in(text: str) -> bool:
    return re.search(r"[^\W\d_]{2,}", NAMES.sub("", text).replace("doctype html", "")) is not None


def test_no_message_of_an_error_is_put_together_before_it_is_translated() -> None:
    found = [
        f"{path}:{call.lineno}"
        for path, tree in syntax_trees().items()
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and call.args and isinstance(call.args[0], ast.JoinedStr | ast.BinOp)
        if is_error(call.func)
    ]
    assert found == []


def is_error(function: ast.expr) -> bool:
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return inspect.isclass(getattr(errors, name, None))


@pytest.mark.parametrize("path", sorted(SCRIPTS.rglob("*.js")), ids=lambda path: path.name)
def test_no_text_of_a_script_bypasses_the_catalogue(path: Path) -> None:
    assert [text for text in shown_texts(path.read_text()) if words_in(text)] == []


def shown_texts(source: str) -> Iterator[str]:
    """Literals that a script shows as they are."""
    for match in SHOWN.finditer(source):
        yield FILLED_IN.sub("", next(group for group in match.groups() if group is not None))
