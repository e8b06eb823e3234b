"""Classic situations in a fresh hub with the shipped weights, sent one by one, in every order: who is one customer."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
import yaml

from hub.db import Database
from hub.matching import store as matching_store
from hub.quality.verify import Verify
from hub.resolve.resolver import Resolver
from hub.settings import Access, Config, CustomerType, Source
from tests.conftest import empty

CONFIG = Path(__file__).parents[2] / "config" / "customers" / "person.yaml"
MAP = {
    "given_name": "first",
    "family_name": "last",
    "birth_date": "born",
    "email": "mail",
    "phone": "tel",
    "national_id": "number",
    "address": {"line1": "street", "postcode": "zip", "city": "town"},
}
SEE = {"street": "Am See 2", "zip": "20095", "town": "Hamburg"}
MARKT = {"street": "Am Markt 1", "zip": "10115", "town": "Berlin"}
RING = {"street": "Ringstraße 50", "zip": "80331", "town": "München"}


def config(folder: Path) -> Config:
    person = CustomerType.model_validate({**yaml.safe_load(CONFIG.read_text(encoding="utf-8")), "name": "person"})
    stream = {"customer": "person", "key": "id", "country": "DE", "verified": "all", "map": MAP}
    connector = {"kind": "file", "path": "."}
    shop = Source.model_validate({"name": "shop", "connector": connector, "streams": {"people": stream}})
    return Config(folder=folder, customers={"person": person}, sources={"shop": shop}, access=Access())


def who(first: str, last: str, born: str = "", mail: str = "", tel: str = "", **address: str) -> dict[str, str]:
    return {"first": first, "last": last, "born": born, "mail": mail, "tel": tel, **address}


NEIGHBOURS = [
    who("Tanja", "Ziegler", "1980-01-02", "p0@y.example", "030 5248351", **MARKT),
    who("Jürgen", "Müller", "1980-01-02", "p1@y.example", "030 1112223", **{**MARKT, "street": "Am Markt 2"}),
    who("Mohammed", "Al-Sayed", "1980-01-02", "p2@y.example", "030 9998887", **{**MARKT, "street": "Am Markt 3"}),
    who("Katarzyna", "Wójcik", "1980-01-02", "p3@y.example", "030 4445556", **{**MARKT, "street": "Am Markt 4"}),
    who("William", "O'Brien", "1980-01-02", "p4@y.example", "030 7776665", **{**MARKT, "street": "Am Markt 5"}),
]
HANS = {"tel": "040 112233", **SEE}
WORK = {"mail": "info@firma.example", "tel": "030 5248351"}

# name -> (rows, the rows that are one customer together; all others are alone, why)
SITUATIONS: dict[str, tuple[list[dict[str, str]], list[set[int]], str]] = {
    "five neighbours of one birth date": (NEIGHBOURS, [], "five names, telephones, houses and mailboxes"),
    "neighbours with like mailboxes": (
        [
            who("Anna", "Keller", "1980-01-02", "anna.k@y.example", "030 5248351", **MARKT),
            who("Erik", "Braun", "1980-01-02", "anne.k@y.example", "030 1112223", **{**MARKT, "street": "Am Markt 2"}),
        ],
        [],
        "both names are another",
    ),
    "mailboxes that a provider numbered": (
        [
            who("Anna", "Weber", mail="anna.weber1@y.example", tel="030 5248351"),
            who("Anna", "Weber", mail="anna.weber2@y.example", tel="0171 9998887"),
        ],
        [],
        "two people of one name got numbers",
    ),
    "colleagues at one reception": (
        [who("Sina", "Koch", **WORK), who("Nina", "Braun", **WORK)],
        [],
        "one letter in four makes another name",
    ),
    "sisters at one reception": ([who("Sina", "Koch", **WORK), who("Nina", "Koch", **WORK)], [], "another given name"),
    "twins": (
        [who("Anna", "Koch", "2001-05-06", tel="030 5248351", **MARKT), who("Eva", "Koch", "2001-05-06", tel="030 5248351", **MARKT)],
        [],
        "twins share all but their given names",
    ),
    "a couple": (
        [who("Peter", "Koch", mail="koch@x.example", tel="030 5248351", **MARKT), who("Eva", "Koch", mail="koch@x.example", tel="030 5248351", **MARKT)],
        [],
        "a couple shares mailbox, telephone and house",
    ),
    "father and son of one name": (
        [who("Hans", "Vogel", "1950-03-02", **HANS), who("Hans", "Vogel", "1981-07-19", **HANS)],
        [],
        "born thirty years apart",
    ),
    "father and son with one mailbox": (
        [who("Hans", "Vogel", "1950-03-02", "vogel@x.example"), who("Hans", "Vogel", "1981-07-19", "vogel@x.example")],
        [],
        "born thirty years apart",
    ),
    "moved": (
        [who("Ana", "Silva", "1980-02-29", "ana.silva@x.example", **MARKT), who("Ana", "Silva", "1980-02-29", "ana.silva@x.example", **RING)],
        [{0, 1}],
        "name, birth date and mailbox agree",
    ),
    "married": (
        [who("Ana", "Silva", "1980-02-29", "ana@x.example", "0171 9998887"), who("Ana", "Lehmann", "1980-02-29", "ana@x.example", "0171 9998887")],
        [{0, 1}],
        "birth date, mailbox and telephone agree",
    ),
    "nickname": (
        [who("Robert", "Lang", "1970-04-05", tel="0171 9998887"), who("Bob", "Lang", "1970-04-05", tel="0171 9998887")],
        [{0, 1}],
        "Bob is Robert",
    ),
    "a typing error": (
        [who("Johanna", "Schneider", "1970-04-05", "j.schneider@x.example"), who("Johana", "Schnieder", "1970-04-05", "j.schneider@x.example")],
        [{0, 1}],
        "a letter dropped, two swapped",
    ),
    "names swapped": (
        [who("Weber", "Thomas", "1970-04-05", tel="0171 9998887"), who("Thomas", "Weber", "1970-04-05", tel="0171 9998887")],
        [{0, 1}],
        "the columns were mixed up",
    ),
    "umlauts": (
        [who("Jürgen", "Müller", "1970-04-05", tel="0171 9998887"), who("Juergen", "Mueller", "1970-04-05", tel="0171 9998887")],
        [{0, 1}],
        "one name in two spellings",
    ),
}  # fmt: skip


def clusters(database: Database) -> set[frozenset[str]]:
    """Keys of the records of each customer."""
    with database.read() as connection:
        rids = dict(connection.exec_driver_sql("SELECT rid, key FROM record").fetchall())
        homes = matching_store.clusters_of(connection, rids)
    found: dict[int, set[str]] = {}
    for rid, name in homes.items():
        found.setdefault(name, set()).add(rids[rid])
    return {frozenset(keys) for keys in found.values()}


def send(database: Database, folder: Path, rows: list[dict[str, Any]], order: tuple[int, ...]) -> Resolver:
    resolver = Resolver(database, config(folder))
    for place in order:
        resolver.upsert("shop", "people", [{"id": str(place), **rows[place]}])
    return resolver


@pytest.mark.parametrize("name", SITUATIONS)
def test_a_classic_situation_comes_out_right_in_every_order(database: Database, tmp_path: Path, name: str) -> None:
    rows, together, why = SITUATIONS[name]
    alone = set(range(len(rows))) - {place for group in together for place in group}
    wanted = {frozenset(map(str, group)) for group in together} | {frozenset({str(place)}) for place in alone}
    for order in list(permutations(range(len(rows))))[:: max(1, len(rows) ** 2 // 2)]:
        empty(database)
        send(database, tmp_path, rows, order)
        assert clusters(database) == wanted, f"{why} (order {order})"


def test_a_third_record_does_not_join_what_two_refuse(database: Database, tmp_path: Path) -> None:
    """Namesakes born in 1950 and 1981 stay apart when a record without a birth date comes: it goes to one, or to review."""
    rows = [
        who("Hans", "Vogel", "1950-03-02", **HANS),
        who("Hans", "Vogel", "1981-07-19", **HANS),
        who("Hans", "Vogel", **HANS),
    ]
    answers = set()
    for order in permutations(range(3)):
        empty(database)
        resolver = send(database, tmp_path, rows, order)
        found = clusters(database)
        assert not any({"0", "1"} <= group for group in found), order
        answers.add(frozenset(found))
        assert not Verify(resolver).run().differences
    assert len(answers) == 1, "in any order the same"
