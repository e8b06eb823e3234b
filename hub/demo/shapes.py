"""The same records in each source's own columns: what billing, CRM, web and app call things."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hub.demo.dice import Bools, Ints, Texts
from hub.demo.organisations import CompanyRecords
from hub.demo.records import APP, BILLING, CRM, WEB, Records

Column = dict[str, pa.Array]


def tables(persons: Records, organisations: CompanyRecords) -> dict[str, pa.Table]:
    """Every stream's rows, by 'source/stream'. Columns with a dot are nested in the CRM's JSON."""
    return {
        "billing/customers": billing_customers(persons),
        "billing/companies": billing_companies(organisations),
        "crm/people": crm_people(persons),
        "crm/companies": crm_companies(organisations),
        "web/signups": web_signups(persons),
        "app/profiles": app_profiles(persons),
    }


def billing_customers(records: Records) -> pa.Table:
    """Customers with their current address. A suffix stands behind the surname; times are without zone, in UTC."""
    r = _Rows(records, records.stream == BILLING)
    return pa.table(
        {
            "id": pa.array([int(k) for k in r.raw("key").tolist()], pa.int64()),
            "first": r["given"],
            "last": said(_joined(r.raw("family"), r.raw("suffix"))),
            "dob": r.dates("birth"),
            "mail": r["email"],
            "invoice_mail": r["email2"],
            "phone_number": r["phone"],
            "vat_id": r["tax_id"],
            "street": said(_joined(r.raw("line1"), r.raw("line2"), ", ")),
            "zip": r["postcode"],
            "town": r["city"],
            "state": r["region"],
            "country": r["country"],
            "updated_at": pa.array(spaced(r.updated), pa.string()),
        }
    )


def billing_companies(records: CompanyRecords) -> pa.Table:
    """Companies in billing's own table, address included."""
    r = _Rows(records, records.stream == 0)
    return pa.table(
        {
            "id": r["key"],
            "name": r["name"],
            "registration_no": r["registration"],
            "vat_id": r["vat"],
            "website": r["website"],
            "mail": r["email"],
            "phone_number": r["phone"],
            "street": r["line1"],
            "zip": r["postcode"],
            "town": r["city"],
            "state": r["region"],
            "country": r["country"],
            "updated_at": pa.array(spaced(r.updated), pa.string()),
        }
    )


def crm_people(records: Records) -> pa.Table:
    """People of the CRM, flat: `name.given` is `{"name": {"given": ...}}` there."""
    r = _Rows(records, records.stream == CRM)
    return pa.table(
        {
            "id": r["key"],
            "name.given": r["given"],
            "name.family": r["family"],
            "name.suffix": r["suffix"],
            "birthDate": r.dates("birth"),
            "emails": listed(r.raw("email"), r.raw("email2")),
            "phones": listed(r.raw("phone"), r.raw("phone2")),
            **_crm_address(r, "line2"),
            "updatedAt": pa.array(zulu(r.updated), pa.string()),
        }
    )


def crm_companies(records: CompanyRecords) -> pa.Table:
    """Companies of the CRM, flat."""
    r = _Rows(records, records.stream == 1)
    employees = r.raw("employees")
    return pa.table(
        {
            "id": r["key"],
            "legalName": r["name"],
            "registrationNo": r["registration"],
            "vat": r["vat"],
            "website": r["website"],
            "industry": r["industry"],
            "employees": pa.array(employees, mask=employees == 0),
            "emails": listed(r.raw("email")),
            "phones": listed(r.raw("phone")),
            **_crm_address(r),
            "updatedAt": pa.array(zulu(r.updated), pa.string()),
        }
    )


def _crm_address(r: _Rows, *extra: str) -> Column:
    named = {
        "line1": "street",
        "line2": "extra",
        "postcode": "postalCode",
        "city": "city",
        "region": "region",
        "country": "country",
    }
    return {f"address.{label}": r[part] for part, label in named.items() if part != "line2" or "line2" in extra}


