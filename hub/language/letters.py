"""What a person is told of a request of theirs, in their language: that it came, takes longer, was refused, is done. Pure but
for the words, which come from their files."""

from __future__ import annotations

from babel.dates import format_date

from hub.language.catalog import said_in
from hub.language.paper import Paper, PaperRows, Section
from hub.model import from_micros
from hub.privacy.requests import RequestSeen

KINDS = {
    "access": "A copy of everything",
    "portability": "A copy to take elsewhere",
    "rectification": "A correction",
    "erasure": "Erasure",
    "restriction": "Nobody may use it",
    "objection": "An objection",
    "review": "A look by somebody",
}
DONE = {
    "access": "You have a copy of all that is held of you, where it is from, what for it is used and who had it.",
    "portability": "You have a copy of what you gave, as a file that other systems read.",
    "rectification": "What you told us is put right. It stays so, whatever other systems say of before, and everybody who has your data is sent it.",
    "erasure": "Your data are removed here. Nothing of you comes back by itself.",
    "restriction": "We have answered what you asked.",
    "restricted": "Your data are kept, and nobody uses or sees them but who answers you. We tell you before that ends.",
    "lifted": "Your data may be used again as before.",
    "objection": "Your data are no longer used for what you objected to.",
    "review": "Somebody has looked at what you said is not about you, and put right what was wrong.",
}
ASKED = "On {day} you asked for this: {what}."
WAITS = "We have your request. You have an answer by {day}."
LONGER = "It takes longer than we thought: {reason} You have an answer by {day}."
REFUSED = "We cannot do what you asked, for this reason: {reason}"
COMPLAIN = "If you do not agree, you may complain to the supervisory authority for data protection, or go to court."
REFERENCE = "Our reference: {id}. Name it when you call or write to us."
OTHERS = "Who else had your data"
OTHERS_SAY = "They were told to remove your data too."
ANSWERS = {"done": "has removed them", "open": "has not answered yet", "impossible": "cannot remove them"}
WORDS = (
    *KINDS.values(),
    *DONE.values(),
    ASKED,
    WAITS,
    LONGER,
    REFUSED,
    COMPLAIN,
    REFERENCE,
    OTHERS,
    OTHERS_SAY,
    *ANSWERS.values(),
)


def letter(seen: RequestSeen) -> Paper:
    """What is told of a request as it stands."""
    request = seen.request
    language = request.language
    kind = said_in(language, KINDS.get(request.kind, request.kind))
    asked = said_in(language, ASKED, day=_day(request.opened, language), what=kind)
    told = [asked]
    if request.state == "refused":
        why = _sentence(request.answer or request.reason)
        told += [said_in(language, REFUSED, reason=why), said_in(language, COMPLAIN)]
    elif request.closed is not None or request.state in REMOVED:
        told.append(said_in(language, DONE.get(request.state) or DONE[request.kind]))
    elif request.extended is not None:
        longer = said_in(
            language, LONGER, reason=_sentence(request.answer or request.reason), day=_day(request.due, language)
        )
        told += [longer, said_in(language, COMPLAIN)]
    else:
        told.append(said_in(language, WAITS, day=_day(request.due, language)))
    told.append(said_in(language, REFERENCE, id=request.id))
    return Paper(language, kind, tuple(told), _others(seen, language))


REMOVED = ("removed", "compacted")  # of an erasure: here it is done


def _others(seen: RequestSeen, language: str) -> tuple[Section, ...]:
    if not seen.receipts:
        return ()
    rows = tuple((seen.named(r), said_in(language, ANSWERS.get(r.state, r.state))) for r in seen.receipts)
    return (Section(said_in(language, OTHERS), (said_in(language, OTHERS_SAY),), (PaperRows("", rows),)),)


def _day(micros: int, language: str) -> str:
    return format_date(from_micros(micros).date(), "long", locale=language)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
