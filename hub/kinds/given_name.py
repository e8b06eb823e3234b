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

from collections import Counter
from collections.abc import Mapping
from functools import lru_cache

from doublemetaphone import doublemetaphone
from nicknames import name_triplets

from hub.kinds import levels_names
from hub.kinds.base import Cleaned, Context, Forms, Kind, Problem
from hub.kinds.names import sensible_case
from hub.kinds.reading import initial_mask, letters, only, or_none, read, text_of, word_set
from hub.model import Value

NAMES = ("", "first", "initial", "sound", "canonical")
PLACEHOLDERS = word_set(
    """
    test tester testing firstname vorname prenom nombre first name given fname customer kunde user guest gast admin
    xx xxx xxxx asdf qwerty qwertz azerty abc anonymous anonym dummy sample example noname mr mrs ms herr frau sir madam
    """
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
    "katie": "katherine", "ken": "kenneth", "larry": "lawrence", "liz": "elizabeth", "lou": "louis",
    "maggie": "margaret",
    "matt": "matthew", "max": "maximilian", "mike": "michael", "mick": "michael", "molly": "mary", "nancy": "ann",
    "ned": "edward", "nick": "nicholas", "pam": "pamela", "pat": "patricia", "patty": "patricia", "peggy": "margaret",
    "pete": "peter", "phil": "philip", "ray": "raymond", "rich": "richard", "rick": "richard", "rob": "robert",
    "ron": "ronald", "sally": "sarah", "sam": "samuel", "sandy": "sandra", "steve": "stephen",
    "steven": "stephen", "sue": "susan", "susie": "susan", "ted": "edward", "terry": "terrence", "tim": "timothy",
    "tina": "christina", "tom": "thomas", "tommy": "thomas", "tony": "anthony", "vicky": "victoria", "will": "william",
    "catherine": "katherine", "kathryn": "katherine", "katharine": "katherine", "cathryn": "katherine",
    "marc": "mark", "geoffrey": "jeffrey", "geoff": "jeffrey", "jeff": "jeffrey", "sara": "sarah", "anne": "ann",
    "ana": "anna", "sophie": "sophia", "jonathon": "jonathan", "phillip": "philip",
    # German, Dutch, Scandinavian
    "hans": "johannes", "hannes": "johannes", "johann": "johannes", "jan": "johannes", "sepp": "josef",
    "fritz": "friedrich",
    "heinz": "heinrich", "kalle": "karl", "uli": "ulrich", "wolfi": "wolfgang", "micha": "michael", "michi": "michael",
    "andi": "andreas", "steffi": "stefanie", "gabi": "gabriele", "susi": "susanne", "moni": "monika", "uschi": "ursula",
    "kathi": "katharina", "klaus": "nikolaus", "claus": "nikolaus", "toni": "anton", "jupp": "josef", "joerg": "georg",
    "piet": "pieter", "henk": "hendrik", "kees": "cornelis", "wim": "willem", "lars": "laurentius",
    "maxi": "maximilian",
    # Spanish, Portuguese, Italian, French
    "pepe": "jose", "paco": "francisco", "pancho": "francisco", "kiko": "francisco", "nacho": "ignacio",
    "lola": "dolores",
    "lupe": "guadalupe", "chuy": "jesus", "beto": "alberto", "memo": "guillermo", "quique": "enrique",
    "manolo": "manuel",
    "tonio": "antonio", "ze": "jose", "beppe": "giuseppe", "peppe": "giuseppe", "gianni": "giovanni", "gigi": "luigi",
    "nando": "fernando", "tono": "antonio", "manu": "emmanuel", "jeannot": "jean",
    # Russian, Polish
    "sasha": "aleksandr", "vanya": "ivan", "misha": "mikhail", "kolya": "nikolay", "dima": "dmitriy",
    "volodya": "vladimir", "vova": "vladimir", "zhenya": "evgeniy", "katya": "ekaterina", "masha": "mariya",
    "natasha": "natalya",
    "tanya": "tatyana", "lena": "elena", "olya": "olga", "kasia": "katarzyna", "gosia": "malgorzata", "asia": "joanna",
    "basia": "barbara", "ania": "anna", "krzysiek": "krzysztof", "tomek": "tomasz", "piotrek": "piotr",
    "bartek": "bartlomiej",
}  # fmt: skip


