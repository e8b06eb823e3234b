"""Postal addresses: line1, line2, postcode, city, region, country (ISO alpha-2). All parts are optional.

Forms (lower-case ASCII):
""              the whole address in one line, parts in a fixed order
street          street name, words like street, Straße, rue in one short form: 'Hauptstr.', 'Hauptstraße' -> 'haupt st'
house           house number with its letter: '12a'
postcode        letters and digits: 'sw1a1aa'; of a ZIP+4 the first five
city            the city in words
country         alpha-2
postcode_house  '10115 12a'
street_house    'haupt st 12a'
postcode3       the first three of the postcode: its district
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from hub.kinds import levels_address
from hub.kinds.base import Cleaned, Context, Form, Forms, Kind, Problem
from hub.kinds.reading import HIDDEN, joined, only, or_none, read, words
from hub.model import Value, composite

_LONGEST_LINE = 200  # characters read for a street: the patterns take quadratic time
PARTS = ("line1", "line2", "postcode", "city", "region", "country")
NAMES = ("", "street", "house", "postcode", "city", "country", "postcode_house", "street_house", "postcode3")
PLACEHOLDERS = frozenset(
    {
        "test",
        "test st 1",
        "test st",
        "unknown",
        "address",
        "no address",
        "same",
        "see above",
        "xxx",
        "main st 123",
        "12345",
    }
)

_ALIASES = {
    "uk": "GB", "england": "GB", "scotland": "GB", "wales": "GB", "great britain": "GB", "northern ireland": "GB",
    "britain": "GB",
    "usa": "US", "us of a": "US", "america": "US", "u s": "US", "u s a": "US", "united states of america": "US",
    "etats unis": "US",
    "estados unidos": "US", "vereinigte staaten": "US", "deutschland": "DE", "allemagne": "DE", "alemania": "DE",
    "germania": "DE",
    "duitsland": "DE", "niemcy": "DE", "brd": "DE", "frankreich": "FR", "francia": "FR", "frankrijk": "FR",
    "espana": "ES",
    "spanien": "ES", "espagne": "ES", "spagna": "ES", "italia": "IT", "italien": "IT", "italie": "IT",
    "osterreich": "AT",
    "oesterreich": "AT", "autriche": "AT", "schweiz": "CH", "suisse": "CH", "svizzera": "CH", "suiza": "CH",
    "nederland": "NL",
    "holland": "NL", "the netherlands": "NL", "niederlande": "NL", "pays bas": "NL", "paises bajos": "NL",
    "belgie": "BE",
    "belgique": "BE", "belgien": "BE", "polska": "PL", "polen": "PL", "pologne": "PL", "cesko": "CZ",
    "czech republic": "CZ",
    "ceska republika": "CZ", "tschechien": "CZ", "danmark": "DK", "danemark": "DK", "daenemark": "DK", "sverige": "SE",
    "schweden": "SE", "suede": "SE", "norge": "NO", "norwegen": "NO", "suomi": "FI", "finnland": "FI", "eire": "IE",
    "irland": "IE",
    "republic of ireland": "IE", "portugal": "PT", "brasil": "BR", "mexique": "MX", "magyarorszag": "HU",
    "ungarn": "HU",
    "romania": "RO", "rumanien": "RO", "hellas": "GR", "griechenland": "GR", "turkey": "TR", "turkei": "TR",
    "russia": "RU",
    "rossiya": "RU", "russland": "RU", "ukraina": "UA", "south korea": "KR", "korea": "KR", "nippon": "JP",
    "zhongguo": "CN",
    "uae": "AE", "vietnam": "VN", "iran": "IR", "taiwan": "TW", "ivory coast": "CI", "macedonia": "MK", "bolivia": "BO",
    "venezuela": "VE", "tanzania": "TZ", "moldova": "MD", "syria": "SY", "laos": "LA", "luxemburg": "LU",
    "hrvatska": "HR",
    "kroatien": "HR", "slovensko": "SK", "slowakei": "SK", "slovenija": "SI", "slowenien": "SI", "island": "IS",
    "india": "IN",
}  # fmt: skip
_STREET = {
    **dict.fromkeys(("street", "str", "st", "strasse", "straat", "stret", "strase"), "st"),
    **dict.fromkeys(("avenue", "ave", "av", "aven", "avenida", "avda", "avd"), "ave"),
    **dict.fromkeys(("road", "rd"), "rd"), **dict.fromkeys(("boulevard", "blvd", "blv", "bd", "boul", "bvd", "bulevar"),
    "blvd"),
    **dict.fromkeys(("drive", "dr", "drv"), "dr"), **dict.fromkeys(("lane", "ln"), "ln"), **dict.fromkeys(("court",
    "ct", "crt"), "ct"),
    **dict.fromkeys(("place", "pl", "platz", "plaza", "plz", "plein", "piazza", "pza", "pza", "plac"), "pl"),
    **dict.fromkeys(("square", "sq"), "sq"), **dict.fromkeys(("terrace", "ter", "terr", "tce"), "ter"),
    **dict.fromkeys(("crescent", "cres", "cr"), "cres"), **dict.fromkeys(("close", "cl"), "cl"),
    **dict.fromkeys(("gardens", "gdns"), "gdns"),
    **dict.fromkeys(("highway", "hwy"), "hwy"), **dict.fromkeys(("parkway", "pkwy", "pky"), "pkwy"),
    **dict.fromkeys(("circle", "cir"), "cir"),
    **dict.fromkeys(("trail", "trl"), "trl"), **dict.fromkeys(("grove", "gr", "grv"), "gr"),
    **dict.fromkeys(("mount", "mt"), "mt"),
    **dict.fromkeys(("north", "n"), "n"), **dict.fromkeys(("south", "s"), "s"), **dict.fromkeys(("east", "e"), "e"),
    **dict.fromkeys(("west", "w"), "w"), **dict.fromkeys(("saint", "sankt", "skt"), "st"), **dict.fromkeys(("weg",
    "wg"), "weg"),
    **dict.fromkeys(("allee", "al"), "allee"), **dict.fromkeys(("rue", "r"), "rue"), **dict.fromkeys(("calle", "c"),
    "calle"),
    **dict.fromkeys(("via", "v"), "via"), **dict.fromkeys(("ulica", "ul", "ulitsa"), "ul"), **dict.fromkeys(("route",
    "rte"), "rte"),
    **dict.fromkeys(("chemin", "che", "chem"), "chemin"), **dict.fromkeys(("impasse", "imp"), "imp"),
    "first": "1st", "second": "2nd", "third": "3rd", "fourth": "4th", "fifth": "5th", "sixth": "6th", "seventh": "7th",
    "eighth": "8th", "ninth": "9th", "tenth": "10th",
}  # fmt: skip
_GLUED = re.compile(r"([a-z]{3,})(strasse|straat|str|platz|allee|weg|gasse|plein|laan|gatan|vagen)$")
_UNIT_WORD = (
    "(?:apt|apartment|unit|suite|ste|flat|room|rm|fl|floor|"
    "whg|wohnung|app|appt|appartement|etage|og|eg|piso|puerta|building|bldg)"
)
_UNIT = re.compile(
    rf"^{_UNIT_WORD} \w{{1,4}} (?=.*\d)|(?:\s\d{{1,2}})?\s{_UNIT_WORD}(?:\s\w{{1,4}}){{0,2}}$|\sc o\s.*$"
)
_ONLY_UNIT = re.compile(
    rf"(?:\d{{1,3}} ?(?:st|nd|rd|th|er|eme|e|o)? ?)?(?:{_UNIT_WORD}|top|stock|stiege|tuer|level|lot|box|po box|postfach|haus|"
    r"hinterhaus|vorderhaus|seitenfluegel|house|block|tower|lokal|byt|apto|pta|esc|bajo|interno|scala"
    r"|esq|dto|drt|frt|frente|andar|lejl|lejlighed|kv|kvartira|bus|lgh)(?: \w{1,8}){0,3}|c o .*"
)
_HASH_UNIT = re.compile(r"#\s*\w+")
_NUMBER = r"\d{1,5}(?:\s?[a-z](?![a-z]))?(?:\s(?:bis|ter)\b)?"
_RANGE = r"(?:\s\d{1,5}[a-z]?(?=\s|$))*"
# of 12 n 3rd st the n is where the street lies: it is the house's only where it hangs on it
_LEADING = r"\d{1,5}(?:(?:\s?[a-df-mo-rt-vx-z]|[ensw])(?![a-z]))?(?:\s(?:bis|ter)\b)?"
_LEADING_NUMBER = re.compile(rf"(?P<house>{_LEADING}){_RANGE}\s+(?P<street>\w*[a-z].*)")
_TRAILING_NUMBER = re.compile(rf"(?P<street>.*?[a-z].*?)\s+(?P<house>{_NUMBER}){_RANGE}")
_WHERE = re.compile(r"(?<=[a-z])\s(?:between|btwn|near|opposite|at)\s.*$")
_ZIP4 = re.compile(r"(\d{5})-\d{4}", re.ASCII)
# Countries with postcodes that begin with 0, and how many digits each has.
_DIGITS = {
    **dict.fromkeys(("DE", "FR", "ES", "IT", "US", "MX", "TR", "FI", "UA", "KR", "MY", "SK", "PR"), 5),
    **dict.fromkeys(("NO", "AU"), 4),
    **dict.fromkeys(("RO", "SG"), 6),
    "JP": 7,
}
_NUMERIC_POSTCODE = re.compile(r"(?P<digits>\d{3,7})(?:\.0)?(?P<more>-\d{4})?", re.ASCII)
_CITY_LINE = re.compile(
    r"(?:(?P<country>[A-Z]{1,3})-)?(?P<postcode>\d{4,5}|\d{3} \d{2}|\d{4} ?[A-Z]{2})\s+(?P<city>\D{2,})"
)
_US_TAIL = re.compile(r"(?P<region>[A-Z]{2})\s+(?P<postcode>\d{5}(?:-\d{4})?)")
_UK_TAIL = re.compile(r"(?:(?P<city>\D*?)\s+)?(?P<postcode>[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2})", re.IGNORECASE)


@lru_cache(maxsize=4096)
def country_code(text: str) -> str | None:
    """ISO alpha-2 of a country's name, alpha-2 or alpha-3 code, in the common languages; None when unknown."""
    name = words(text)
    return _country_names().get(name) if name else None


