"""Company names, shown as given.

Forms (lower-case ASCII):
""       the name without its legal form, 'and' for '&': 'Müller & Söhne GmbH & Co. KG' -> 'muller and sohne'
legal    the legal form that was left out: 'gmbh co kg', 'inc'
first    the first word
tokens   the words without 'and', 'of' and the like, sorted
acronym  their first letters: 'international business machines' -> 'ibm'; a single word is itself
sound    double metaphone of the first word
joined   "" without spaces, umlauts in one spelling: 'face book' and 'Facebook' -> 'facebook'
"""

from __future__ import annotations

import re
from functools import lru_cache

from cleanco.termdata import terms_by_country, terms_by_type

from hub.kinds import levels_company
from hub.kinds.base import Cleaned, Context, Forms, Kind, Problem
from hub.kinds.given_name import sound
from hub.kinds.reading import initial_mask, joined_codes, only, or_none, plain_vowels, read, text_of, to_ascii, word_set
from hub.model import Value

NAMES = ("", "legal", "first", "tokens", "acronym", "sound", "joined")
PLACEHOLDERS = frozenset(
    {"test", "test company", "company", "company name", "firma", "private", "privat", "self", "self employed",
    "selfemployed", "individual",
     "personal", "home", "none", "retired", "student", "example", "sample", "dummy", "xxx", "freelance"}
)  # fmt: skip
_FILLERS = word_set("and und et y e i og och en the of de la le der die das for fur")
_INITIALS = re.compile(r"\b((?:[a-z]\.)+[a-z]?)(?![a-z])")
_OTHER = re.compile(r"[^a-z0-9]+")
_CJK = re.compile(
    r"股份有限公司|有限责任公司|有限責任公司|有限公司|集团公司|公司$|株式会社|有限会社|合同会社|合資会社|合名会社|주식회사|유한회사|"
    r"[(（](?:株|有|同|주|유)[)）]|㈱|㈲|㈜|^شركة\s|ש\.מ|בע\"?מ"
)
_MORE = """
    gmbh; gmbh and co kg; gmbh und co kg; gmbh and co; gmbh and co kgaa; ag and co kg; mbh; ug haftungsbeschrankt; ug;
    ohg; gbr; ev; eg; ek; kgaa; se; se and co kg;
    gesellschaft mit beschrankter haftung; gesellschaft mbh; gesellschaft m b h; aktiengesellschaft; kommanditgesellschaft; stiftung and co kg; inc;
    incorporated; llc; llp; lp; ltd; limited; plc; corp;
    corporation; co; company; and co; and company; co ltd; company limited; co inc; pty ltd; pte ltd; pvt ltd; private
    limited; sarl; sas; sasu; sa; snc; sci; eurl; scop;
    societe anonyme; sl; slu; sau; sociedad limitada; sociedad anonima; sa de cv; sab de cv; sapi de cv;
    s de rl de cv; srl; srls; spa; sapa;
    snc di; bv; nv; vof; cv; bvba; sprl; asbl; vzw; as; asa; ab;
    aps; a s; oy; oyj; ky; sp z oo; spolka z oo; spolka akcyjna; sp j; sp k; spzoo; sro; spol s ro; doo; dd; kft; zrt;
    nyrt; bt; ood; eood; ad; sia; uab; ou; ltda; eireli; me; epp;
    ооо; оао; зао; пао; ао; нао; ип; тов; фоп; чп; тоо; общество с ограниченной ответственностью; акционерное
    общество; индивидуальный предприниматель;
    публичное акционерное общество; kabushiki kaisha; kk; yugen kaisha; godo kaisha; co jp; bhd; sdn bhd; pt; tbk; cv;
    pjsc; ojsc; cjsc; jsc; fze; fzco; dmcc; fz llc; as sanayi; anonim sirketi; a s
"""
_LEADING = """
    ооо; оао; зао; пао; ао; нао; ип; тов; фоп; тоо; общество с ограниченной ответственностью; акционерное общество;
    индивидуальный предприниматель;
    публичное акционерное общество; the; firma; fa; pt; cv; sia; uab; as; ou; sarl; sas; eurl; sci; ste; societe; ets;
    etablissements; sc; sa; kabushiki kaisha; gmbh; ug
"""
_SAME = {
    "incorporated": "inc", "limited": "ltd", "corporation": "corp", "company": "co",
    "gesellschaft mit beschrankter haftung": "gmbh", "gesellschaft mbh": "gmbh", "mbh": "gmbh",
    "aktiengesellschaft": "ag", "spolka z oo": "sp z oo", "private limited": "pvt ltd",
    "obshchestvo s ogranichennoy otvetstvennostyu": "ooo",
    "aktsionernoe obshchestvo": "ao", "kabushiki kaisha": "kk", "company limited": "co ltd", "and company": "co",
    "and co": "co",
}  # fmt: skip