# Names that are nobody's nickname here, although the package lists some of them as one.
_FORMAL = frozenset(_CHOSEN.values()) | word_set(
    """
    aaron abigail adam adrian agnes alan albert alice alison amanda amy andrea andrew angela ann anthony antonia
    arthur ashley audrey
    barry beatrice benedict bernard brandon brenda brian bruce bryan caleb cameron carl carla carlos carmen carol
    caroline cecilia
    charlotte chloe christian christine clara claire claudia clara colin connor craig crystal curtis daisy dawn
    deborah denise dennis
    derek diana donna doris dorothy douglas dylan edith edwin elaine eli elias ella elsa emil emily emma eric erica
    erik ernest
    esther ethan eugene eva evan eve evelyn faith felix fiona florence gabriel gary gavin george gerald gina gloria
    gordon grace
    graham grant gregory guy hailey hannah harold harriet harvey hazel heather helen helena henry howard hugh hugo ian
    ida irene
    isaac isabel isabella ivy jacob james jane janet jason jasmine jean jeanne jeremy jessica jesus joan joanna joel
    john jordan jorge
    joseph joyce juan juanita judith julia julian julie june justin karen karl kathleen keith kelly kevin kimberly
    kurt kyle laura
    lauren leah lee leo leon leonard leslie lewis liam lily linda lisa logan louis louise lucas lucy luis luke lydia
    mabel
    madison marcus margaret maria marie marilyn marion mark marta martha martin mary mason matthew maurice megan
    melanie melissa
    michael michelle mila miguel monica morgan naomi natalie natasha nathan neil nicole noah nora norma norman oliver
    olivia
    oscar owen patrick paul paula penelope peter philip phyllis rachel ralph rebecca regina reginald renee roger
    roland rose
    roy russell ruth ryan samantha samuel sarah scott sean sebastian sharon shirley simon sofia sophia stanley stella
    stephanie
    stuart susan sylvia teresa theodore theresa thomas timothy todd tracy tyler valentina valerie vanessa veronica
    victor victoria
    vincent viola violet virginia vivian walter wanda wayne wendy willow xavier yvonne zachary zoe
    andreas stefan thorsten torsten dieter juergen jurgen karin petra sabine martina andre tobias julius jonas lea mia
    pierre francois jacques michel philippe nicolas antoine paolo marco andrei anton elena ivan igor boris maja lena
    lara
    """
)


@lru_cache(maxsize=1)
def _families() -> Mapping[str, str]:
    """nickname -> the formal name it stands for.

    Of several formal names the one with most nicknames wins, then the first by alphabet: the order of the
    package's file plays no part. A nickname of several names, none of which is common, stays itself.
    """
    formal: dict[str, set[str]] = {}
    known: Counter[str] = Counter()
    for name, relation, nickname in sorted(set(name_triplets())):
        if relation == "has_nickname" and name != nickname:
            formal.setdefault(nickname, set()).add(name)
            known[name] += 1
    chosen: dict[str, str] = {}
    for nickname, names in formal.items():
        common = names & _FORMAL
        if nickname not in _FORMAL and (common or len(names) == 1):
            chosen[nickname] = min(common or names, key=lambda name: (-known[name], name))
    chosen.update(_CHOSEN)
    return {nickname: _end(nickname, chosen) for nickname in chosen}


def _end(name: str, chosen: Mapping[str, str]) -> str:
    """Where a chain of nicknames ends; the first by alphabet of a circle."""
    seen = [name]
    while (up := chosen.get(name, name)) not in seen:
        seen.append(up)
        name = up
    return min(seen[seen.index(up) :])


def canonical(name: str) -> str:
    """The formal name of a family of nicknames, itself when it is in none."""
    return _families().get(name, name)


@lru_cache(maxsize=1)
def _members() -> Mapping[str, frozenset[str]]:
    """The formal name -> all names that stand for it."""
    found: dict[str, set[str]] = {}
    for nickname, formal in _families().items():
        found.setdefault(formal, {formal}).add(nickname)
    return {formal: frozenset(names) for formal, names in found.items()}


def relatives(name: str) -> frozenset[str]:
    """The other names of its family of nicknames: bob -> robert, rob, bobby, ...; none of most names."""
    return _members().get(canonical(name), frozenset()) - {name}


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
    levels=levels_names.GIVEN_NAME,
    compares={"value": "", "canonical": "canonical", "sound": "sound"},
    version=3,
)
