"""Classic situations of two to seven records: who is one customer, and why. Data of `test_classics`.

`together`: the rows that are one customer, by their places; all others are alone. `never`: of a situation with more than
one right answer, the rows that are two customers whatever else comes out.
"""

from __future__ import annotations

from dataclasses import dataclass

Row = dict[str, str]


@dataclass(frozen=True)
class Situation:
    """Some records, what is right for them, and the reason."""

    rows: tuple[Row, ...]
    together: tuple[frozenset[int], ...]
    why: str
    never: tuple[frozenset[int], ...] = ()
    customer: str = "person"

    @property
    def wanted(self) -> set[frozenset[int]]:
        """Every row's customer, where there is one right answer."""
        inside = {place for group in self.together for place in group}
        return {*self.together} | {frozenset({place}) for place in range(len(self.rows)) if place not in inside}

    def right(self, found: set[frozenset[int]]) -> bool:
        if self.never:
            return not any(pair <= group for pair in self.never for group in found)
        return found == self.wanted


def who(first: str, last: str, born: str = "", mail: str = "", tel: str = "", **more: str) -> Row:
    return {"first": first, "last": last, "born": born, "mail": mail, "tel": tel, **more}


def firm(name: str, tel: str = "", domain: str = "", **more: str) -> Row:
    return {"name": name, "tel": tel, "domain": domain, **more}


def apart(why: str, *rows: Row) -> Situation:
    return Situation(rows, (), why)


def one(why: str, *rows: Row) -> Situation:
    return Situation(rows, (frozenset(range(len(rows))),), why)


def groups(why: str, together: list[set[int]], *rows: Row) -> Situation:
    return Situation(rows, tuple(map(frozenset, together)), why)


def never(why: str, pairs: list[set[int]], *rows: Row) -> Situation:
    return Situation(rows, (), why, tuple(map(frozenset, pairs)))


SEE = {"street": "Am See 2", "zip": "20095", "town": "Hamburg"}
MARKT = {"street": "Am Markt 1", "zip": "10115", "town": "Berlin"}
RING = {"street": "Ringstraße 50", "zip": "80331", "town": "München"}
HOME, MOBILE, OTHER = "030 5248351", "0171 9998887", "0160 4445556"
HANS = {"tel": "040 112233", **SEE}
WORK = {"mail": "info@firma.example", "tel": HOME}


def at(number: int) -> Row:
    return {**MARKT, "street": f"Am Markt {number}"}