def _plain(text: str) -> str:
    """Lower-case ASCII words: 'S.p.A.' is one word, '&' and '+' are 'and'."""
    text = to_ascii(text).lower()
    if "." in text:
        text = _INITIALS.sub(lambda found: found[1].replace(".", ""), text)
    if "&" in text or "+" in text:
        text = text.replace("&", " and ").replace("+", " and ")
    return _OTHER.sub(" ", text.replace("'", "")).strip()


def _terms(text: str) -> frozenset[tuple[str, ...]]:
    return frozenset(tuple(_plain(term).split()) for term in text.split(";") if term.strip())


@lru_cache(maxsize=1)
def _legal_forms() -> tuple[frozenset[tuple[str, ...]], frozenset[tuple[str, ...]]]:
    """Legal forms as words: those that end a name, those that lead it."""
    known = [term for group in (terms_by_type, terms_by_country) for terms in group.values() for term in terms]
    ends = {words for term in known if (words := tuple(_plain(term).split()))} | _terms(_MORE)
    return frozenset(ends - {("holding",), ("private",), ("group",)}), _terms(_LEADING)


def _split_legal(words: list[str]) -> tuple[list[str], list[str]]:
    """The words of the name proper, those of the legal form."""
    ends, leads = _legal_forms()
    legal: list[str] = []
    while len(words) > 1 and (
        size := next((n for n in range(min(5, len(words) - 1), 0, -1) if tuple(words[-n:]) in ends), 0)
    ):
        legal = words[-size:] + legal
        words = words[:-size]
    while len(words) > 1 and words[-1] in ("and", "und"):
        words = words[:-1]
    size = next((n for n in range(min(4, len(words) - 1), 0, -1) if tuple(words[:n]) in leads), 0)
    if size:
        legal += [word for word in words[:size] if word not in ("the", "firma", "fa")]
        words = words[size:]
    return words, legal


def clean(raw: object, context: Context) -> Cleaned | Problem | None:
    text = read(raw)
    if not isinstance(text, str):
        return text
    if not any(map(str.isalnum, text)):
        return Problem("no letters in a company name")
    return Cleaned(text)


def forms(value: Value) -> Forms:
    text = text_of(value)
    if not text.isascii():
        text = _CJK.sub(" ", text).strip() or text
    words, legal = _split_legal(_plain(text).split() or [joined_codes(text)])
    whole = " ".join(words)
    if whole in PLACEHOLDERS:
        return only(whole, NAMES)
    kept = [word for word in words if word not in _FILLERS] or words
    form = " ".join(word for word in legal if word != "and")
    return {
        "": or_none(whole),
        "legal": or_none(_SAME.get(" ".join(legal), form)),
        "first": or_none(kept[0]),
        "tokens": or_none(" ".join(sorted(kept))),
        "acronym": "".join(word[0] for word in kept) if len(kept) > 1 else or_none(kept[0]),
        "sound": sound(kept[0]),
        "joined": or_none(plain_vowels("".join(kept))),
    }


COMPANY_NAME = Kind(
    name="company_name",
    clean=clean,
    forms=forms,
    mask=initial_mask,
    keys=("", "first", "tokens", "acronym", "sound", "joined"),
    placeholders=PLACEHOLDERS,
    version=5,
    levels=levels_company.COMPANY_NAME,
    compares={"value": "", "sorted": "tokens", "joined": "joined"},
)