@lru_cache(maxsize=1)
def _country_names() -> Mapping[str, str]:
    import pycountry  # 100 ms to import

    names: dict[str, str] = {}
    for country in pycountry.countries:
        for field in ("name", "official_name", "common_name", "alpha_3", "alpha_2"):
            if label := getattr(country, field, None):
                names[words(label)] = country.alpha_2
    return {**names, **_ALIASES}


def clean(raw: object, context: Context) -> Cleaned | Problem | None:
    """An address from its parts or from one text. A country that is not known stays as written."""
    given = _given_parts(raw)
    if given is None:
        text = read(raw)
        if not isinstance(text, str):
            return text
        parts = parse_line(text, context.country)
    else:
        parts = {}
        for part, value in given.items():
            found = read(value)
            if isinstance(found, Problem):
                return Problem(f"{part}: {found.reason}")
            if found is not None:
                parts[part] = found
    if not parts:
        return None
    return _finished(parts, context)


def _given_parts(raw: object) -> dict[str, object] | None:
    """Known parts of a raw address; None when it has no parts."""
    if isinstance(raw, tuple) and raw and all(isinstance(item, tuple) and len(item) == 2 for item in raw):
        raw = {name: value for name, value in raw if isinstance(name, str)}
    if not isinstance(raw, Mapping):
        return None
    return {part: raw[part] for part in PARTS if part in raw}