PERSONS: dict[str, Situation] = {
    # --- people who live or work together
    "five neighbours of one birth date": apart(
        "five names, telephones, houses and mailboxes",
        who("Tanja", "Ziegler", "1980-01-02", "p0@y.example", "030 5248351", **at(1)),
        who("Jürgen", "Müller", "1980-01-02", "p1@y.example", "030 1112223", **at(2)),
        who("Mohammed", "Al-Sayed", "1980-01-02", "p2@y.example", "030 9998887", **at(3)),
        who("Katarzyna", "Wójcik", "1980-01-02", "p3@y.example", "030 4445556", **at(4)),
        who("William", "O'Brien", "1980-01-02", "p4@y.example", "030 7776665", **at(5)),
    ),
    "neighbours with like mailboxes": apart(
        "both names are another",
        who("Anna", "Keller", "1980-01-02", "anna.k@y.example", "030 5248351", **at(1)),
        who("Erik", "Braun", "1980-01-02", "anne.k@y.example", "030 1112223", **at(2)),
    ),
    "neighbours of one family name": apart(
        "another given name and another house",
        who("Peter", "Koch", "1970-03-04", tel=HOME, **at(1)),
        who("Claudia", "Koch", "1988-11-23", tel="030 1112223", **at(2)),
    ),
    "mailboxes that a provider numbered": apart(
        "two people of one name got numbers",
        who("Anna", "Weber", mail="anna.weber1@y.example", tel=HOME),
        who("Anna", "Weber", mail="anna.weber2@y.example", tel=MOBILE),
    ),
    "colleagues at one reception": apart("one letter in four makes another name", who("Sina", "Koch", **WORK), who("Nina", "Braun", **WORK)),
    "colleagues of one given name": apart("another family name", who("Anna", "Koch", **WORK), who("Anna", "Braun", **WORK)),
    "sisters at one reception": apart("another given name", who("Sina", "Koch", **WORK), who("Nina", "Koch", **WORK)),
    "a reception and who sits behind it": never(
        "a record without a name brings nobody together",
        [{0, 1}],
        who("Sina", "Koch", **WORK), who("Nina", "Braun", **WORK), who("", "", **WORK),
    ),
    "flatmates": apart(
        "two names, birth dates and telephones at one address",
        who("Jonas", "Wolf", "1998-05-06", tel=MOBILE, **MARKT), who("Leon", "Fischer", "1997-09-12", tel=OTHER, **MARKT),
    ),
    "flatmates with one telephone": apart(
        "another given and another family name", who("Jonas", "Wolf", tel=HOME, **MARKT), who("Leon", "Fischer", tel=HOME, **MARKT)
    ),
    "flatmates of one given name": apart("another family name", who("Anna", "Koch", **MARKT), who("Anna", "Braun", **MARKT)),
    "a number recorded for the household": apart(
        "given name and birth date are another",
        who("Peter", "Koch", "1970-03-04", tax="65929970489", tel=HOME, **MARKT), who("Eva", "Koch", "1974-12-09", tax="65929970489", tel=HOME, **MARKT),
    ),
    # --- families
    "twins": apart(
        "twins share all but their given names",
        who("Anna", "Koch", "2001-05-06", tel=HOME, **MARKT), who("Eva", "Koch", "2001-05-06", tel=HOME, **MARKT),
    ),
    "twins of names that sound alike": apart(
        "one letter in four makes another name",
        who("Lena", "Koch", "2001-05-06", tel=HOME, **MARKT), who("Lina", "Koch", "2001-05-06", tel=HOME, **MARKT),
    ),
    "twins who share a mailbox too": apart(
        "another given name joins only where the rest leaves no doubt",
        who("Lisa", "Hoffmann", "1999-05-17", "hoffmann@x.example", HOME, **MARKT), who("Lena", "Hoffmann", "1999-05-17", "hoffmann@x.example", HOME, **MARKT),
    ),
    "twins with neighbouring numbers": apart(
        "the numbers are a slip apart, the given names are not",
        who("Anna", "Koch", "2001-05-06", number="65929970481", **MARKT), who("Eva", "Koch", "2001-05-06", number="65929970482", **MARKT),
    ),
    "a couple": apart(
        "a couple shares mailbox, telephone and house",
        who("Peter", "Koch", mail="koch@x.example", tel=HOME, **MARKT), who("Eva", "Koch", mail="koch@x.example", tel=HOME, **MARKT),
    ),
    "a couple of two names": apart(
        "another given and another family name",
        who("Peter", "Koch", mail="familie@x.example", tel=HOME, **MARKT), who("Eva", "Lang", mail="familie@x.example", tel=HOME, **MARKT),
    ),
    "a couple of one initial, and a record with the initial": never(
        "the initial may be either", [{0, 1}],
        who("Peter", "Koch", tel=HOME, **MARKT), who("Paula", "Koch", tel=HOME, **MARKT), who("P.", "Koch", tel=HOME, **MARKT),
    ),
    "a couple with three records each": groups(
        "given name and birth date tell them apart", [{0, 1, 2}, {3, 4, 5}],
        who("Peter", "Koch", "1970-03-04", "peter.koch@x.example", HOME, **MARKT), who("Peter", "Koch", "1970-03-04", tel=HOME, **MARKT),
        who("Peter", "Koch", "", "peter.koch@x.example", HOME, **MARKT),
        who("Eva", "Koch", "1974-12-09", "eva.koch@x.example", HOME, **MARKT), who("Eva", "Koch", "1974-12-09", tel=HOME, **MARKT),
        who("Eva", "Koch", "", "eva.koch@x.example", HOME, **MARKT),
    ),
    "father and son of one name": apart("born thirty years apart", who("Hans", "Vogel", "1950-03-02", **HANS), who("Hans", "Vogel", "1981-07-19", **HANS)),
    "father and son with one mailbox": apart(
        "born thirty years apart",
        who("Hans", "Vogel", "1950-03-02", "vogel@x.example"), who("Hans", "Vogel", "1981-07-19", "vogel@x.example"),
    ),
    "father and son, and a record without a birth date": never(
        "what two refuse, a third does not join", [{0, 1}],
        who("Hans", "Vogel", "1950-03-02", **HANS), who("Hans", "Vogel", "1981-07-19", **HANS), who("Hans", "Vogel", **HANS),
    ),
    "father and son of one birthday": apart(
        "thirty years apart: a slip of the decade or two people, so a steward tells",
        who("Aldo", "Fini", "1950-06-01", "fini@x.example", HOME, **MARKT), who("Aldo", "Fini", "1980-06-01", "fini@x.example", HOME, **MARKT),
    ),
    "a couple of names that differ in the ending": apart(
        "Andrea is no slip of Andreas", who("Andrea", "Koller", "", "koller@x.example", HOME, **MARKT), who("Andreas", "Koller", "", "koller@x.example", HOME, **MARKT)
    ),
    "a couple of like names, in another script": apart(
        "his and her ending, of both names",
        who("Александр", "Волков", "", "volkov@x.example", HOME, **MARKT), who("Александра", "Волкова", "", "volkov@x.example", HOME, **MARKT),
    ),
    "neighbours of names that sound alike": apart(
        "all is a step apart and nothing the same",
        who("Peter", "Maier", "1960-01-02", tel="089 2233441", **at(1)), who("Petra", "Mayer", "1961-01-02", tel="089 2233442", **at(2)),
    ),
    "senior and junior": apart("the suffix says so", who("Hans", "Vogel", suffix="sen.", **HANS), who("Hans", "Vogel", suffix="jun.", **HANS)),
    "senior and junior, and a record without a suffix": never(
        "another suffix is evidence against, whatever a third record leaves out", [{0, 1}],
        who("John", "Whitaker", "", "whitaker@x.example", HOME, suffix="Sr", **MARKT), who("John", "Whitaker", "", "whitaker@x.example", HOME, suffix="Jr", **MARKT),
        who("John", "Whitaker", "", "whitaker@x.example", HOME, **MARKT),
    ),
    "mother and daughter of like names": apart(
        "one letter in four makes another name, and the years tell",
        who("Anna", "Koch", "1955-04-05", "koch@x.example", HOME, **MARKT), who("Anne", "Koch", "1984-10-30", "koch@x.example", HOME, **MARKT),
    ),
    "parents and three children": apart(
        "five given names and birth dates in one house",
        who("Peter", "Koch", "1970-03-04", "koch@x.example", HOME, **MARKT), who("Eva", "Koch", "1974-12-09", "koch@x.example", HOME, **MARKT),
        who("Jonas", "Koch", "2001-05-06", "koch@x.example", HOME, **MARKT), who("Lena", "Koch", "2003-08-17", "koch@x.example", HOME, **MARKT),
        who("Tim", "Koch", "2007-01-22", "koch@x.example", HOME, **MARKT),
    ),
    "sisters who live apart": apart(
        "given name, birth date and address are another", who("Maria", "Wagner", "1985-02-03", **MARKT), who("Julia", "Wagner", "1988-06-21", **RING)
    ),
    # --- namesakes and strangers
    "a name alone": apart("two people may have it", who("Ana", "Silva"), who("Ana", "Silva")),
    "namesakes in one city": apart(
        "birth date and telephone are another",
        who("Thomas", "Müller", "1964-07-08", tel=MOBILE, zip="10115", town="Berlin"), who("Thomas", "Müller", "1991-12-30", tel=OTHER, zip="10115", town="Berlin"),
    ),
    "namesakes of one birth date with two numbers": apart(
        "the exclusive number is clearly another",
        who("Thomas", "Müller", "1964-07-08", number="65929970489"), who("Thomas", "Müller", "1964-07-08", number="86095742719"),
    ),
    "strangers of one birth date": apart("both names are another", who("Jonas", "Wolf", "1998-05-06"), who("Petra", "Lang", "1998-05-06")),
    "a telephone number given to somebody else": apart(
        "names, birth dates and addresses are another",
        who("Jonas", "Wolf", "1998-05-06", tel=MOBILE, **MARKT), who("Petra", "Lang", "1961-11-02", tel=MOBILE, **RING),
    ),
    "a telephone number given to somebody else, and nothing else known": apart(
        "both names are another", who("Jonas", "Wolf", tel=MOBILE), who("Petra", "Lang", tel=MOBILE)
    ),
    "a mailbox given to somebody else": apart(
        "names and birth dates are another", who("Jonas", "Wolf", "1998-05-06", "info@x.example"), who("Petra", "Lang", "1961-11-02", "info@x.example")
    ),
    "placeholders": apart(
        "what everybody types is nobody's",
        who("Jonas", "Wolf", "1900-01-01", "noemail@example.com", "0000000"), who("Petra", "Lang", "1900-01-01", "noemail@example.com", "0000000"),
    ),
    "a number typed for another person": apart(
        "names and birth dates are another",
        who("Jonas", "Wolf", "1998-05-06", number="65929970489"), who("Petra", "Lang", "1961-11-02", number="65929970489"),
    ),
    # --- one person, changed
    "moved": one(
        "name, birth date and mailbox agree",
        who("Ana", "Silva", "1980-02-29", "ana.silva@x.example", **MARKT), who("Ana", "Silva", "1980-02-29", "ana.silva@x.example", **RING),
    ),
    "moved, with another telephone": one(
        "name and birth date agree", who("Ana", "Silva", "1980-02-29", tel=HOME, **MARKT), who("Ana", "Silva", "1980-02-29", tel=MOBILE, **RING)
    ),
    "married": one(
        "birth date, mailbox and telephone agree",
        who("Ana", "Silva", "1980-02-29", "ana@x.example", MOBILE), who("Ana", "Lehmann", "1980-02-29", "ana@x.example", MOBILE),
    ),
    "married and moved": one(
        "given name, birth date and mobile number agree",
        who("Ana", "Silva", "1980-02-29", tel=MOBILE, **MARKT), who("Ana", "Lehmann", "1980-02-29", tel=MOBILE, **RING),
    ),
    "a double name by marriage": one(
        "one family name is a part of the other",
        who("Anna", "Meyer", "1980-02-29", "anna.m@x.example"), who("Anna", "Meyer-Schulz", "1980-02-29", "anna.m@x.example"),
    ),
    "another telephone and mailbox": one(
        "name, birth date and address agree",
        who("Ana", "Silva", "1980-02-29", "ana.silva@x.example", HOME, **MARKT), who("Ana", "Silva", "1980-02-29", "as@firma.example", MOBILE, **MARKT),
    ),
    "a chain of three": one(
        "each two agree on the name and something else",
        who("Ana", "Silva", mail="ana.silva@x.example"), who("Ana", "Silva", mail="ana.silva@x.example", tel=MOBILE), who("Ana", "Silva", tel=MOBILE),
    ),
    "seven records of one person": one(
        "name, and each time two of birth date, mailbox, telephone and address",
        who("Johanna", "Schneider", "1970-04-05", "j.schneider@x.example", MOBILE, **MARKT), who("Johanna", "Schneider", "1970-04-05", tel=MOBILE, **MARKT),
        who("Johana", "Schneider", "1970-04-05", "j.schneider@x.example"), who("Johanna", "Schneider", "", "j.schneider@x.example", MOBILE),
        who("J.", "Schneider", "1970-04-05", "j.schneider@x.example"), who("Johanna", "Schneider", "1970-04-05", tel=MOBILE, **RING),
        who("Hanna", "Schneider", "1970-04-05", "j.schneider@x.example", MOBILE, **RING),
    ),
    # --- one person, written otherwise
    "nickname": one("Bob is Robert", who("Robert", "Lang", "1970-04-05", tel=MOBILE), who("Bob", "Lang", "1970-04-05", tel=MOBILE)),
    "nickname and mailbox": one("Bill is William", who("William", "Hart", mail="w.hart@x.example", tel=MOBILE), who("Bill", "Hart", mail="w.hart@x.example", tel=MOBILE)),
    "an initial": one("A. may be Ana, mailbox and telephone agree", who("Ana", "Silva", "", "ana.silva@x.example", MOBILE), who("A.", "Silva", "", "ana.silva@x.example", MOBILE)),
    "a typing error": one(
        "a letter dropped, two swapped",
        who("Johanna", "Schneider", "1970-04-05", "j.schneider@x.example"), who("Johana", "Schnieder", "1970-04-05", "j.schneider@x.example"),
    ),
    "a typing error in the mailbox": one(
        "name and address agree, the mailbox nearly",
        who("Johanna", "Schneider", mail="j.schneider@x.example", **MARKT), who("Johanna", "Schneider", mail="j.schnieder@x.example", **MARKT),
    ),
    "a typing error in the telephone number": one(
        "name and birth date agree, the number nearly",
        who("Johanna", "Schneider", "1970-04-05", tel="0171 9998887"), who("Johanna", "Schneider", "1970-04-05", tel="0171 9989887"),
    ),
    "a typing error in the birth date": one(
        "name and telephone agree, the date nearly", who("Johanna", "Schneider", "1970-04-05", tel=MOBILE), who("Johanna", "Schneider", "1970-04-06", tel=MOBILE)
    ),
    "day and month swapped": one(
        "name and mailbox agree, the date in another order",
        who("Johanna", "Schneider", "1970-04-05", "j.schneider@x.example"), who("Johanna", "Schneider", "1970-05-04", "j.schneider@x.example"),
    ),
    "a typing error in the exclusive number": one(
        "all else agrees", who("Johanna", "Schneider", "1970-04-05", number="65929970489"), who("Johanna", "Schneider", "1970-04-05", number="65929970498")
    ),
    "one number, a typing error in the name": one(
        "the number is exclusive", who("Johanna", "Schneider", number="65929970489"), who("Johana", "Schneider", number="65929970489")
    ),
    "names swapped": one("the columns were mixed up", who("Weber", "Thomas", "1970-04-05", tel=MOBILE), who("Thomas", "Weber", "1970-04-05", tel=MOBILE)),
    "umlauts": one("one name in two spellings", who("Jürgen", "Müller", "1970-04-05", tel=MOBILE), who("Juergen", "Mueller", "1970-04-05", tel=MOBILE)),
    "another script": one("one name in two scripts", who("Иван", "Петров", "1970-04-05", tel=MOBILE), who("Ivan", "Petrov", "1970-04-05", tel=MOBILE)),
    "a patronymic": one("a second given name more", who("Ivan Sergeevich", "Petrov", tel=MOBILE, **MARKT), who("Ivan", "Petrov", tel=MOBILE, **MARKT)),
    "a second family name": one(
        "one family name is a part of the other", who("María", "García López", "1970-04-05", tel=MOBILE), who("Maria", "Garcia", "1970-04-05", tel=MOBILE)
    ),
    "known by the second given name": one(
        "one given name is a part of the other", who("Karl Heinz", "Becker", "1949-04-05", **MARKT), who("Heinz", "Becker", "1949-04-05", **MARKT)
    ),
    "a title": one("a title is no name", who("Dr. Peter", "Koch", tel=MOBILE, **MARKT), who("Peter", "Koch", tel=MOBILE, **MARKT)),
    "an address written otherwise": one(
        "one address in two spellings",
        who("Ana", "Groß", "1980-02-29", street="Hauptstr. 5", zip="10115", town="Berlin"), who("Ana", "Gross", "1980-02-29", street="Hauptstraße 5", zip="10115", town="Berlin"),
    ),
    "a telephone number written otherwise": one("one number in two spellings", who("Ana", "Silva", tel="+49 30 5248351", **MARKT), who("Ana", "Silva", tel="(030) 524 83 51", **MARKT)),
    "a mailbox written otherwise": one(
        "one mailbox in two spellings", who("Ana", "Silva", mail="ana.silva@gmail.com", tel=MOBILE), who("Ana", "Silva", mail="AnaSilva+shop@googlemail.com", tel=MOBILE)
    ),
    "name and birth date": one("nothing else is known of either", who("Johanna", "Zwirner", "1970-04-05"), who("Johanna", "Zwirner", "1970-04-05")),
    "name and address": one("nothing else is known of either", who("Johanna", "Zwirner", **MARKT), who("Johanna", "Zwirner", **MARKT)),
}  # fmt: skip