def web_signups(records: Records) -> pa.Table:
    """Sign-ups: one name field, what the visitor typed."""
    r = _Rows(records, records.stream == WEB)
    return pa.table(
        {
            "signup_id": r["key"],
            "name": said(_full_names(r)),
            "email": r["email"],
            "phone": r["phone"],
            "birthday": r.dates("birth"),
            "street": said(_joined(r.raw("line1"), r.raw("line2"), ", ")),
            "postcode": r["postcode"],
            "city": r["city"],
            "state": r["region"],
            "country": r["country"],
            "language": r["language"],
            "newsletter": r["consent"],
            "submitted_at": pa.array(zulu(r.updated), pa.string()),
        }
    )


def _full_names(r: _Rows) -> Texts:
    return _joined(_joined(r.raw("given"), r.raw("family")), r.raw("suffix"))


def app_profiles(records: Records) -> pa.Table:
    """Profiles with typed columns: dates, times and a yes/no."""
    r = _Rows(records, records.stream == APP)
    consent = r.raw("consent")
    return pa.table(
        {
            "user_id": r["key"],
            "given_name": r["given"],
            "family_name": r["family"],
            "suffix": r["suffix"],
            "gender": r["sex"],
            "birth_date": pa.array(r.raw("birth"), pa.date32()),
            "email": r["email"],
            "phone": r["phone"],
            "locale": r["language"],
            "occupation": r["occupation"],
            "street": r["line1"],
            "street2": r["line2"],
            "postcode": r["postcode"],
            "city": r["city"],
            "state": r["region"],
            "country": r["country"],
            "marketing": pa.array(consent == "yes", mask=consent == ""),
            "updated_at": pa.array(r.updated, pa.timestamp("us", "UTC")),
        }
    )


class _Rows:
    """Some records' columns: text with empty as null."""

    def __init__(self, records: Records | CompanyRecords, where: Bools) -> None:
        self.records, self.where = records, where

    def raw(self, name: str) -> Texts:
        column: Texts = getattr(self.records, name)[self.where]
        return column

    def __getitem__(self, name: str) -> pa.Array:
        return said(self.raw(name))

    @property
    def updated(self) -> Ints:
        return self.records.updated[self.where]

    def dates(self, name: str) -> pa.Array:
        return dates(getattr(self.records, name)[self.where])


# --- columns ---------------------------------------------------------------------------------


def said(column: Texts) -> pa.Array:
    """Text as Arrow; empty is null."""
    return pa.array(column, pa.string(), mask=column == "")


def listed(*columns: Texts) -> pa.Array:
    """Several columns of text as one list column, empty texts left out; null when all are empty."""
    filled = np.stack([c != "" for c in columns], axis=1)
    flat = np.stack(columns, axis=1)[filled]
    count = filled.sum(axis=1)
    offsets = np.concatenate([[0], np.cumsum(count)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(flat, pa.string()), mask=pa.array(count == 0))


def dates(column: NDArray[np.datetime64]) -> pa.Array:
    """Dates as ISO text; not a date: null."""
    return pa.array(np.datetime_as_string(column).astype(object), pa.string(), mask=np.isnat(column))


def zulu(micros: Ints) -> Texts:
    """2026-10-31T12:00:00.000000Z"""
    found: Texts = np.datetime_as_string(micros.astype("datetime64[us]"), timezone="UTC").astype(object)
    return found


def spaced(micros: Ints) -> list[str]:
    """2026-10-31 12:00:00.000000, as SQL databases write it."""
    return [text[:10] + " " + text[11:26] for text in np.datetime_as_string(micros.astype("datetime64[us]")).tolist()]


def _joined(left: Texts, right: Texts, between: str = " ") -> Texts:
    """Left, and right behind it where there is one."""
    where = np.flatnonzero(right != "")
    out = left.copy()
    out[where] = np.where(left[where] != "", left[where] + between, "") + right[where]
    return out
