"""Non-interference, generated: every route x every role x what that role may not see.

Two hubs differ in nothing but the attributes and types that a role does not see (all of them at once) and the customers
outside its rows. It asks both for everything that the API's own description names; bytes, status and headers must be the same. A new
route, parameter, role, type or attribute is covered by itself; a kind or a parameter that nobody gave a sample is a failure.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from hub.access.authentication.principals import Principal
from hub.access.export import export_rows
from hub.access.policy.view import View
from hub.api.fresh import POSITION
from hub.app import create_app
from hub.consents.statement import OBJECTED, RESTRICTED, ConsentSaid
from hub.landing import store as landing
from hub.model import RecordId, Sight
from hub.open import Hub
from hub.settings import Attribute, Config, load
from tests.access.population import CONFIG, ROLES, START, TestClock, new_database, open_hub, repeatable_ids
from tests.access.population import key_for as fresh_key
from tests.api.test_non_interference import partitions

HOUR = 3_600_000_000
STREAMED = {"/v1/changes/events"}  # never end: what they tell is what /v1/changes tells
PUBLIC = ("/docs", "/docs/{asset}", "/openapi.json", "/healthz", "/readyz")
KIND_SAMPLES: dict[str, tuple[str, ...]] = {
    "given_name": ("Zwenibald", "Quirinella", "Ottokar", "Hjalmar", "Balduine"),
    "family_name": ("Xylander", "Yggdrasil", "Pfefferkorn", "Klabauter", "Wimpernacht"),
    "person_name": ("Oda Wimper", "Ulf Klabund", "Eva Zinnober", "Pia Knospe", "Jan Quast"),
    "name_suffix": ("Jr", "III", "Sr", "II", "IV"),
    "company_name": ("Klabauter Werft", "Zinnober Farben", "Wimpern und Co", "Quast Besen", "Knospe Garten"),
    "email": ("qa@x.example", "wb@y.example", "ec@z.example", "rd@u.example", "tf@v.example"),
    "phone": ("+49301111234", "+49302222345", "+49303333456", "+49304444567", "+49305555678"),
    "birth_date": ("1931-01-02", "1947-08-09", "1963-11-12", "1975-04-23", "1989-06-30"),
    "date": ("2001-02-03", "2004-05-06", "2007-08-09", "2010-11-12", "2013-12-30"),
    "identifier": ("QX1001", "WY2772", "EZ3553", "RU4884", "TV5665"),
    "domain": ("klabauter.example", "zinnober.example", "wimpern.example", "quast.example", "knospe.example"),
    "category": ("qualm", "dunst", "nebel", "rauch", "dampf"), "consent": ("yes", "no", "yes", "no", "yes"),
    "number": ("11", "22", "33", "44", "55"), "text": ("ein Satz", "zwei", "drei", "vier", "fuenf"),
    "money": ("12.50 EUR", "99.10 EUR", "7 EUR", "8 EUR", "9 EUR"), "duration": ("5 min", "9 min", "13 min", "14 min", "15 min"),
    "moment": tuple(f"2026-0{n}-02T03:04:05Z" for n in range(1, 6)), "count": ("3", "8", "13", "21", "34"),
    "choice": (), "reference": ("R-1", "R-2", "R-3", "R-4", "R-5"),
}  # fmt: skip
PARTS: dict[str, tuple[str, ...]] = {
    "line1": ("Am Tor 1", "Im Hof 22", "Zum See 333", "Auf der Hut 44", "Beim Wirt 5"), "line2": ("",) * 5,
    "postcode": ("10115", "20095", "80331", "30159", "50667"), "city": ("Lisboa", "Lisboa", "Lisboa", "Porto", "Porto"),
    "region": ("",) * 5, "country": ("PT",) * 5,
}  # fmt: skip
A, B, B_HIDDEN, C, C_OUTSIDE = range(5)  # whose values these are
# What parameters are asked with. {id} of a customer, {hidden} an attribute that the role does not see, {word} one of its values.
PARAMETERS: dict[str, tuple[str, ...]] = {
    "portable": ("true",),
    "q": ("{word}", "Zwenibald", "Xylandre", "lisboa", "1234", "x@x"), "in": ("{hidden}", "unheard_of"), "type": ("person", "organisation", "unheard_of"),
    "limit": ("1",), "cursor": ("AAAA",), "lineage": ("true",), "as_of": ("2027-01-15T09:30:00Z",), "known_at": ("2027-01-15T09:30:00Z",),
    "customer": ("{id}",), "source": ("crm", "billing"), "stream": ("people", "customers"), "key": ("a", "b", "c"),
    "since": ("2026-01-01T00:00:00Z",), "until": ("2027-01-01T00:00:00Z",), "kind": ("unheard_of",), "mine": ("true",), "wait": ("0",),
    "status": ("unheard_of",),
    "before": ("5",), "reason": ("no more",), "everywhere": ("true",), "version": ("9",),
    "channel": ("phone", "unheard_of"), "state": ("x",), "code": ("x",), "to": ("/", "//x"), "along": ("parent", "unheard_of"), "why": ("unowned", "unheard_of"),
    "list": ("prospects", "move", "complaints", "unheard_of"), "done": ("true",), "topic": ("complaint", "unheard_of"), "measure": ("contacts", "unheard_of"), "by": ("hour", "month"),
    "purpose": ("marketing", "unheard_of"), "everything": ("true",),
}  # fmt: skip


def sample(name: str, given: Attribute, which: int) -> str:
    """A value of an attribute: one of five. Attributes of one kind have different ones."""
    if given.kind == "choice":
        return given.options[which % len(given.options)]
    found = KIND_SAMPLES[given.kind][which]
    return f"{name[0]}{found}" if given.kind in ("identifier", "email", "reference", "domain") else found


def row(attributes: Mapping[str, Attribute], which: Mapping[str, int], default: int) -> dict[str, str]:
    """A row of every attribute that there is."""
    made: dict[str, str] = {}
    for name, given in attributes.items():
        n = which.get(name, default)
        if given.kind == "postal_address":
            made |= {f"{name}_{part}": values[n] for part, values in PARTS.items()}
        else:
            made[name] = sample(name, given, n)
    return made


def write_config(folder: Path) -> Config:
    """The shipped types and roles, some more roles, and a source that has every attribute of every type."""
    folder.mkdir()
    for name in (
        "customers",
        "interactions",
        "relations",
        "lists",
        "guidance",
        "processes",
        "figures.yaml",
        "purposes.yaml",
        "working_hours.yaml",
    ):
        (folder / name).symlink_to(CONFIG / name)
    (folder / "access.yaml").write_text((CONFIG / "access.yaml").read_text("utf-8") + ROLES, "utf-8")
    (folder / "sources").mkdir()
    for source in ("crm", "billing", "web"):
        (folder / "sources" / f"{source}.yaml").write_text("connector: {kind: file, path: x}\nstreams: {}\n", "utf-8")
    bare = load(folder, {}, despite=True)

    def mapped(attributes: Mapping[str, Attribute]) -> str:
        parts = ", ".join(f"{p}: {{0}}_{p}" for p in PARTS)
        return ", ".join(
            f"{a}: {{{parts.format(a)}}}" if g.kind == "postal_address" else f"{a}: {a}" for a, g in attributes.items()
        )

    streams = {"people": "person", "companies": "organisation"}
    text = "".join(
        f"  {s}: {{key: id, version: v, verified: all, customer: {t}, map: {{{mapped(bare.customers[t].attributes)}}}}}\n"
        for s, t in streams.items()
    )
    more = "".join(
        f"  {t}: {{key: id, version: v, interaction: {t}, of: {{key: owner, stream: people}}, map: {{{mapped(k.attributes)}}}}}\n"
        for t, k in bare.interactions.items()
    )
    head = "connector: {kind: file, path: x}\nstreams:\n"
    (folder / "sources" / "crm.yaml").write_text(head + text + more, "utf-8")
    (folder / "sources" / "billing.yaml").write_text(head + text.replace("people", "customers"), "utf-8")
    (folder / "sources" / "web.yaml").write_text(head + text.replace("people", "signups"), "utf-8")
    return load(folder, {})


class Still:
    """A clock that stands still while a request is answered."""

    at = START + 1000 * HOUR

    def now(self) -> int:
        return self.at


def unseen(view: View, type_name: str, attributes: Mapping[str, Attribute]) -> set[str]:
    """Attributes that are told in no way: a name that is shown whole tells its parts."""
    whole = any(given.kind == "person_name" and a in view.of(type_name) for a, given in attributes.items())
    parts = {"given_name", "family_name", "name_suffix"} if whole else set()
    return {a for a, given in attributes.items() if a not in view.of(type_name) and given.kind not in parts}


@contextlib.contextmanager
def living(folder: Path, role: str, other: bool) -> Iterator[Hub]:
    """A hub of three customers of each type, and what happened with them. In the other one, what the role does not see is otherwise."""
    folder.mkdir()
    config = write_config(folder / "config")
    database = new_database(f"sqlite:///{folder / 'hub.sqlite'}")
    hub = open_hub(database, config, folder / "data")
    assert isinstance(database.clock, TestClock)
    view, happened = hub.reader.view_of_role(role), hub.timeline.view_of_role(role)
    types = {"person": ("people", "customers"), "organisation": ("companies", "companies")}
    steps = 0

    def step(source: str, stream: str, rows: list[dict[str, Any]]) -> None:
        nonlocal steps
        steps += 1
        database.clock.at = START + steps * HOUR
        with repeatable_ids(100 + steps):
            hub.resolver.upsert(source, stream, rows)

    for version in (1, 2):
        for type_name, (crm, billing) in types.items():
            attributes = config.customers[type_name].attributes
            hidden = {a: B_HIDDEN for a in unseen(view, type_name, attributes) if other or version == 2}
            if other and version == 2:  # a change that only one of the two has
                hidden = {}
            outside = {a: C_OUTSIDE for a in attributes} if other and type_name in view.rows else {}
            step("crm", crm, [{"id": "a", "v": version, **row(attributes, {}, A)}])
            step("crm", crm, [{"id": "b", "v": version, **row(attributes, hidden, B)}])
            step("billing", billing, [{"id": "c", "v": version, **row(attributes, outside, C)}])
        for type_name, kind in config.interactions.items():
            hidden = {a: B_HIDDEN for a in kind.attributes if other and a not in happened.of(type_name)}
            step(
                "crm",
                type_name,
                [{"id": f"{type_name}b", "v": version, "owner": "b", **row(kind.attributes, hidden, B)}],
            )
    # consent and restriction are rows too: who lies outside for them may do so in one world and be otherwise there
    for n, word in enumerate(OUT_OF_ROWS):
        what = ConsentSaid("" if word == RESTRICTED else "marketing", "", word, START, how="letter")
        with repeatable_ids(900 + n):
            hub.resolver.upsert("billing", "customers", [outsider(n, 1)])
            hub.logbook.say(outsider_id(hub, n), what, by="s")
            hub.resolver.upsert("billing", "customers", [outsider(n, 3 if other and sees_not(view, word) else 2)])
    database.clock = Still()
    yield hub
    hub.close()
    database.close()


OUT_OF_ROWS = (OBJECTED, RESTRICTED)


def sees_not(view: View, word: str) -> bool:
    """Does who said this not exist for a view?"""
    rows = view.rows.get("person")
    return "privacy" not in view.may if word == RESTRICTED else bool(rows and rows.consent)


def outsider(n: int, version: int) -> dict[str, Any]:
    """Like nobody else; of each version another mailbox."""
    names = {"given_name": ("Kunibert", "Adelgunde")[n], "family_name": ("Hutzelmann", "Trollinger")[n]}
    return {"id": f"outside{n}", "v": version, **names, "email": f"{names['given_name']}{version}@{version}.example"}


def outsider_id(hub: Hub, n: int) -> str:
    with hub.database.read() as connection:
        found = landing.record_named(connection, RecordId("billing", "customers", f"outside{n}"))
    assert found is not None
    return found.mint


def hides_something(hub: Hub, role: str) -> bool:
    view, happened = hub.reader.view_of_role(role), hub.timeline.view_of_role(role)
    whole = all(view.of(n).keys() == t.attributes.keys() for n, t in hub.config.customers.items())
    limited = any(r.sources or r.where or r.consent for r in view.rows.values())
    return limited or not whole or not all(happened.of(n) for n in hub.config.interactions)


# --- requests, made of the description ----------------------------------------------------------------


class Asking:
    """One role, asking one hub. `requests` and `ask` do the same in both of a pair."""

    def __init__(self, hub: Hub, role: str):
        with repeatable_ids(1):
            self.headers = {
                **fresh_key(hub, role, role if role in hub.config.sources else None),
                "x-request-id": "asked",
            }
        self.key = self.headers["authorization"].split("_")[2]  # its id: random, and told to its holder alone
        self.hub, self.app = hub, create_app(hub)
        self.client = TestClient(self.app, raise_server_exceptions=False)
        view: View = hub.reader.view_of_role(role)
        hidden = [a for a in hub.config.customers["person"].attributes if view.of("person").get(a) is not Sight.SHOW]
        self.hidden = hidden or ["unheard_of"]
        kinds = hub.config.customers["person"].attributes
        self.words = [
            sample(a, kinds[a], n) for a in hidden if kinds[a].kind != "postal_address" for n in (B, B_HIDDEN)
        ] or ["x"]
        with hub.database.read() as connection:
            self.ids = sorted(
                r[0] for r in connection.exec_driver_sql("SELECT mint FROM record WHERE sort = 'customer'")
            )
            happened = connection.exec_driver_sql("SELECT mint FROM record WHERE sort = 'interaction' ORDER BY rid")
            self.tasks = [f"{name}.{mint}" for (mint,) in happened for name in hub.config.lists]
        self.ids.append("cus_unheard_of")

    def requests(self) -> Iterator[tuple[str, str, Any]]:
        """(method, path, body): reads first, as writes change what they answer."""
        described = self.app.openapi()
        for wanted in (True, False):
            for path, operations in described["paths"].items():
                for method, operation in operations.items():
                    if (method == "get") is wanted and path not in STREAMED:
                        yield from self._of(method, path, operation, described)

    def _of(
        self, method: str, path: str, operation: Mapping[str, Any], described: Mapping[str, Any]
    ) -> Iterator[tuple[str, str, Any]]:
        body = None
        if content := operation.get("requestBody", {}).get("content"):
            body = self._example(next(iter(content.values())).get("schema", {}), described)
        named = [p["name"] for p in operation.get("parameters", ()) if p["in"] == "query"]
        for n, place in enumerate(self._places(path)):
            yield method, place, body
            for name in named if n == 0 or wide(path) else ():
                for value in PARAMETERS[name]:
                    for filled in self._filled(value):
                        yield method, f"{place}?{name}={quote(filled)}", body
        if {"source", "stream", "key"} <= set(named):
            yield from ((method, f"{path}?source={s}&stream={t}&key={k}", body) for s, t, k in RECORDS)

    def _places(self, path: str) -> list[str]:
        if "{source}" in path:
            return [
                path.replace("{source}", s).replace("{stream}", t).replace("{key}", k).replace("{id}", k)
                for s, t, k in RECORDS
            ]
        customers = path.startswith(("/v1/customers/", "/v1/identify/"))
        made = [path.replace("{id}", id) for id in self._ids(path, customers)] if "{id}" in path else [path]
        made = (
            [p.replace("{attribute}", a) for p in made for a in [*self.hidden[:2], "unheard_of"]]
            if "{attribute}" in path
            else made
        )
        return [re.sub(r"{\w+}", "x", p) for p in made]

    def _ids(self, path: str, customers: bool) -> list[str]:
        return self.ids if customers else [*self.tasks, "prospects.x"] if path.startswith("/v1/tasks/") else ["1"]

    def _filled(self, value: str) -> list[str]:
        if value == "{word}":
            return self.words
        return {"{id}": self.ids, "{hidden}": self.hidden[:3]}.get(value, [value])

    def _example(self, schema: Mapping[str, Any], described: Mapping[str, Any]) -> Any:
        if ref := schema.get("$ref"):
            return self._example(described["components"]["schemas"][ref.rsplit("/", 1)[1]], described)
        if schema.get("examples"):
            return schema["examples"][0]
        for choice in ("oneOf", "anyOf", "allOf"):
            if schema.get(choice):
                return self._example(schema[choice][0], described)
        if "default" in schema:
            return schema["default"]
        kind = schema.get("type")
        if kind == "object":
            return {n: self._example(s, described) for n, s in schema.get("properties", {}).items()}
        return {"array": [], "integer": 1, "number": 1, "boolean": True}.get(str(kind), "x")

    def ask(self, method: str, path: str, body: Any) -> Any:
        sent = {"json": body} if body is not None else {}
        answer = self.client.request(method.upper(), path, headers=self.headers, **sent)
        kept = {k: v for k, v in answer.headers.items() if k not in ("date",)}
        if sealed := kept.get(POSITION):  # how far the hub is, which nobody can read: no more than its length is told
            kept[POSITION] = str(len(sealed))
        text = answer.content.replace(self.key.encode(), b"its own key.")
        if path == "/metrics":  # how long requests took is of no role
            text, kept = b"\n".join(line for line in text.splitlines() if b"seconds" not in line), {}
        return answer.status_code, kept, text


RECORDS = [("crm", "people", "a"), ("crm", "people", "b"), ("billing", "customers", "c"), ("crm", "order", "orderb"), ("crm", "people", "nobody")]  # fmt: skip


def wide(path: str) -> bool:
    return path == "/v1/customers/{id}"


def roles() -> list[str]:
    names = re.findall(r"^  (\w+):", (CONFIG / "access.yaml").read_text("utf-8") + ROLES, re.MULTILINE)
    return names if os.environ.get("HUB_PROVE") else ["customer_service", "lisbon", "of_crm"]


@pytest.mark.parametrize("role", roles())
def test_what_a_role_does_not_see_never_alters_a_byte_of_any_answer(tmp_path: Path, role: str) -> None:
    with living(tmp_path / "one", role, False) as left, living(tmp_path / "other", role, True) as right:
        assert {m for _, m in partitions(left)} == {m for _, m in partitions(right)}
        one, two = Asking(left, role), Asking(right, role)
        listed = list(one.requests())
        assert listed == list(two.requests())
        answered = 0
        for n, request in enumerate(listed):
            seen = []
            for asking in (one, two):
                clock = asking.hub.database.clock
                assert isinstance(clock, Still)
                clock.at = START + (2000 + n) * HOUR
                with repeatable_ids(5000 + n):
                    seen.append(asking.ask(*request))
            assert seen[0] == seen[1], request
            answered += seen[0][0] < 300
        assert len(listed) >= 150 and (answered >= 10 or not left.reader.view_of_role(role).columns)


def test_the_worlds_differ_in_what_each_role_does_not_see(tmp_path: Path) -> None:
    """Or the above would prove nothing."""
    with (
        living(tmp_path / "one", "customer_service", False) as left,
        living(tmp_path / "other", "customer_service", True) as right,
    ):
        assert hides_something(left, "customer_service") and not hides_something(left, "steward")
        one, two = Asking(left, "steward"), Asking(right, "steward")
        assert any(
            one.ask("get", f"/v1/customers/{id}", None) != two.ask("get", f"/v1/customers/{id}", None) for id in one.ids
        )


TELLING = {
    "birth_date",
    "phone",
    "email",
    "identifier",
    "category",
    "domain",
    "company_name",
}  # kinds whose samples are words of their own


def test_hidden_values_stand_in_no_answer_log_figure_audit_line_or_export(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    with living(tmp_path / "one", "narrow", False) as hub:
        view = hub.reader.view_of_role("narrow")
        canaries = {
            sample(a, given, n)
            for type_name, of in hub.config.customers.items()
            for a, given in of.attributes.items()
            if a in unseen(view, type_name, of.attributes)
            and given.kind in TELLING
            and not (type_name != "person" and a in view.of("person"))
            for n in (A, B, B_HIDDEN, C)
        }
        assert len(canaries) >= 30
        asking, monitoring = Asking(hub, "narrow"), Asking(hub, "monitoring")
        told = [asking.ask(*request) for request in asking.requests()]
        told.append(monitoring.ask("get", "/metrics", None))
        exported = [str(r) for r in export_rows(hub.reader, Principal("x", "x", "staff", "narrow"), "person")[1]]
        kept = hub.audit.path.read_text("utf-8")
    streams = capfd.readouterr()
    places = {
        "answers": "".join(f"{headers} {text.decode('utf-8', 'replace')}" for _, headers, text in told),
        "logs": "".join(r.getMessage() for r in caplog.records if not r.name.startswith("httpx"))
        + streams.out
        + streams.err,
        "exports": "".join(exported),
        "audit": kept,
    }
    assert len(exported) == 4 and {(p, c) for p, text in places.items() for c in canaries if c in text} == set()
