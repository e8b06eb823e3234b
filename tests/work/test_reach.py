"""What a form may reach: less than a file that an operator writes, and each refusal is a line of its own."""

from __future__ import annotations

import json
from ipaddress import ip_network
from pathlib import Path

import pytest

from hub.connectors.http import Http, RestConnection
from hub.errors import ConfigError
from hub.settings import FOLDERS, Config, Source, load, source_of
from hub.work import adding, reach
from hub.work.adding import SourceWish
from hub.work.places import reader_of
from tests.access.population import CONFIG, write_config

DOCUMENTATION = ip_network("192.0.2.0/24")  # nobody's: nothing is sent in these tests
AT = "https://192.0.2.1/api"


@pytest.fixture
def config(tmp_path: Path) -> Config:
    write_config(tmp_path / "config")
    drop(tmp_path / "config/drop", [{"no": n, "mail": f"ana{n}@example.com"} for n in range(3)])
    return load(tmp_path / "config", {})


def drop(folder: Path, rows: list[object]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "people.json").write_text(json.dumps(rows), encoding="utf-8")


def wish(**given: str) -> SourceWish:
    return SourceWish(**({"name": "shop", "kind": "file", "at": "drop", "what": "*"} | given))


def rest(**given: str) -> SourceWish:
    return wish(**({"kind": "rest", "at": AT, "what": "people"} | given))


def check(config: Config, given: SourceWish, **env: str) -> None:
    reach.check(given, config, config.folder.parent / "var", env, (DOCUMENTATION,))


def refused(config: Config, given: SourceWish, **env: str) -> str:
    """Where the one fault is."""
    with pytest.raises(ConfigError) as told:
        check(config, given, **env)
    (fault,) = told.value.faults
    assert fault.remedy
    return fault.where


# --- services ---


@pytest.mark.parametrize("path", ["/http://127.0.0.1:9/latest/meta-data", "http://10.0.0.1/", "/http://[x", "a\n/b"])
def test_no_path_leads_to_another_host(path: str) -> None:
    http = Http(RestConnection(kind="rest", base_url=AT), source="shop", env={})
    with pytest.raises(ConfigError) as told:
        http.url(path)
    assert path in str(told.value) and "192.0.2.1" in str(told.value)
    assert str(http.url("/people")) == f"{AT}/people"


def test_a_base_url_that_is_none_is_a_fault() -> None:
    with pytest.raises(ConfigError, match="connector.base_url"):
        Http(RestConnection(kind="rest", base_url="https://192.0.2.1\n"), source="shop", env={})


@pytest.mark.parametrize(
    "path",
    ["/http://127.0.0.1:9/latest/meta-data", "//10.0.0.1/people", "http://[x", "/http://[x", "people?select=a:b", "a\nb"],
)  # fmt: skip
def test_a_path_is_below_the_base_url(config: Config, path: str) -> None:
    assert refused(config, rest(what=path)) == "what"
    check(config, rest(what="/people"))


@pytest.mark.parametrize("at", [f"{AT}\n", "https://[x", "https://192.0.2.1:99999", "https://192.0.2.1\\@10.0.0.1"])
def test_an_address_that_is_none_is_refused(config: Config, at: str) -> None:
    assert refused(config, rest(at=at)) == "at"


@pytest.mark.parametrize(
    "records", ["data[].{full_name: mail, occupation: dob}", "data[].[mail, dob]", "to_array(@)", "data[?x]", "[[["]
)
def test_where_the_list_is_is_a_plain_path(config: Config, records: str) -> None:
    assert refused(config, rest(records=records)) == "records"
    for plain in ("@", "data", "data.people", "data.people[]"):
        check(config, rest(records=plain))


# --- variables ---


def test_a_token_goes_to_its_own_host_alone_and_a_database_nowhere(config: Config) -> None:
    opened = {reach.VARIABLE: "SHOP_URL, SHOP_TOKEN@192.0.2.1, OTHER_TOKEN@192.0.2.2, HUB_SECRET@192.0.2.1, HUB_X"}
    check(config, rest(token_env="SHOP_TOKEN"), **opened)
    check(config, wish(kind="sql", at="SHOP_URL"), **opened)
    for name in ("SHOP_URL", "OTHER_TOKEN", "HUB_SECRET", "HUB_X"):
        assert refused(config, rest(token_env=name), **opened) == "token_env"
    for at in ("https://192.0.2.2", "https://192.0.2.1:8443"):
        assert refused(config, rest(at=at, token_env="SHOP_TOKEN"), **opened) == "token_env"
    for name in ("SHOP_TOKEN", "SHOP_TOKEN@192.0.2.1", "HUB_X"):
        assert refused(config, wish(kind="sql", at=name), **opened) == "at"


# --- folders ---


def test_the_hubs_own_folders_are_those_of_a_configuration(config: Config) -> None:
    assert {f.name for f in CONFIG.iterdir() if f.is_dir()} <= set(FOLDERS)


