"""Names of the package: the terms of the field, one meaning each."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.support.syntax_trees import is_migration, syntax_trees

BANNED = frozenset(
    re.findall(
        r"\w+",
        """
        ask asked asking asks bulletin bulletins crew crews door doors errand errands glance glances hear
        heard hearing hearings hears heart hearts helper helpers house houses know knowing known knows look
        looked looking looks misc road roads said say saying says shelf shelves tell telling tells thing
        things told utils whatever whoever
        """,
    )
)
BUILTINS = frozenset(
    re.findall(r"\w+", "all any dir filter hash id iter list map max min object sum type vars")
)
FIELDS_OF_THE_API = frozenset({"errand", "heard_seconds", "known_speaker_names", "known_speaker_references"})
"""Clients read them, so they stay as they were named once."""
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


@cache
def modules() -> dict[str, ast.Module]:
    """The source of the package by its path."""
    return {str(path): tree for path, tree in syntax_trees().items() if not is_migration(path)}


@cache
def words_of(name: str) -> frozenset[str]:
    """The words of a name in snake_case or CamelCase: "heartbeat" is one."""
    return frozenset(word.lower() for word in WORD.findall(name))


def names_of(tree: ast.Module) -> Iterator[str]:
    """The names of classes, functions, methods, parameters, fields and constants."""
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(name=name):
                yield name
                yield from fields_of(node)
            case ast.FunctionDef(name=name, args=args) | ast.AsyncFunctionDef(name=name, args=args):
                yield name
                yield from (each.arg for each in (*args.posonlyargs, *args.args, *args.kwonlyargs))
    yield from constants_of(tree)


def fields_of(node: ast.ClassDef) -> Iterator[str]:
    """The fields of a class, and what its methods set on themselves."""
    for inner in ast.walk(node):
        match inner:
            case ast.AnnAssign(target=ast.Name(id=name)) if inner in node.body:
                yield name
            case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                yield name


def constants_of(tree: ast.Module) -> Iterator[str]:
    """The names that a module assigns."""
    for node in tree.body:
        for target in getattr(node, "targets", [getattr(node, "target", None)]):
            if isinstance(target, ast.Name):
                yield target.id


def is_property(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    """Whether it is read as a field, such as `session.id`."""
    return any(isinstance(each, ast.Name) and each.id == "property" for each in node.decorator_list)


def test_names_are_terms_of_the_field() -> None:
    found = {
        f"{path}: {name}"
        for path, tree in modules().items()
        for name in (*names_of(tree), *Path(path).with_suffix("").parts)
        if words_of(name) & BANNED and name not in FIELDS_OF_THE_API
    }
    assert sorted(found) == []


def test_a_word_inside_another_word_is_not_banned() -> None:
    assert words_of("write_heartbeat") == {"write", "heartbeat"}
    assert words_of("HTTPServerError2") == {"http", "server", "error", "2"}


def test_a_class_name_means_one_class() -> None:
    """The client is a program of its own: what it returns has the names of the server's classes."""
    places = defaultdict(list)
    for path, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[path.startswith("client/"), node.name].append(path)
    assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}


def test_no_function_has_the_name_of_a_builtin() -> None:
    found = {
        f"{path}: {node.name}"
        for path, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and node.name in BUILTINS
        and not is_property(node)
    }
    assert sorted(found) == []
