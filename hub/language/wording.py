"""How values and names are said, whoever they are said to. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

ADDRESS = ("line1", "line2", "line3", "postcode", "city", "region", "country")


def title(word: str) -> str:
    """`birth_date` as people read it: Birth date."""
    plain = word.replace("_", " ").strip()
    plain = " ".join("ID" if part == "id" else part for part in plain.split())
    return plain[:1].upper() + plain[1:]


def sentence(words: object) -> str:
    """Words of the hub's as a sentence begins."""
    text = str(words)
    return text[:1].upper() + text[1:]


def said(value: object) -> str:
    """A value on one line."""
    if isinstance(value, Mapping):
        return ", ".join(_parts(value))
    if isinstance(value, list | tuple):
        return ", ".join(said(v) for v in value)
    return "" if value is None else str(value)


def _parts(value: Mapping[str, object]) -> Iterator[str]:
    """An address as an envelope has it, money as a price; anything else part by part."""
    if value.keys() == {"amount", "currency"}:
        yield f"{value['amount']} {value['currency']}"
        return
    known = {name: str(part) for name, part in value.items() if part}
    for name in sorted(known, key=lambda n: (ADDRESS.index(n) if n in ADDRESS else -1, n)):
        if name == "city" and "postcode" in known:
            continue
        yield f"{known[name]} {known['city']}" if name == "postcode" and "city" in known else known[name]


def listed(value: object) -> list[object]:
    """The values of an attribute, one or many."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]
