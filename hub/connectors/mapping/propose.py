"""A first map for a stream, from what its columns are called and what stands in them. Pure.

A value tells more than a name: a column of e-mail addresses is one, whatever it is called. Where neither tells, nothing is
proposed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from hub.connectors.base import JSON
from hub.connectors.mapping.times import instant
from hub.kinds import KINDS
from hub.kinds.base import Cleaned, Context
from hub.kinds.reading import to_ascii
from hub.settings import CustomerType, compile_path

ENOUGH = 0.6  # of a column's values must read as what it is proposed for

# What columns are called, in the words of several languages, lower case and letters alone. The order of a row is the order of trust.
NAMES: dict[str, tuple[str, ...]] = {
    "given_name": ("givenname", "firstname", "first", "forename", "vorname", "prenom", "nombre", "nome"),
    "middle_name": ("middlename", "middle"),
    "family_name": (
        "familyname",
        "lastname",
        "last",
        "surname",
        "nachname",
        "apellido",
        "apellidos",
        "cognome",
        "sobrenome",
    ),
    "full_name": ("fullname", "displayname", "customername", "contactname", "name"),
    "title": ("title", "salutation", "anrede", "titel"),
    "company_name": (
        "companyname",
        "company",
        "firma",
        "organisation",
        "organization",
        "legalname",
        "accountname",
        "name",
    ),
    "sex": ("sex", "gender", "geschlecht"),
    "birth_date": (
        *("birthdate", "dateofbirth", "dob", "birthday", "born", "geburtsdatum", "geburtstag", "geboren", "gebdatum"),
        *("fechanacimiento", "fechadenacimiento", "datenaissance", "datedenaissance", "datanascimento"),
        *("datadenascimento", "datadinascita", "geboortedatum", "dataurodzenia"),
    ),
    "email": ("email", "emailaddress", "mail", "emails"),
    "phone": (
        "phone",
        "phonenumber",
        "telephone",
        "tel",
        "mobile",
        "mobilephone",
        "cell",
        "telefon",
        "handy",
        "mobil",
        "rufnummer",
        "telefonnummer",
        "telefono",
        "telefone",
        "movil",
        "telemovel",
        "phones",
    ),
    "tax_id": ("taxid", "vat", "vatid", "vatnumber", "ustid", "nif"),
    "national_id": ("nationalid", "ssn", "personalid"),
    "registration_id": ("registrationid", "registrationno", "companynumber", "hrb"),
    "domain": ("domain", "website", "web", "url", "homepage"),
    "language": ("language", "locale", "lang", "sprache"),
    "occupation": ("occupation", "job", "jobtitle", "profession", "beruf"),
    "industry": ("industry", "branche", "sector"),
    "employees": ("employees", "headcount", "mitarbeiter"),
    "marketing_consent": ("marketingconsent", "newsletter", "optin", "marketing"),
}
PARTS: dict[str, tuple[str, ...]] = {
    "line1": ("line1", "street", "address1", "addressline1", "streetaddress", "address", "strasse", "rue", "rua"),
    "line2": ("line2", "address2", "addressline2", "extra"),
    "postcode": ("postcode", "postalcode", "zip", "zipcode", "plz", "codigopostal"),
    "city": ("city", "town", "ort", "stadt", "ville", "ciudad", "cidade"),
    "region": ("region", "state", "province", "bundesland"),
    "country": ("country", "countrycode", "land", "pays"),
}
KEYS = ("id", "key", "uuid", "no", "number", "customerid", "customerno", "customernumber", "customer", "code")
VERSIONS = (
    "updatedat",
    "modifiedat",
    "lastmodified",
    "lastchange",
    "changedat",
    "changed",
    "updated",
    "modified",
    "systemmodstamp",
)


class NoColumns(Exception):
    """There is nothing of which a map could be made."""


@dataclass
class ProposedMap:
    """What a stream's file would say, and what was seen that led to it."""

    key: str
    version: str | None = None
    map: dict[str, str | dict[str, str]] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)  # attribute -> the reason
    unused: tuple[str, ...] = ()


