"""Takes a person out of every table, in the caller's unit: what landed, what was made of it, what belongs to it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from sqlalchemy import Connection

from hub.access import caller_store
from hub.access.authentication import code_store, people_store
from hub.access.read import Reader
from hub.consents import store as consent_store
from hub.delivery import store as delivery_store
from hub.figures import store as segment_store
from hub.figures.owners import owners_of
from hub.golden_record import store as golden_store
from hub.golden_record.customers import find_customer
from hub.golden_record.run import dead_leading
from hub.interactions import relation_store
from hub.interactions import run as interactions
from hub.interactions import store as interaction_store
from hub.kinds.levels_base import Forms
from hub.landing import store as landing
from hub.landing.store import RecordInfo, StoredVersion, erasing
from hub.landing.suppression import of_contact, of_record
from hub.matching import store as matching_store
from hub.matching.prepare import ready
from hub.matching.store import decisions
from hub.model import RecordId, plain
from hub.privacy import ask_store, request_store
from hub.privacy.sealing import Subject
from hub.resolve.resolver import Resolver
from hub.resolve.suppressing import CONTACTS, contact_names
from hub.stewardship import act_store, rank_store, waiting_store
from hub.tasks import hold_store

SHORTEST = 4  # letters of a word by which a row that was set aside is known


def subject_of(connection: Connection, resolver: Resolver, id: str) -> tuple[str, Subject]:
    """The shown id of the customer that an id leads to, and all that an erasure has to know of them."""
    customer = golden_store.customer(connection, id) or find_customer(connection, id)
    members = matching_store.members_of(connection, [customer.cluster])[customer.cluster]
    dead = [d.rid for ds in dead_leading(connection, members).values() for d in ds]
    infos = landing.records(connection, [*members, *dead])
    owners = owners_of(connection, resolver.config, [customer.cluster])[customer.cluster]
    names = sorted({*(i.id for i in infos.values()), *owners})
    ids = sorted({customer.id, *(i.mint for i in infos.values())})
    key, held = resolver.suppression_key, matching_store.held(connection, infos)
    hashes: set[tuple[str, str]] = {(of_record(key, i.id), "record") for i in infos.values()}
    for rid, cells in held.items():
        info = infos[rid]
        kind, stream = resolver.config.customers[info.type], resolver.config.stream(*info.id[:2])
        checked = {
            a: h.cell
            for a, h in cells.items()
            if stream is not None and (stream.is_verified(a) or kind.attributes[a].kind == "given_name")
        }
        hashes |= {(of_contact(key, *c), "contact") for c in contact_names(checked, kind)}
    words = words_of(connection, resolver, infos)
    forms = forms_of(connection, resolver, infos)
    return customer.id, Subject(tuple(names), tuple(ids), words, tuple(sorted(hashes)), forms)


def forms_of(
    connection: Connection, resolver: Resolver, infos: Mapping[int, RecordInfo]
) -> tuple[tuple[str, Forms], ...]:
    """How each version of these records was, or would be, compared, with its customer type: models may know any of it."""
    recipe = resolver.recipe(connection)
    found: list[tuple[str, Forms]] = []
    for rid, versions in landing.versions_of(connection, infos).items():
        info = infos[rid]
        if recipe.config.stream(*info.id[:2]) is None:
            continue
        for raw in (v.raw for v in versions if v.raw is not None):
            made = ready(recipe, info.id.source, info.id.stream, raw)
            if made is not None and (made_forms := (info.type, made.compared.forms)) not in found:
                found.append(made_forms)
    return tuple(found)


def words_of(connection: Connection, resolver: Resolver, infos: Mapping[int, RecordInfo]) -> tuple[str, ...]:
    """By which a row that was set aside is known to be of these records: keys, contact points, numbers."""
    words = {i.id.key for i in infos.values()}
    for rid, cells in matching_store.held(connection, infos).items():
        kinds = resolver.config.customers[infos[rid].type].attributes
        told = (h for a, h in cells.items() if kinds[a].kind in (*CONTACTS, "identifier"))
        words |= {str(plain(v)) for h in told for v in h.cell.values}
    for rid, versions in landing.versions_of(connection, infos).items():
        words |= set(_raw_contacts(resolver, infos[rid].id, versions))
    return tuple(sorted(w for w in words if len(w) >= SHORTEST))


def _raw_contacts(resolver: Resolver, id: RecordId, versions: Iterable[StoredVersion]) -> Iterable[str]:
    """Contact points and numbers as the source itself wrote them."""
    stream = resolver.config.stream(id.source, id.stream)
    if stream is None:
        return
    kinds = resolver.config.customers[stream.customer].attributes
    columns = {p for a, p in stream.map.items() if isinstance(p, str) and kinds[a].kind in (*CONTACTS, "identifier")}
    for version in versions:
        for column in columns & (version.raw or {}).keys():
            if isinstance(value := (version.raw or {})[column], str):
                yield value


def remove(connection: Connection, resolver: Resolver, reader: Reader, subject: Subject, at: int) -> list[str]:
    """Everything of them; the customers that are no more. Taken again it changes nothing."""
    infos = [i for n in subject.names if (i := landing.record_named(connection, n)) is not None]
    rids = {i.rid for i in infos}
    roles = _who_had(connection, reader, subject.ids)
    after = golden_store.last_seq(connection)
    belonging = {
        *interaction_store.owned_by(connection, subject.names),
        *relation_store.owned_by(connection, subject.names),
        *consent_store.owned_by(connection, subject.names),
    }
    erasing.empty_records(connection, belonging, at)
    interactions.derive(connection, resolver.readings, belonging)
    erasing.drop_records(connection, belonging)
    hold_store.forget(connection, {*belonging, *rids})
    rank_store.forget(connection, rids)
    waiting_store.forget_words(connection, rids)
    if rids:
        golden_store.forget_overrides(connection, rids)
        decisions.forget_words(connection, rids)
        erasing.empty_records(connection, rids, at)
        resolver.settle(connection, resolver.recipe(connection), rids)
        delivery_store.forget(connection, rids)
        erasing.forget_names(connection, rids)
    gone = golden_store.mark_erased(connection, subject.ids, after, roles)
    erasing.drop_quarantined(connection, subject.words)
    segment_store.forget_members(connection, subject.ids)
    act_store.forget_words(connection, subject.ids)
    caller_store.forget_words(connection, subject.ids)
    people_store.forget_customers(connection, subject.ids)
    ask_store.forget_asks(connection, subject.ids)
    request_store.forget_words(connection, subject.ids)
    code_store.forget_codes_of(connection, list(subject.ids))
    return gone


def _who_had(connection: Connection, reader: Reader, ids: Collection[str]) -> Mapping[str, Sequence[str]]:
    """Of each customer the roles with conditions that had it: afterwards nobody could tell."""
    found: dict[str, list[str]] = {id: [] for id in ids}
    for role in sorted(reader.config.access.roles):
        view = reader.view_of_role(role, connection)
        if any(rows.where for rows in view.rows.values()):
            for id in reader.known_customers(connection, view, ids):
                found[id].append(role)
    return found
