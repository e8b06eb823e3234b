"""Configuration: all faults at once, each with file, key and remedy."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from hub.errors import ConfigError, Fault
from hub.settings import (
    SOURCES,
    Access,
    CustomerType,
    InteractionType,
    Source,
    duration_micros,
    load,
    schedule_seconds,
    secret,
)
from hub.settings.load import REQUIRED, _models_in
from hub.settings.schedule import after_cron, check_schedule

SHIPPED = Path(__file__).parents[2] / "config"

PERSON = """
attributes:
  given_name: {kind: given_name}
  email: {kind: email, many: true, survivorship: union}
  address: {kind: postal_address}
"""
FILES = """
connector: {kind: file, path: drop}
streams:
  people: {customer: person, key: id, map: {given_name: first, email: mail}}
"""


def write(folder: Path, **files: str) -> Path:
    """A configuration folder; `customers__person` is customers/person.yaml."""
    for name, text in {"customers__person": PERSON, "sources__list": FILES, **files}.items():
        path = folder / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def faults(folder: Path, env: dict[str, str] | None = None) -> list[Fault]:
    with pytest.raises(ConfigError) as told:
        load(folder, env or {})
    return told.value.faults


def stream(text: str, connector: str = "{kind: file, path: drop}") -> str:
    return f"connector: {connector}\nstreams:\n  people: {{customer: person, key: id, map: {{given_name: first}}, {text}}}\n"


def test_the_shipped_configuration_is_sound() -> None:
    found = load(SHIPPED, {}, reaching=False)
    assert {"person", "organisation"} <= found.customers.keys()
    assert found.sources


def test_a_good_configuration_is_read(tmp_path: Path) -> None:
    found = load(write(tmp_path), {})
    assert found.sources["list"].name == "list"
    assert found.customers["person"].attributes["email"].survivorship.rule == "union"
    assert found.stream("list", "people") is not None
    assert found.stream("list", "other") is None
    assert found.stream("other", "people") is None


REST = "{kind: rest, base_url: 'https://crm.example/api'}"
SQL = "{kind: sql, url_env: URL}"
WRONG: dict[str, tuple[dict[str, str], str, str, str]] = {  # name -> files, where, what, remedy
    "an unknown key": (
        {"sources__list": FILES + "scedule: every 5 minutes\n"},
        "sources/list.yaml: scedule",
        "unknown key 'scedule'",
        "did you mean schedule? known keys: ",
    ),
    "an unknown key deep down": (
        {"sources__list": stream("tust: {default: 5}")},
        "sources/list.yaml: streams.people.tust",
        "unknown key 'tust'",
        "did you mean trust? known keys: ",
    ),
    "a sort of none": (
        {"sources__list": FILES.replace("customer: person, ", "")},
        "sources/list.yaml: streams.people",
        "give one of customer: TYPE, interaction: NAME",
        "",
    ),
    "two sorts": (
        {"sources__list": FILES.replace("customer: person", "customer: person, interaction: order")},
        "sources/list.yaml: streams.people",
        "says customer and interaction",
        "",
    ),
    "writing to what is no customer": (
        {
            "sources__list": stream("table: t, write_back: {attributes: [x]}", SQL).replace(
                "customer: person", "consent: true"
            )
        },
        "streams.people.write_back",
        "a stream of consents",
        "remove it",
    ),
    "an unknown kind": (
        {"customers__person": "attributes: {x: {kind: mail}}"},
        "customers/person.yaml: attributes.x.kind",
        "unknown kind 'mail'; known kinds: ",
        "",
    ),
    "an unknown rule": (
        {"customers__person": "attributes: {x: {kind: text, survivorship: newest}}"},
        "attributes.x.survivorship.rule",
        "most_recent",
        "",
    ),
    "a half-life that is none": (
        {"customers__person": "attributes: {x: {kind: text, survivorship: {rule: most_trusted, half_life: two}}}"},
        "attributes.x.survivorship.half_life",
        "write a number and one of",
        "",
    ),
    "a probability over one": (
        {"customers__person": PERSON + "matching: {join: 99}\n"},
        "customers/person.yaml: matching.join",
        "less than 1",
        "",
    ),
    "a customer type of no file": (
        {"sources__list": FILES.replace("person", "human")},
        "sources/list.yaml: streams.people.customer",
        "unknown customer type 'human'",
        "known: person",
    ),
    "an attribute of no type": (
        {"sources__list": FILES.replace("email: mail", "mail: mail")},
        "streams.people.map.mail",
        "'person' has no attribute 'mail'",
        "known: given_name",
    ),
    "trust in an unknown attribute": (
        {"sources__list": stream("trust: {mail: 5}")},
        "streams.people.trust.mail",
        "no attribute",
        "known: ",
    ),
    "trust over a hundred": (
        {"sources__list": stream("trust: {email: 500}")},
        "streams.people.trust",
        "must be a number in (0, 100]",
        "",
    ),
    "an unknown verified attribute": (
        {"sources__list": stream("verified: [mail]")},
        "streams.people.verified.mail",
        "no attribute",
        "known: ",
    ),
    "an unknown part": (
        {"sources__list": FILES.replace("email: mail", "address: {street: s}")},
        "map.address.street",
        "unknown part 'street'",
        "known: line1",
    ),
    "parts of what has none": (
        {"sources__list": FILES.replace("email: mail", "email: {user: u}")},
        "map.email.user",
        "unknown part 'user'",
        "has no parts",
    ),
    "an expression that is none": (
        {"sources__list": FILES.replace("email: mail", "email: 'mail[['")},
        "streams.people.map",
        "neither a column's name nor a JMESPath expression",
        "",
    ),
    "an unknown function": (
        {"sources__list": FILES.replace("email: mail", "email: 'lower(mail[0])'")},
        "streams.people.map",
        "there is no function lower",
        "",
    ),
    "a column that YAML reads as a truth value": (
        {"sources__list": FILES.replace("key: id", "key: [company, no]")},
        "sources/list.yaml: streams.people.key",
        "write the column in quotes",
        "",
    ),
    "a schedule that is none": (
        {"sources__list": FILES + "schedule: hourly\n"},
        "sources/list.yaml: schedule",
        "write for example 'every 5 minutes'",
        "",
    ),
    "an unset variable": (
        {"sources__list": stream("table: people", SQL)},
        "connector.url_env",
        "URL is not set",
        "export URL=... or URL_FILE=",
    ),
    "an unset token": (
        {"sources__list": stream("rest: {path: people}", REST[:-1] + ", auth: {bearer_env: TOKEN}}")},
        "connector.auth",
        "TOKEN is not set",
        "export TOKEN",
    ),
    "a table of a file": (
        {"sources__list": stream("table: people")},
        "streams.people.table",
        "a file connector does not use this",
        "remove it",
    ),
    "SQL without a table": (
        {"sources__list": stream("trust: {default: 5}", SQL)},
        "streams.people",
        "either a table or a query",
        "add table",
    ),
    "REST without a path": (
        {"sources__list": stream("trust: {default: 5}", REST)},
        "streams.people",
        "a REST stream needs rest",
        "add rest",
    ),
    "since without a version": (
        {"sources__list": stream("rest: {path: p, since_param: s}", REST)},
        "rest.since_param",
        "needs the stream's version",
        "add version",
    ),
    "writing to a file": (
        {"sources__list": stream("write_back: {attributes: [given_name]}")},
        "streams.people.write_back",
        "files are read only",
        "remove it",
    ),
    "writing to a query": (
        {"sources__list": stream("query: SELECT 1, write_back: {attributes: [given_name]}", SQL)},
        "write_back",
        "a query cannot be written to",
        "table",
    ),
    "writing without an item": (
        {"sources__list": stream("rest: {path: p}, write_back: {attributes: [given_name]}", REST)},
        "write_back",
        "how to write one record",
        "add rest.item",
    ),
    "writing what is not mapped": (
        {"sources__list": stream("table: p, write_back: {attributes: [email]}", SQL)},
        "write_back.attributes.email",
        "not mapped",
        "add it to map",
    ),
    "both names of a folder": (
        {"sources__list": FILES.replace("path: drop", "path: drop, path_env: DROP")},
        "sources/list.yaml: connector",
        "give path or path_env",
        "",
    ),
    "a folder above": (
        {"sources__list": stream("file: {pattern: ../x.csv}")},
        "file.pattern",
        "stays inside the connector's folder",
        "",
    ),
    "an unknown encoding": (
        {"sources__list": stream("file: {encoding: utf-9}")},
        "file.encoding",
        "unknown encoding 'utf-9'",
        "",
    ),
    "an item without its key": (
        {"sources__list": stream("rest: {path: p, item: people}", REST)},
        "rest.item",
        "must hold {key}",
        "",
    ),
    "a cursor of nowhere": (
        {"sources__list": stream("rest: {path: p, page: cursor}", REST)},
        "streams.people.rest",
        "page: cursor needs next",
        "",
    ),
    "a view of an unknown type": (
        {"access": "roles: {a: {views: {human: {x: show}}}}"},
        "access.yaml: roles.a.views.human",
        "unknown customer type",
        "known: person",
    ),
    "a view of an unknown attribute": (
        {"access": "roles: {a: {views: {person: {mail: show}}}}"},
        "roles.a.views.person.mail",
        "unknown attribute 'mail'",
        "known: ",
    ),
    "an unknown sight": (
        {"access": "roles: {a: {views: {person: {email: peek}}}}"},
        "roles.a.views.person.email",
        "show",
        "",
    ),
    "rows of an unknown attribute": (
        {"access": "roles: {a: {rows: {person: {where: {mail: [x]}}}}}"},
        "access.yaml: roles.a.rows.person.where.mail",
        "unknown attribute 'mail'",
        "known: ",
    ),
    "rows of an unknown source": (
        {"access": "roles: {a: {rows: {person: {sources: [nowhere]}}}}"},
        "access.yaml: roles.a.rows.person.sources",
        "unknown source 'nowhere'",
        "",
    ),
    "rows without a condition": (
        {"access": "roles: {a: {rows: {person: {}}}}"},
        "access.yaml: roles.a.rows.person",
        "no condition",
        "",
    ),
    "rows of an attribute that has parts": (
        {"access": "roles: {a: {rows: {person: {where: {address: [Lisboa]}}}}}"},
        "access.yaml: roles.a.rows.person.where.address",
        "has parts",
        "address.PART",
    ),
    "rows beside a permission of all customers": (
        {"access": "roles: {a: {may: [admin], rows: {person: {where: {address.city: [Lisboa]}}}}}"},
        "access.yaml: roles.a.rows",
        "'admin'",
        "",
    ),
    "an unknown permission": ({"access": "roles: {a: {may: [fly]}}"}, "access.yaml: roles.a.may", "admin", ""),
    "no keys and values": ({"sources__list": "- a\n- b\n"}, "sources/list.yaml", "must hold keys and values", "README"),
}


@pytest.mark.parametrize("name", WRONG, ids=lambda n: n.replace(" ", "-"))
def test_what_is_wrong_is_told_with_file_key_and_remedy(tmp_path: Path, name: str) -> None:
    files, where, what, remedy = WRONG[name]
    found = faults(write(tmp_path, **files))
    fitting = [f for f in found if where in f.where and what in f.what]
    assert fitting, [str(f) for f in found]
    assert str(tmp_path) in fitting[0].where
    assert remedy in fitting[0].remedy
    assert not remedy or fitting[0].remedy in str(fitting[0])


def test_all_faults_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    found = faults(
        write(
            tmp_path,
            sources__list=FILES.replace("email: mail", "mail: mail") + "schedule: every 5 minutes\n",
            sources__crm=stream("rest: {path: p, item: x}", REST),
            sources__bill=stream("table: people, verified: [mail]", SQL),
            access="roles: {a: {views: {person: {mail: show}}}}",
        )
    )
    told = "\n".join(map(str, found))
    for piece in (
        "list.yaml: streams.people.map.mail",
        "crm.yaml: streams.people.rest.item",
        "bill.yaml: connector.url_env",
        "bill.yaml: streams.people.verified.mail",
        "access.yaml: roles.a.views.person.mail",
    ):
        assert piece in told


def test_yaml_that_cannot_be_read_is_told_with_its_line(tmp_path: Path) -> None:
    found = faults(
        write(
            tmp_path,
            sources__list="connector: {kind: file, path: drop}\nstreams:\n  people: {customer: person\n  key: id\n",
        )
    )
    assert any("sources/list.yaml line 4" in f.where and "not readable as YAML" in f.what for f in found), found


def test_a_file_that_is_no_utf8_is_told(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "sources" / "list.yaml").write_bytes("title: M\u00fcller".encode("latin-1"))
    assert any("cannot be read" in f.what and "UTF-8" in f.remedy for f in faults(tmp_path))


def test_a_missing_folder_and_an_empty_one(tmp_path: Path) -> None:
    assert faults(tmp_path / "nowhere")[0].remedy == "pass --config or set HUB_CONFIG"
    assert "no customer type" in faults(tmp_path)[0].what


def test_the_hash_is_of_what_derived_rows_depend_on(tmp_path: Path) -> None:
    one = load(write(tmp_path / "one"), {}).hash
    assert (
        load(
            write(tmp_path / "same", sources__list=FILES + "schedule: every 5 minutes\n", access="roles: {a: {}}"), {}
        ).hash
        == one
    )
    assert load(write(tmp_path / "map", sources__list=FILES.replace("first", "vorname")), {}).hash != one
    assert load(write(tmp_path / "rule", customers__person=PERSON.replace("union", "most_recent")), {}).hash != one


def test_a_secret_comes_from_the_environment_or_the_file_that_it_names(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(" s3cret\n", encoding="utf-8")
    assert secret("TOKEN", {"TOKEN": "s3cret"}) == "s3cret"
    assert secret("TOKEN", {"TOKEN_FILE": str(tmp_path / "token")}) == "s3cret"
    with pytest.raises(ConfigError, match="export TOKEN"):
        secret("TOKEN", {})


@pytest.mark.parametrize(
    ("text", "micros"),
    [("90d", 90 * 86_400_000_000), ("2y", 2 * 31_557_600_000_000), ("1.5h", 5_400_000_000), ("10 m", 600_000_000)],
)
def test_durations(text: str, micros: int) -> None:
    assert duration_micros(text) == micros


@pytest.mark.parametrize("text", ["", "y", "2", "two years", "-1d", "1.2.3d", "1 month"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        duration_micros(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("every 5 minutes", 300), ("every 1 hour", 3600), ("every 30 seconds", 30), ("every 2 days", 172_800)],
)
def test_schedules(text: str, seconds: int) -> None:
    assert schedule_seconds(text) == seconds


@pytest.mark.parametrize(
    ("line", "days"),
    [
        ("0 3 * * 1-5", "Mon Tue Wed Thu Fri"),
        ("0 3 * * 0", "Sun"),
        ("0 3 * * 7", "Sun"),
        ("0 3 * * 5-7", "Sun Fri Sat"),
        ("0 3 * * FRI-MON", "Sun Mon Fri Sat"),
        ("0 3 * * */2", "Sun Tue Thu Sat"),
        ("0 3 * * mon,4", "Mon Thu"),
        ("0 3 * * *", "Sun Mon Tue Wed Thu Fri Sat"),
    ],
)
def test_days_of_the_week_are_those_of_cron(line: str, days: str) -> None:
    """2024-01-07 is a Sunday."""
    at, found = int(datetime(2024, 1, 6, 23, tzinfo=UTC).timestamp()) * 1_000_000, []
    while (at := after_cron(line, at)) < int(datetime(2024, 1, 14, tzinfo=UTC).timestamp()) * 1_000_000:
        found.append(datetime.fromtimestamp(at / 1_000_000, UTC).strftime("%a"))
    assert " ".join(found) == days


def test_a_day_of_the_month_or_of_the_week_as_cron_takes_them() -> None:
    at = int(datetime(2024, 1, 1, 4, tzinfo=UTC).timestamp()) * 1_000_000
    found = []
    for _ in range(3):
        at = after_cron("0 3 10 * 1", at)
        found.append(datetime.fromtimestamp(at / 1_000_000, UTC).day)
    assert found == [8, 10, 15]


@pytest.mark.parametrize("line", ["0 3 * * 8", "0 3 * * x", "0 3 * * 1/0", "0 3 * * ²"])
def test_what_is_no_day_of_the_week(line: str) -> None:
    with pytest.raises(ValueError, match="is no line of cron"):
        check_schedule(line)


def test_the_shipped_files_are_plain_yaml() -> None:
    for path in SHIPPED.rglob("*.yaml"):
        assert isinstance(yaml.safe_load(path.read_text(encoding="utf-8")), dict), path


# --- what a file lacks, and sources set aside ---------------------------------------------------------------------


def test_a_key_that_is_missing_is_told_with_what_it_is_and_an_example(tmp_path: Path) -> None:
    found = faults(write(tmp_path, sources__list=FILES.replace("key: id", "deleted: gone")))
    fault = next(f for f in found if f.where.endswith("sources/list.yaml: streams.people.key"))
    assert fault.what == "is missing: the column that tells one row from all others"
    assert "key: id" in fault.remedy


def test_every_key_that_a_file_cannot_do_without_is_known_by_what_it_is() -> None:
    seen: set[type[BaseModel]] = set()
    todo: list[type[BaseModel]] = [InteractionType, CustomerType, Source, Access, *SOURCES.values()]
    required = set()
    while todo:
        model = todo.pop()
        if model not in seen:
            seen.add(model)
            required |= {name for name, field in model.model_fields.items() if field.is_required()}
            todo += [inner for field in model.model_fields.values() for inner in _models_in(field.annotation)]
    assert len(required) > 5
    assert required - REQUIRED.keys() == set()


def test_a_source_with_a_fault_is_left_out_only_where_the_rest_can_go_on(tmp_path: Path) -> None:
    write(
        tmp_path,
        sources__list=FILES,
        sources__bad="connector: {kind: file\n",
        sources__worse=FILES.replace("email: mail", "mail: mail"),
    )
    faults(tmp_path)
    config = load(tmp_path, {}, despite=True)
    assert set(config.sources) == {"list"}
    assert ["bad.yaml" in f.where or "worse.yaml" in f.where for f in config.aside] == [True, True]


def test_a_key_that_stands_twice_is_refused_with_its_line(tmp_path: Path) -> None:
    """YAML takes the last one and says nothing: of two lines `may:` one would count, unseen."""
    shutil.copytree(Path(__file__).parents[2] / "config", tmp_path / "config")
    path = tmp_path / "config/access.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "\n  monitoring:\n    may: [admin]\n", encoding="utf-8")
    line = len(path.read_text(encoding="utf-8").splitlines()) - 1
    with pytest.raises(ConfigError, match=rf"access.yaml line {line}: .*'monitoring' stands twice here"):
        load(tmp_path / "config", {})