def propose(rows: Sequence[Mapping[str, JSON]], type_: CustomerType, country: str | None = None) -> ProposedMap:
    """A map of these rows to a customer type. NoColumns when there is no row, or none that a path could lead into."""
    columns = {name: values for name, values in _columns(rows).items() if _can_be_named(name)}
    if not columns:
        raise NoColumns
    key = _key(columns, len(rows))
    version = next((c for n in VERSIONS for c in columns if _plain(c) == n and _are_times(columns[c])), None)
    made, left = ProposedMap(key, version), [c for c in columns if c not in (key, version)]
    for attribute in type_.attributes:
        kind = type_.attributes[attribute].kind
        if kind == "postal_address":
            parts = {part: found for part in PARTS if (found := _named(PARTS[part], left)) is not None}
            if "line1" in parts or len(parts) >= 2:
                made.map[attribute], made.why[attribute] = {p: c for p, c in parts.items()}, "by their names"
                left = [c for c in left if c not in parts.values()]
            continue
        column, why = _column(attribute, kind, columns, left, country)
        if column is not None:
            made.map[attribute], made.why[attribute] = column, why
            left.remove(column)
    if {"given_name", "family_name"} <= made.map.keys():
        made.map.pop("full_name", None)
    made.unused = tuple(left)
    return made


def _column(
    attribute: str, kind: str, columns: Mapping[str, list[JSON]], left: Sequence[str], country: str | None
) -> tuple[str | None, str]:
    """The column of an attribute, and why: by name where its values read, else by values that say it clearly."""
    named = _named(NAMES.get(attribute, ()), left)
    if named is not None and _share(kind, columns[named], country) >= ENOUGH:
        return named, "by its name"
    if kind in ("email", "phone"):
        found = [(s, c) for c in left if (s := _telling(kind, columns[c], country)) >= ENOUGH]
        if found:
            return max(found, key=lambda pair: pair[0])[1], "by its values"
    return None, ""


def _telling(kind: str, values: Sequence[JSON], country: str | None) -> float:
    """How many values are surely of this kind: digits alone may be anything."""
    sure = {"email": r".+@.+\..+", "phone": r"\s*(\+|00|0|\().*\d.*\d.*[\s/\-()].*\d.*|\s*\+\d{8,}\s*"}[kind]
    told = [v for v in values if isinstance(v, str) and re.fullmatch(sure, v)]
    return _share(kind, told, country) * len(told) / len(values) if values else 0.0


def _share(kind: str, values: Sequence[JSON], country: str | None) -> float:
    """How many of the values that say something can be read as this kind. A column without any says nothing against it."""
    context = Context(country=country)
    read = [KINDS[kind].clean(v, context) for v in values[:200]]
    said = [r for r in read if r is not None]
    return sum(isinstance(r, Cleaned) for r in said) / len(said) if said else 1.0


def _named(names: Sequence[str], columns: Sequence[str]) -> str | None:
    """The column of one of these names, or whose last part is one."""
    for whole in (True, False):
        for name in names:
            for column in columns:
                if _plain(column if whole else column.rpartition(".")[2]) == name:
                    return column
    return None


def _plain(name: str) -> str:
    return re.sub("[^a-z0-9]", "", to_ascii(name).lower())


def _key(columns: Mapping[str, list[JSON]], rows: int) -> str:
    """What tells the rows apart: by name, else the first column of which no value comes twice."""
    unique = [c for c, v in columns.items() if len(v) == rows and len({str(x) for x in v}) == rows]
    named = [c for name in KEYS for c in unique if _plain(c) == name]
    named += [c for c in unique if _plain(c).endswith(("id", "no", "key"))]
    return next(iter([*named, *unique, *columns]))


def _are_times(values: Sequence[JSON]) -> bool:
    return all(instant(v) is not None for v in values[:50] if isinstance(v, str))


def _columns(rows: Sequence[Mapping[str, JSON]]) -> dict[str, list[JSON]]:
    """Column -> its values that are not empty; nested fields by their path, lists by their first value."""
    found: dict[str, list[JSON]] = {}
    for row in rows:
        for name, value in _flat(row, ""):
            kept = found.setdefault(name, [])
            if value not in (None, "", []):
                kept.append(value[0] if isinstance(value, list) else value)
    return found


def _can_be_named(column: str) -> bool:
    """What a file's first line holds may be no name at all."""
    try:
        compile_path(column, "")
    except ValueError:
        return False
    return True


def _flat(row: Mapping[str, JSON], before: str) -> Iterator[tuple[str, JSON]]:
    for name, value in row.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value