def _finished(parts: dict[str, str], context: Context) -> Cleaned | Problem | None:
    if "country" in parts:
        parts["country"] = country_code(parts["country"]) or parts["country"]
    elif context.country:
        parts["country"] = context.country.upper()
    if set(parts) <= {"country"}:  # a country alone is no address, but says something when it was given
        return None
    if parts.get("postcode", "").isascii() and "postcode" in parts:
        parts["postcode"] = _whole_postcode(parts["postcode"].upper(), parts.get("country", ""))
    if sum(map(len, parts.values())) > 4096:
        return Problem("longer than 4 KiB")
    return Cleaned(composite(parts))


def _whole_postcode(text: str, country: str) -> str:
    """'1067' in Germany is 01067: spreadsheets and numeric columns drop zeros in front. Only where the country says how many."""
    found = _NUMERIC_POSTCODE.fullmatch(text)
    size = _DIGITS.get(country)
    if found is None or size is None or not size - 2 <= len(found["digits"]) < size:
        return text
    if country != "US" and len(found["digits"]) < size - 1:
        return text  # two zeros in front: those of Puerto Rico alone
    return found["digits"].zfill(size) + (found["more"] or "")


def parse_line(text: str, country: str | None = None) -> dict[str, str]:
    """Parts of an address in one text, as far as they are plain to see; the rest is line1."""
    pieces = [piece.strip() for piece in re.split(r"[,;\n]", text) if piece.strip()]
    parts: dict[str, str] = {}
    if len(pieces) < 2 or len(text) > 2 * _LONGEST_LINE:
        return {"line1": text}
    if (
        len(pieces) > 2
        and (code := country_code(pieces[-1]))
        and len(pieces[-1]) > 1
        and not _US_TAIL.fullmatch(pieces[-1])
    ):
        parts["country"] = code
        pieces.pop()
    if found := _US_TAIL.fullmatch(pieces[-1]):
        parts |= {"region": found["region"], "postcode": found["postcode"]}
        pieces.pop()
        if len(pieces) > 1:
            parts["city"] = pieces.pop()
    elif found := _CITY_LINE.fullmatch(pieces[-1]):
        parts |= {"postcode": found["postcode"], "city": found["city"]}
        pieces.pop()
    elif found := _UK_TAIL.fullmatch(pieces[-1]):
        parts["postcode"] = found["postcode"]
        pieces.pop()
        city = found["city"] or (pieces.pop() if len(pieces) > 1 else None)
        parts |= {"city": city} if city else {}
    else:
        return {"line1": text}
    if pieces:
        parts["line1"] = pieces[0]
    if len(pieces) > 1:
        parts["line2"] = ", ".join(pieces[1:])
    return parts