HAFEN = {"street": "Hafenstraße 12", "zip": "20457", "town": "Hamburg"}
ALLEE = {"street": "Lindenallee 7", "zip": "04109", "town": "Leipzig"}
PHONE, DESK = "040 3334445", "0341 556677"

COMPANIES: dict[str, Situation] = {
    "a legal form": one("GmbH is no name", firm("Müller Maschinenbau GmbH", PHONE, **HAFEN), firm("Mueller Maschinenbau", PHONE, **HAFEN)),
    "& and und": one("one word in two spellings", firm("Schmidt & Söhne", PHONE, **HAFEN), firm("Schmidt und Söhne", PHONE, **HAFEN)),
    "a word cut short": one("Intl is International", firm("Nordsee International Trading", PHONE, **HAFEN), firm("Nordsee Intl Trading", PHONE, **HAFEN)),
    "a company with a typing error": one("a letter dropped", firm("Bäckerei Hoffmann", PHONE, **HAFEN), firm("Bäckerei Hofmann", PHONE, **HAFEN)),
    "words in another order": one("the words agree", firm("Hotel Adler", PHONE, zip="20457", town="Hamburg"), firm("Adler Hotel", PHONE, zip="20457", town="Hamburg")),
    "words more": one("telephone and address agree", firm("Adler Apotheke", PHONE, **HAFEN), firm("Adler Apotheke am Hafen", PHONE, **HAFEN)),
    "an article": one("The is no name", firm("The Coffee House Ltd", PHONE), firm("Coffee House Limited", PHONE)),
    "a part in brackets": one("telephone and address agree", firm("Lehmann Service (Region Nord)", PHONE, **HAFEN), firm("Lehmann Service", PHONE, **HAFEN)),
    "a company that moved": one("name, domain and telephone agree", firm("Kaiser Logistik GmbH", PHONE, "kaiser.example", **HAFEN), firm("Kaiser Logistik GmbH", PHONE, "kaiser.example", **ALLEE)),
    "a company that was renamed": one(
        "the registration number is exclusive", firm("Alpha Solar GmbH", PHONE, reg="HRB12345678", **HAFEN), firm("Helios Energie GmbH", PHONE, reg="HRB12345678", **HAFEN)
    ),
    "another ending of the domain": one("name and domain name agree", firm("Kaiser Logistik GmbH", domain="kaiser-logistik.de"), firm("Kaiser Logistik", domain="kaiser-logistik.com")),
    "a typing error in the registration number": one("all else agrees", firm("Kaiser Logistik", PHONE, reg="HRB12345678", **HAFEN), firm("Kaiser Logistik", PHONE, reg="HRB12345687", **HAFEN)),
    "two registration numbers": apart("clearly another number", firm("Kaiser Logistik", PHONE, reg="HRB12345678", **HAFEN), firm("Kaiser Logistik", PHONE, reg="HRB98761234", **HAFEN)),
    "neighbours in a register": apart(
        "numbers of a register follow each other", firm("Kaiser AG", PHONE, "kaiser.example", reg="HRB 500", **HAFEN), firm("Kaiser GmbH", PHONE, "kaiser.example", reg="HRB 501", **HAFEN)
    ),
    "numbered companies": apart(
        "another number is no slip", firm("Nordwind Fonds I GmbH", PHONE, "nordwind.example", **HAFEN), firm("Nordwind Fonds II GmbH", PHONE, "nordwind.example", **HAFEN)
    ),
    "numbered shops": apart("another number is no slip", firm("Motel 6", PHONE, **HAFEN), firm("Motel 8", PHONE, **HAFEN)),
    "sister companies": apart(
        "the rest of the name is another", firm("Kaiser Logistik GmbH", PHONE, "kaiser.example", **HAFEN), firm("Kaiser Immobilien GmbH", PHONE, "kaiser.example", **HAFEN)
    ),
    "a holding and its daughter": apart(
        "clearly another registration number", firm("Voss Holding GmbH", PHONE, "voss.example", reg="HRB12345678", **HAFEN), firm("Voss GmbH", PHONE, "voss.example", reg="HRB87651234", **HAFEN)
    ),
    "shops of a chain": apart(
        "each has an address and a telephone of its own",
        firm("Backhaus Nord", PHONE, "backhaus.example", **HAFEN), firm("Backhaus Nord", DESK, "backhaus.example", **ALLEE),
        firm("Backhaus Nord", "089 777888", "backhaus.example", **RING),
    ),
    "a franchise": apart(
        "another owner, address, telephone and number", firm("Burger Point", PHONE, reg="HRB12345678", **HAFEN), firm("Burger Point", DESK, reg="HRB98761234", **ALLEE)
    ),
    "two firms in one building": apart("another name and telephone", firm("Kaiser Logistik", PHONE, **HAFEN), firm("Praxis Sonnenschein", "040 9990001", **HAFEN)),
    "two firms at one office": apart("another name", firm("Kaiser Logistik", PHONE, **HAFEN), firm("Praxis Sonnenschein", PHONE, **HAFEN)),
    "two firms of one trade": apart("another name, address and telephone", firm("Bäckerei Hoffmann", PHONE, **HAFEN), firm("Bäckerei Krüger", DESK, **ALLEE)),
    "a company with three records": one(
        "name, and each time two of domain, telephone and address",
        firm("Kaiser Logistik GmbH", PHONE, "kaiser.example", **HAFEN), firm("Kaiser Logistik", PHONE, **HAFEN), firm("Kaiser Logistik Gesellschaft mbH", "", "kaiser.example", **HAFEN),
    ),
}  # fmt: skip
COMPANIES = {name: Situation(s.rows, s.together, s.why, s.never, "organisation") for name, s in COMPANIES.items()}
SITUATIONS = {**PERSONS, **COMPANIES}
