"""A room's tables are known to the SQL of its own store alone: to rename a column is to change one file.

Two things are said here, each with its reason: which stores join tables of other rooms, and that `quality/verify`
has SQL of its own on all of them: it is to find what the stores do wrong, so it asks none of them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from tests.house import HUB, ROOMS, is_store

VERIFY = "quality/verify"
# A join of another room's rows that loading them apart would make many times slower. It only reads.
JOINS: dict[str, set[str]] = {
    "interactions/store": {"heir", "record"},
    "matching/store/heirs": {"record"},
    "matching/store/membership": {"record"},
    "matching/store/standardised": {"record"},
    "stewardship/act_store": {"change", "decision"},
    "stewardship/lookups": {"decision", "membership", "pair"},
    "stewardship/review_store": {"customer", "decision", "membership", "override", "pair", "record", "standardised"},
}
NAMED = re.compile(r'\b(FROM|JOIN|INTO|UPDATE)\s+"?([a-z_]+)\b(?!\()')
WRITES = ("INTO", "UPDATE")


@lru_cache(1)
def files() -> tuple[tuple[str, ast.Module], ...]:
    """Every file of the hub but the migrations, `matching/store/pairs` or of a package `matching/store`."""
    return tuple(
        (
            path.relative_to(HUB).with_suffix("").as_posix().removesuffix("/__init__"),
            ast.parse(path.read_text(encoding="utf-8")),
        )
        for path in sorted(HUB.rglob("*.py"))
        if "migrations" not in path.parts
    )


@lru_cache(1)
def tables() -> dict[str, str]:
    """Table -> the file that declares it."""
    return {
        statement.value.value: name
        for name, tree in files()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for statement in node.body
        if isinstance(statement, ast.AnnAssign) and ast.unparse(statement.target) == "__tablename__"
        if isinstance(statement.value, ast.Constant)
    }


def texts(tree: ast.Module) -> Iterator[str]:
    """Every text of a file, what is put into it as {}."""
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner:
            yield node.value


def named(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """(FROM, JOIN, INTO or UPDATE; table) of a file's SQL."""
    known = tables()
    for text in texts(tree):
        yield from ((verb, name) for verb, name in NAMED.findall(text) if name in known)


def room(name: str) -> str:
    return name.split("/")[0]


def test_a_table_stands_in_sql_of_its_rooms_store_alone() -> None:
    owner = tables()
    foreign = {
        name: strange
        for name, tree in files()
        if name != VERIFY
        if (strange := {t for _, t in named(tree) if room(owner[t]) != room(name)} - JOINS.get(name, set()))
    }
    assert foreign == {}, "ask the store of the room that owns the table"
    loose = {name for name, tree in files() if name != VERIFY and any(named(tree)) and not of_a_store(name)}
    assert loose == set(), "SQL stands in a file named store, or in a folder of that name"


def of_a_store(name: str) -> bool:
    """Named a store, or declaring a table itself."""
    return is_store(Path(name)) or name in tables().values() or name.endswith("lookups")


def test_another_rooms_tables_are_joined_where_it_is_said_and_never_written() -> None:
    owner = tables()
    for name, tree in files():
        used = {(verb, t) for verb, t in named(tree) if room(owner[t]) != room(name)}
        if name in JOINS:
            assert {t for _, t in used} == JOINS[name], f"{name}: what is joined no longer need not be said"
        assert not [t for verb, t in used if verb in WRITES], f"{name} writes a table of another room"
        later = [t for _, t in used if ROOMS.index(room(owner[t])) > ROOMS.index(room(name))]
        assert not later, f"{name} reads a table of a later room"


def test_verify_has_sql_of_its_own_and_says_so() -> None:
    tree = dict(files())[VERIFY]
    assert len({t for _, t in named(tree)}) > 5
    assert "SQL of its own" in (ast.get_docstring(tree) or "")


def test_rows_of_tables_are_used_in_their_own_room_alone() -> None:
    owner = {
        node.name: name
        for name, tree in files()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and any(k.arg == "table" for k in node.keywords)
    }
    used = {
        (name, alias.name)
        for name, tree in files()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name in owner and room(owner[alias.name]) != room(name)
    }
    assert used == set()