def _street_first(parts: dict[str, str]) -> dict[str, str]:
    """A flat, a floor, a building or a c/o in line 1 and the street in line 2: compared the other way round."""
    first, second = parts.get("line1"), parts.get("line2")
    if not first or not second or len(first) + len(second) > _LONGEST_LINE or _is_unit(second):
        return parts
    street, house = _street_and_house(second)
    bare = words(first)
    named = not any(map(str.isdigit, bare)) and not any(w in _STREET or _GLUED.match(w) for w in bare.split())
    if street and house and (_is_unit(first) or named):
        return {**parts, "line1": second, "line2": first}
    return parts


def _is_unit(line: str) -> bool:
    text = _HASH_UNIT.sub(" ", line).strip()
    return not text or _ONLY_UNIT.fullmatch(words(text)) is not None


def _street_and_house(line: str) -> tuple[str, str]:
    """('haupt st', '12a') of 'Hauptstraße 12 a'."""
    text = words(_HASH_UNIT.sub("", line) if "#" in line else line)[:_LONGEST_LINE]
    bare = _UNIT.sub("", text).strip() or text
    if bare[:1].isdigit():
        bare = _WHERE.sub("", bare)
    found = _LEADING_NUMBER.fullmatch(bare) or _TRAILING_NUMBER.fullmatch(bare)
    street, house = (found["street"], found["house"].replace(" ", "")) if found else (bare, "")
    return " ".join(_short(word) for word in street.split()), house


def _short(word: str) -> str:
    if word in _STREET:
        return _STREET[word]
    if len(word) > 5 and (glued := _GLUED.match(word)):
        return f"{glued[1]} {_STREET.get(glued[2], glued[2])}"
    return word


def forms(value: Value) -> Forms:
    parts = {"line1": value} if isinstance(value, str) else dict(value)
    parts = _street_first(parts)
    street, house = _street_and_house(parts["line1"]) if parts.get("line1") else ("", "")
    postcode = joined(_ZIP4.sub(r"\1", parts["postcode"])) if parts.get("postcode") else ""
    city = words(parts["city"]) if parts.get("city") else ""
    country = joined(parts["country"]) if parts.get("country") else ""
    extra = words(parts["line2"]) if parts.get("line2") else ""
    if f"{street} {house}".strip() in PLACEHOLDERS:
        if not (extra or postcode or city):
            return only(f"{street} {house}".strip(), NAMES)
        street, house = "", ""
    whole = " ".join(filter(None, (street, house, extra, postcode, city)))
    return {
        "": or_none(whole),
        "street": or_none(street),
        "house": or_none(house),
        "postcode": or_none(postcode),
        "city": or_none(city),
        "country": or_none(country),
        "postcode_house": _both(postcode, house),
        "street_house": _both(street, house),
        "postcode3": or_none(postcode[:3]),
    }


def _both(left: str, right: str) -> Form:
    return f"{left} {right}" if left and right else None


def mask(value: Value) -> Value:
    """Country and the first two characters of the postcode; a text shows nothing."""
    if isinstance(value, str):
        return HIDDEN
    parts = dict(value)
    shown: dict[str, str] = {}
    if parts.get("country"):
        shown["country"] = parts["country"] if len(parts["country"]) == 2 else HIDDEN
    if parts.get("postcode"):
        shown["postcode"] = parts["postcode"][:2] + HIDDEN if len(parts["postcode"]) > 3 else HIDDEN
    for part in ("line1", "line2", "city", "region"):
        if parts.get(part):
            shown[part] = HIDDEN
    return composite(shown)


POSTAL_ADDRESS = Kind(
    name="postal_address",
    clean=clean,
    forms=forms,
    mask=mask,
    keys=("", "street", "house", "postcode", "city", "postcode_house", "street_house", "postcode3"),
    parts=PARTS,
    placeholders=PLACEHOLDERS,
    version=4,
    levels=levels_address.POSTAL_ADDRESS,
    compares={"value": "street_house", "street": "street", "house": "house", "postcode": "postcode", "city": "city"},
)