def test_a_place_is_a_folder_that_is_nobody_elses(config: Config, tmp_path: Path) -> None:
    base = config.folder
    (base / ".env").write_text("SHOP_SECRET=topsecret\n", encoding="utf-8")
    for hidden in (".hidden", "drop/.hidden"):
        drop(base / hidden, [{"no": 1}])
    (base / "link").symlink_to(base / "sources")
    own = (".env", "access.yaml", "drop/people.json", ".hidden", "drop/.hidden", "link", *FOLDERS)
    for at in (*own, ".", "drop/..", "~nobody/x", "a\0b", "x" * 400):
        assert refused(config, wish(at=at), **{reach.VARIABLE: f"{tmp_path}/"}) == "at"
    check(config, wish())
    drop(base / "drop/deeper", [{"no": 1}])
    check(config, wish(at="drop/deeper"))


def test_what_the_hub_drops_for_others_is_no_source(config: Config) -> None:
    drops = config.folder / "drops"
    drops.mkdir()
    (drops / "warehouse.yaml").write_text("{folder: out/warehouse, role: steward}", encoding="utf-8")
    drop(config.folder / "out/warehouse", [{"no": 1}])
    dropping = load(config.folder, {})
    for at in ("out", "out/warehouse"):
        assert refused(dropping, wish(at=at)) == "at"


# --- what is offered ---


def test_no_fault_quotes_what_a_file_holds(config: Config) -> None:
    (config.folder / "drop/people.json").write_text("SHOP_SECRET=topsecret\nX=1\n", encoding="utf-8")
    with pytest.raises(ConfigError) as told:
        adding.offer(config, wish(), {})
    assert told.value.faults[0].where == "what" and "topsecret" not in str(told.value)


@pytest.mark.parametrize("rows", [[{}, {}], [{"a": {}}], []])
def test_rows_without_columns_are_nothing_to_look_at(config: Config, rows: list[object]) -> None:
    drop(config.folder / "drop", rows)
    with pytest.raises(ConfigError) as told:
        adding.offer(config, wish(), {})
    assert [f.where for f in told.value.faults] == ["what"]


@pytest.mark.parametrize("name", ["contact", "staff", "self"])
def test_a_name_of_the_hubs_own_is_refused(config: Config, name: str) -> None:
    with pytest.raises(ConfigError) as told:
        adding.offer(config, wish(name=name), {})
    assert [f.where for f in told.value.faults] == ["name"]


def test_what_is_offered_is_what_a_load_would_take(config: Config) -> None:
    made = adding.offer(config, wish(country="PT"), {})
    adding.write(config, made)
    assert load(config.folder, {}).sources["shop"] == made.source


def test_a_fault_that_only_the_whole_configuration_shows_is_one_of_a_new_file_too(config: Config) -> None:
    text = adding.offer(config, wish(), {}).text
    for name, written in (("contact", text), ("shop", text.replace("email:", "nothing:")), ("shop", "a: [")):
        with pytest.raises(ConfigError, match=f"sources/{name}.yaml"):
            source_of(config, name, written)


# --- what is read already ---


def test_a_place_that_a_source_reads_is_known_by_it(config: Config, tmp_path: Path) -> None:
    rows: list[object] = [{"no": 1, "mail": "ana@example.com"}]
    for folder in ("billing", "billing/deeper"):
        drop(config.folder / folder, rows)
        found = adding.offer(config, wish(at=folder), {})
        assert found.reader == "billing" and found.rows and not found.shown
    assert adding.offer(config, wish(), {}).reader == "" and adding.offer(config, wish(), {}).shown


def test_a_database_and_a_service_that_a_source_reads_are_known_whatever_is_asked_of_them(config: Config) -> None:
    env = {"A": "postgresql+psycopg://one:x@db.example/shop", "B": "postgresql://two:y@db.example:5432/shop"}
    env |= {"C": "postgresql://two:y@db.example/other", "D": "no address"}
    stream = "customer: person\n    key: id\n    map: {email: mail}"

    def read(name: str, connector: str, rows: str) -> Source:
        text = f"connector: {connector}\nstreams:\n  people:\n    {rows}\n    {stream}\n"
        return source_of(config, name, text)

    kept = [read("base", "{kind: sql, url_env: A}", "table: people")]
    kept += [read("service", f"{{kind: rest, base_url: '{AT}'}}", "rest: {path: people}")]
    known = config.model_copy(update={"sources": {s.name: s for s in kept}})
    for variable, reader in (("A", "base"), ("B", "base"), ("C", ""), ("D", ""), ("E", "")):
        assert reader_of(known, read("new", f"{{kind: sql, url_env: {variable}}}", "table: other"), env) == reader
    for url, reader in (("https://192.0.2.1/v2", "service"), ("https://192.0.2.2/api", "")):
        assert reader_of(known, read("new", f"{{kind: rest, base_url: '{url}'}}", "rest: {path: x}"), env) == reader
