"""All that is said to customers is said in every language."""

from __future__ import annotations

from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from jinja2.ext import babel_extract
from reportlab.pdfbase.pdfmetrics import stringWidth

import hub
from hub.console.words import RULES
from hub.language import copies, letters, messages, pdf
from hub.language.catalog import FOLDER, chosen, languages, said_in
from hub.language.wording import title
from hub.portal.pages import ENTRIES
from hub.privacy.request_store import StoredRequest
from hub.privacy.requests import RequestSeen
from hub.settings import load

HUB = Path(hub.__file__).parent
TEMPLATES = [
    *sorted((HUB / "portal/templates").glob("*.html")),
    *(HUB / "console/templates/customer" / f"{n}.html" for n in ("values", "parts")),
]
CONFIG = HUB.parent / "config"
DAY = 86_400_000_000


def _said() -> set[str]:
    found: set[str] = set()
    for path in TEMPLATES:
        with path.open("rb") as file:
            for _, _, text, _ in babel_extract(
                file, ("_", "gettext", "ngettext"), [], {"extensions": "jinja2.ext.i18n"}
            ):
                found.add(text if isinstance(text, str) else text[0] if text else "")
    config = load(CONFIG, reaching=False)
    found |= {title(a) for t in ("person",) for a in config.customers[t].attributes}
    found |= {t.title or title(n) for n, t in config.interactions.items()} | {
        t.title for t in config.relations.values()
    }
    found |= {title(a) for t in config.interactions.values() for a in t.attributes}
    found |= {p.title for p in config.purposes.values()} | {r.title for r in config.access.roles.values() if r.purposes}
    found |= {title(p.basis) for p in config.purposes.values()}
    found |= {*RULES.values(), *(name for _, name in ENTRIES), messages.SIGN_IN, messages.PROOF, messages.SUBJECT}
    found |= {*letters.WORDS, *copies.WORDS}
    return found - {""}


@pytest.mark.parametrize("language", [one for one in languages() if one != "en"])
def test_every_word_is_there(language: str) -> None:
    with (FOLDER / f"{language}.po").open("rb") as file:
        catalogue = read_po(file, locale=language)
    there = {(m.id if isinstance(m.id, str) else m.id[0]): m for m in catalogue if m.id}
    assert _said() - there.keys() == set()
    assert [m.id for m in there.values() if not m.string] == []
    assert not [m.id for m in there.values() if m.python_format and list(m.check(catalogue))]


def test_the_language_is_the_one_that_is_asked_for_first_and_there() -> None:
    assert chosen("fr, de-AT;q=0.9, en;q=0.5") == "de" and chosen("") == "en" and chosen("de;q=0, x;q=nan, en") == "en"
    assert said_in("de", messages.SUBJECT) == "Ihr Code" and said_in("xx", messages.SUBJECT) == messages.SUBJECT


def test_of_no_words_nothing_is_said() -> None:
    assert said_in("de", "") == said_in("en", "") == ""


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("kind", letters.KINDS)
@pytest.mark.parametrize("state", ["open", "closed", "refused", "restricted", "lifted", "removed"])
def test_a_letter_is_told_of_every_request_however_it_stands(language: str, kind: str, state: str) -> None:
    ended = None if state == "open" else DAY
    for extended in (None, DAY):
        asked = StoredRequest(
            "req_1", kind, "cus_1", state, "officer", language, "many records", "", 0, 30 * DAY, extended, ended
        )
        told = letters.letter(RequestSeen(asked, ()))
        assert all(told.text) and ": ." not in " ".join(told.text)


def test_a_word_wider_than_a_line_is_cut_into_pieces_that_fit() -> None:
    long = "x" * 10_000 + "\u00fc" * 500
    pieces = list(pdf.cut(long, "Helvetica", pdf.SIZE, 200))
    assert "".join(pieces) == long and len(pieces) > 200
    assert all(stringWidth(piece, "Helvetica", pdf.SIZE) <= 200 for piece in pieces)
