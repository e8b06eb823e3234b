"""Given names.

Forms (lower-case ASCII):
""         every word, letters only, one space between: 'Mary-Ann' -> 'mary ann'
first      the first word
initial    its first letter
sound      double metaphone (primary) of the first word
canonical  one name for a family of nicknames: bob, rob, robert -> 'robert'; a name that is in no family is itself

A nickname of several names (alex, chris) goes to one of them by a fixed rule, so equal canonical forms are
soft evidence and different ones are no conflict.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from doublemetaphone import doublemetaphone
from nicknames import name_triplets

from hub.kinds.base import Cleaned, Context, Forms, Kind, Problem
from hub.kinds.names import sensible_case
from hub.kinds.reading import initial_mask, letters, only, or_none, read, text_of
from hub.model import Value

NAMES = ("", "first", "initial", "sound", "canonical")
PLACEHOLDERS = frozenset(
    """
    test tester testing firstname vorname prenom nombre first name given fname customer kunde user guest gast admin
    xx xxx xxxx asdf qwerty abc anonymous anonym dummy sample example noname mr mrs ms herr frau sir madam
    """.split()
) | {"first name", "no name", "given name", "test test", "not known"}

# A nickname that the package gives to many names, or to none: the usual reading.
_CHOSEN = {
    "al": "albert", "alex": "alexander", "andy": "andrew", "annie": "ann", "barb": "barbara", "ben": "benjamin",
    "bert": "albert", "beth": "elizabeth", "betty": "elizabeth", "bill": "william", "billy": "william", "bob": "robert",
    "bobby": "robert", "cathy": "catherine", "charlie": "charles", "chris": "christopher", "chuck": "charles",
    "cindy": "cynthia", "dan": "daniel", "danny": "daniel", "dave": "david", "dick": "richard", "don": "donald",
    "ed": "edward", "eddie": "edward", "ellie": "eleanor", "frank": "francis", "fred": "frederick", "gabe": "gabriel",
    "greg": "gregory", "hank": "henry", "harry": "henry", "jack": "john", "jake": "jacob", "jen": "jennifer",
    "jenny": "jennifer", "jerry": "gerald", "jess": "jessica", "jim": "james", "jimmy": "james", "joe": "joseph",
    "joey": "joseph", "johnny": "john", "jon": "jonathan", "josh": "joshua", "kate": "katherine", "kathy": "katherine",
    "katie": "katherine", "ken": "kenneth", "larry": "lawrence", "liz": "elizabeth", "lou": "louis", "maggie": "margaret",
    "matt": "matthew", "max": "maximilian", "mike": "michael", "mick": "michael", "molly": "mary", "nancy": "ann",
    "ned": "edward", "nick": "nicholas", "pam": "pamela", "pat": "patricia", "patty": "patricia", "peggy": "margaret",
    "pete": "peter", "phil": "philip", "ray": "raymond", "rich": "richard", "rick": "richard", "rob": "robert",
    "robin": "robin", "ron": "ronald", "sally": "sarah", "sam": "samuel", "sandy": "sandra", "steve": "stephen",
    "steven": "stephen", "sue": "susan", "susie": "susan", "ted": "edward", "terry": "terrence", "tim": "timothy",
    "tina": "christina", "tom": "thomas", "tommy": "thomas", "tony": "anthony", "vicky": "victoria", "will": "william",
    "jon ": "jonathan", "catherine": "katherine", "kathryn": "katherine", "katharine": "katherine", "cathryn": "katherine",
    "marc": "mark", "geoffrey": "jeffrey", "geoff": "jeffrey", "jeff": "jeffrey", "sara": "sarah", "anne": "ann", "anna": "ann",
    # German, Dutch, Scandinavian
    "hans": "johannes", "hannes": "johannes", "johann": "johannes", "jan": "johannes", "sepp": "josef", "fritz": "friedrich",
    "heinz": "heinrich", "kalle": "karl", "uli": "ulrich", "wolfi": "wolfgang", "micha": "michael", "michi": "michael",
    "andi": "andreas", "steffi": "stefanie", "gabi": "gabriele", "susi": "susanne", "moni": "monika", "uschi": "ursula",
    "kathi": "katharina", "klaus": "nikolaus", "claus": "nikolaus", "toni": "anton", "jupp": "josef", "joerg": "georg",
    "piet": "pieter", "henk": "hendrik", "kees": "cornelis", "wim": "willem", "lars": "laurentius", "maxi": "maximilian",
    # Spanish, Portuguese, Italian, French
    "pepe": "jose", "paco": "francisco", "pancho": "francisco", "kiko": "francisco", "nacho": "ignacio", "lola": "dolores",
    "lupe": "guadalupe", "chuy": "jesus", "beto": "alberto", "memo": "guillermo", "quique": "enrique", "manolo": "manuel",
    "tonio": "antonio", "ze": "jose", "beppe": "giuseppe", "peppe": "giuseppe", "gianni": "giovanni", "gigi": "luigi",
    "nando": "fernando", "tono": "antonio", "manu": "emmanuel", "jeannot": "jean",
    # Russian, Polish
    "sasha": "aleksandr", "alexander": "alexander", "vanya": "ivan", "misha": "mikhail", "kolya": "nikolay", "dima": "dmitriy",
    "volodya": "vladimir", "vova": "vladimir", "zhenya": "evgeniy", "katya": "ekaterina", "masha": "mariya", "natasha": "natalya",
    "tanya": "tatyana", "lena": "elena", "olya": "olga", "kasia": "katarzyna", "gosia": "malgorzata", "asia": "joanna",
    "basia": "barbara", "ania": "anna", "krzysiek": "krzysztof", "tomek": "tomasz", "piotrek": "piotr", "bartek": "bartlomiej",
}  # fmt: skip


@lru_cache(maxsize=1)
def _families() -> Mapping[str, str]:
    """nickname -> the formal name it stands for, one step.

    Of several formal names the one with most nicknames wins, then the first by alphabet: the order of the
    package's file plays no part.
    """
    formal: dict[str, set[str]] = {}
    nicknames_of: dict[str, set[str]] = {}
    for name, relation, nickname in name_triplets():
        if relation == "has_nickname" and name != nickname:
            formal.setdefault(nickname, set()).add(name)
            nicknames_of.setdefault(name, set()).add(nickname)
    chosen = {}
    for nickname, names in formal.items():
        if nickname in nicknames_of and len(nicknames_of[nickname]) >= max(len(nicknames_of[name]) for name in names):
            continue  # a formal name in its own right
        chosen[nickname] = min(names, key=lambda name: (-len(nicknames_of[name]), name))
    return {**chosen, **_CHOSEN}


@lru_cache(maxsize=200_000)
def canonical(name: str) -> str:
    """The formal name of a family of nicknames, itself when it is in none."""
    families = _families()
    seen = {name}
    while (up := families.get(name, name)) not in seen:
        seen.add(up)
        name = up
    return min(seen & _circle(name, families)) if families.get(name, name) != name else name


def _circle(name: str, families: Mapping[str, str]) -> set[str]:
    """Names that lead to each other: the first by alphabet stands for all."""
    circle = {name}
    while (name := families.get(name, name)) not in circle:
        circle.add(name)
    return circle


def clean(raw: object, context: Context) -> Cleaned | Problem | None:
    """A given name as shown. Initials keep their dot. Digits are a problem, for they are no name."""
    text = read(raw)
    if not isinstance(text, str):
        return text
    if not any(map(str.isalpha, text)):
        return Problem("no letters in a given name")
    return Cleaned(sensible_case(text))


@lru_cache(maxsize=200_000)
def sound(word: str) -> str | None:
    """Double metaphone, primary code, lower case."""
    return doublemetaphone(word)[0].lower() or None


def forms(value: Value) -> Forms:
    whole = letters(text_of(value))
    if whole in PLACEHOLDERS:
        return only(whole, NAMES)
    first = whole.partition(" ")[0]
    return {
        "": or_none(whole),
        "first": or_none(first),
        "initial": or_none(first[:1]),
        "sound": sound(first),
        "canonical": or_none(canonical(first)),
    }


GIVEN_NAME = Kind(
    name="given_name",
    clean=clean,
    forms=forms,
    mask=initial_mask,
    keys=("", "first", "initial", "sound", "canonical"),
    placeholders=PLACEHOLDERS,
)
