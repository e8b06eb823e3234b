"""What a person is given of their data, as they read it, in their language. Pure but for the words, which come from their files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from babel.dates import format_date, format_datetime

from hub.language.catalog import said_in, translations
from hub.language.paper import Paper, PaperRows, Row, Section
from hub.language.wording import listed, said, title
from hub.model import from_micros

Found = Mapping[str, object]
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}.*")
YOURS, EACH, HAPPENED = "What we know of you", "What each system says", "What happened"
AGREED, BELONGS, USED = "What you agreed to", "To whom you belong", "What it is used for"
KEPT, SENT, LOOKED, ONE = "How long it is kept", "Who was sent it", "Who looked", "How your records became one"
TITLE, GIVEN_TITLE = "Your data", "What you gave"
MADE = "Everything that is held of you, as it was on {day}."
GIVEN = "What you gave and what was observed, as each system says it, as it was on {day}. Nothing of it was concluded by us."
FROM, SINCE = "from {sources}", "since {day}"
NOBODY, NOTHING = "Nobody beside the systems that it came from.", "Nothing that we know of."
STAYS = "What is not listed here stays until you ask for its erasure, or until the system that it is from removes it."
DAYS, MANY_DAYS = "%(num)s day", "%(num)s days"
WORDS = (
    *(YOURS, EACH, HAPPENED, AGREED, BELONGS, USED, KEPT, SENT, LOOKED, ONE, TITLE, GIVEN_TITLE, MADE, GIVEN, FROM, SINCE),
    *(NOBODY, NOTHING, STAYS, DAYS),
)  # fmt: skip


class _Words:
    """Of one language."""

    def __init__(self, language: str):
        self.language = language

    def __call__(self, text: str, **values: object) -> str:
        return said_in(self.language, text, **values)

    def title(self, name: str) -> str:
        """An attribute, a purpose, a role, as people read it."""
        return self(title(name))

    def day(self, text: object) -> str:
        at = _moment(text)
        return "" if at is None else format_date(at.date(), "long", locale=self.language)

    def when(self, text: object) -> str:
        at = _moment(text)
        return "" if at is None else f"{format_datetime(at, 'medium', locale=self.language)} UTC"

    def value(self, value: object) -> str:
        """A value as people read it: a moment in their way of writing it."""
        text = said(value)
        return self.when(text) if _MOMENT.fullmatch(text) else text

    def days(self, number: int) -> str:
        return translations(self.language).ngettext(DAYS, MANY_DAYS, number) % {"num": number}


def access_paper(language: str, document: Found) -> Paper:
    """Everything: a document of `Packages.access`."""
    say = _Words(language)
    made = say(MADE, day=say.day(document["made_at"]))
    sections = (
        Section(say(YOURS), (), (PaperRows("", tuple(_values(say, document))),)),
        Section(say(EACH), (), tuple(_records(say, document))),
        _listed(say, HAPPENED, tuple(_happened(say, document)), NOTHING),
        _listed(say, AGREED, tuple(_agreed(say, document)), NOTHING),
        _listed(say, BELONGS, tuple(_relations(say, document)), NOTHING),
        Section(say(USED), (), tuple(_purposes(say, document))),
        Section(say(KEPT), (say(STAYS),), tuple(_kept(say, document))),
        _listed(say, SENT, tuple(_recipients(say, document)), NOBODY),
        _listed(say, LOOKED, tuple(_sights(say, document)), NOTHING),
        Section(say(ONE), tuple(str(line) for line in _list(document["how_records_became_one"]))),
    )
    return Paper(language, say(TITLE), (made,), sections)


def portable_paper(language: str, document: Found) -> Paper:
    """What was given: a document of `Packages.portable`."""
    say = _Words(language)
    made = say(GIVEN, day=say.day(document["made_at"]))
    sections = (
        Section(say(EACH), (), tuple(_records(say, document))),
        _listed(say, HAPPENED, tuple(_happened(say, document)), NOTHING),
    )
    return Paper(language, say(GIVEN_TITLE), (made,), sections)


def _listed(say: _Words, name: str, groups: tuple[PaperRows, ...], nothing: str) -> Section:
    return Section(say(name), () if groups else (say(nothing),), groups)


def _values(say: _Words, document: Found) -> Iterator[Row]:
    """Each value, where it is from, since when."""
    origins = _map(document["from"])
    for attribute, value in _map(document["values"]).items():
        won = _maps(_map(origins.get(attribute, {})).get("won", ()))
        sources = ", ".join(sorted({str(w["source"]) for w in won if "source" in w}))
        dates = [int(str(w["since"])) for w in won if w.get("since")]
        told = [said(value)]
        if sources:
            told.append(say(FROM, sources=sources))
        if dates:
            told.append(say(SINCE, day=format_date(from_micros(min(dates)).date(), "long", locale=say.language)))
        yield say.title(attribute), " · ".join(told)


def _records(say: _Words, document: Found) -> Iterator[PaperRows]:
    for record in _maps(document["records"]):
        rows = tuple((say.title(a), said(v)) for a, v in _map(record["values"]).items() if listed(v))
        yield PaperRows(f"{record['source']} · {record['key']}", rows)


def _happened(say: _Words, document: Found) -> Iterator[PaperRows]:
    for i in _maps(document["interactions"]):
        rows = tuple((say.title(a), say.value(v)) for a, v in _map(i["values"]).items() if listed(v))
        yield PaperRows(f"{say.when(i['at'])} · {say(str(i['title']))} · {i['source']}", rows)


def _agreed(say: _Words, document: Found) -> Iterator[PaperRows]:
    for statement in _maps(_map(document["consents"])["statements"]):
        values = _map(statement["values"])
        rows = tuple((say.title(a), say.title(said(v))) for a, v in values.items() if a not in ("at", "text", "where"))
        rows += tuple((say.title(a), said(values[a])) for a in ("text", "where") if a in values)
        yield PaperRows(say.when(values.get("at", "")), rows)


def _relations(say: _Words, document: Found) -> Iterator[PaperRows]:
    rows = tuple((say(str(r["title"])), say.day(r["since"] or "")) for r in _maps(document["relations"]))
    if rows:
        yield PaperRows("", rows)


def _purposes(say: _Words, document: Found) -> Iterator[PaperRows]:
    for p in _maps(document["purposes"]):
        used = ((role, attributes) for role, attributes in _map(p["used_by"]).items() if attributes)
        rows = tuple((say.title(role), ", ".join(say.title(str(a)) for a in _list(of))) for role, of in used)
        yield PaperRows(f"{say(str(p['purpose']))} · {say.title(str(p['basis']))}", rows)


def _kept(say: _Words, document: Found) -> Iterator[PaperRows]:
    rows = tuple((say.title(str(k["what"])), say.days(int(str(k["days"])))) for k in _maps(document["retention"]))
    if rows:
        yield PaperRows("", rows)


def _recipients(say: _Words, document: Found) -> Iterator[PaperRows]:
    rows = tuple(
        (str(r["name"]), say.title(str(r.get("attribute") or r.get("purpose") or "")))
        for r in _maps(document["recipients"])
    )
    if rows:
        yield PaperRows("", rows)


def _sights(say: _Words, document: Found) -> Iterator[PaperRows]:
    """On which day, as what and what for: once, however often on that day."""
    rows = dict.fromkeys(
        (say.day(s["at"]), f"{say.title(str(s['as']))} · {say.title(str(s['purpose']))}")
        for s in _maps(document["seen_by"])
    )
    if rows:
        yield PaperRows("", tuple(rows))


def _moment(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text)).astimezone(UTC)
    except ValueError:
        return None


def _map(value: object) -> Found:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else []


def _maps(value: object) -> list[Found]:
    return [v for v in _list(value) if isinstance(v, Mapping)]
