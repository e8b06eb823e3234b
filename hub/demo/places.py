"""Cities, postcodes, streets and telephone numbers that look real and pass validation. Nobody lives there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from hub.demo.dice import Dice, Floats, Ints, Texts, scramble, texts, words, zipf

# name=postcode prefix/telephone area (US: state and zip prefix; GB: postcode area)
_DE = """Berlin=10/30 Hamburg=20/40 München=80/89 Köln=50/221 Frankfurt_am_Main=60/69 Stuttgart=70/711
Düsseldorf=40/211 Leipzig=04/341 Dortmund=44/231 Essen=45/201 Bremen=28/421 Dresden=01/351 Hannover=30/511
Nürnberg=90/911 Duisburg=47/203 Bochum=44/234 Wuppertal=42/202 Bielefeld=33/521 Bonn=53/228 Münster=48/251
Mannheim=68/621 Karlsruhe=76/721 Augsburg=86/821 Wiesbaden=65/611 Aachen=52/241 Chemnitz=09/371 Kiel=24/431
Rostock=18/381 Freiburg_im_Breisgau=79/761 Lübeck=23/451 Erfurt=99/361 Mainz=55/6131 Kassel=34/561
Halle_(Saale)=06/345 Magdeburg=39/391 Saarbrücken=66/681 Potsdam=14/331 Oldenburg=26/441 Regensburg=93/941
Würzburg=97/931 Ulm=89/731 Göttingen=37/551 Heidelberg=69/6221 Darmstadt=64/6151 Ingolstadt=85/841 Jena=07/3641
Trier=54/651 Koblenz=56/261 Bamberg=96/951 Konstanz=78/7531 Passau=94/851 Schwerin=19/385 Cottbus=03/355
Gera=07/365 Hildesheim=31/5131 Siegen=57/271 Flensburg=24/461 Emden=26/4921 Celle=29/5141 Fulda=36/661"""
_GB = """London=SW/20 Birmingham=B/121 Manchester=M/161 Leeds=LS/113 Liverpool=L/151 Sheffield=S/114 Bristol=BS/117
Glasgow=G/141 Edinburgh=EH/131 Leicester=LE/116 Newcastle=NE/191 Nottingham=NG/115 Cardiff=CF/29 Belfast=BT/28
Coventry=CV/24 Bradford=BD/1274 Southampton=SO/23 Portsmouth=PO/23 Plymouth=PL/1752 Derby=DE/1332
Wolverhampton=WV/1902 Norwich=NR/1603 Swansea=SA/1792 Oxford=OX/1865 Cambridge=CB/1223 York=YO/1904
Exeter=EX/1392 Gloucester=GL/1452 Bath=BA/1225 Brighton=BN/1273 Reading=RG/118 Luton=LU/1582 Bolton=BL/1204
Dundee=DD/1382 Aberdeen=AB/1224 Inverness=IV/1463 Ipswich=IP/1473 Peterborough=PE/1733 Swindon=SN/1793
Northampton=NN/1604 Lincoln=LN/1522 Chester=CH/1244 Preston=PR/1772 Durham=DH/191 Carlisle=CA/1228
Worcester=WR/1905 Hereford=HR/1432 Taunton=TA/1823 Truro=TR/1872 Perth=PH/1738"""
_US = """New_York=NY-100/212 Los_Angeles=CA-900/213 Chicago=IL-606/312 Houston=TX-770/713 Phoenix=AZ-850/602
Philadelphia=PA-191/215 San_Antonio=TX-782/210 San_Diego=CA-921/619 Dallas=TX-752/214 San_Jose=CA-951/408
Austin=TX-787/512 Jacksonville=FL-322/904 Fort_Worth=TX-761/817 Columbus=OH-432/614 Charlotte=NC-282/704
Indianapolis=IN-462/317 San_Francisco=CA-941/415 Seattle=WA-981/206 Denver=CO-802/303 Washington=DC-200/202
Boston=MA-021/617 Detroit=MI-482/313 Memphis=TN-381/901 Portland=OR-972/503 Oklahoma_City=OK-731/405
Las_Vegas=NV-891/702 Louisville=KY-402/502 Baltimore=MD-212/410 Milwaukee=WI-532/414 Albuquerque=NM-871/505
Tucson=AZ-857/520 Fresno=CA-937/559 Sacramento=CA-958/916 Kansas_City=MO-641/816 Omaha=NE-681/402
Atlanta=GA-303/404 Miami=FL-331/305 Minneapolis=MN-554/612 New_Orleans=LA-701/504 Cleveland=OH-441/216
Tampa=FL-336/813 St._Louis=MO-631/314 Pittsburgh=PA-152/412 Cincinnati=OH-452/513 Springfield=IL-627/217
Springfield=MA-011/413 Boise=ID-837/208 Des_Moines=IA-503/515"""
_FR = """Paris=75/14 Marseille=13/41 Lyon=69/42 Toulouse=31/51 Nice=06/43 Nantes=44/22 Strasbourg=67/31
Montpellier=34/44 Bordeaux=33/55 Lille=59/32 Rennes=35/21 Reims=51/32 Le_Havre=76/23 Saint-Étienne=42/42
Toulon=83/44 Grenoble=38/43 Dijon=21/31 Angers=49/24 Nîmes=30/41 Villeurbanne=69/42 Clermont-Ferrand=63/41
Le_Mans=72/24 Aix-en-Provence=13/44 Brest=29/22 Tours=37/24 Amiens=80/32 Limoges=87/55 Annecy=74/45
Perpignan=66/41 Besançon=25/31 Orléans=45/23 Metz=57/31 Rouen=76/23 Mulhouse=68/31 Caen=14/23 Nancy=54/31
Avignon=84/43 Poitiers=86/54 Pau=64/55 Calais=62/32 La_Rochelle=17/54 Bourges=18/24 Colmar=68/31 Valence=26/47
Quimper=29/22 Troyes=10/32 Chambéry=73/47 Niort=79/54"""

_TOWN_HEAD = {
    0: words(
        "Alten Neuen Burg Lang Stein Hoch Nieder Ober Unter Rot Schwarz Grün Birken Eichen Linden Mühl Wald Kirch"
    ),
    1: words("Ash Black Broad Clare Down East Elm Farn Great Hasle King's Long Market Marsh Milden New North Over"),
    2: words("Ash Bay Cedar Clear Fair Green High Lake Maple Mill Oak Pine River Rock Spring Sunny West Wood"),
    3: words(
        "Bel Beau Castel Champ Clair Haut Mont Neuf Roche Rouge Saint-Am Saint-Er Saint-Jul Val Vert Ville Bourg Pont"
    ),
}
_TOWN_TAIL = {
    0: words("bach berg burg dorf feld hausen heim kirchen stadt"),
    1: words("bourne bridge bury combe ford ham ley mouth worth"),
    2: words("brook dale field haven land mont port ville wood"),
    3: words("ac ange ans court ence euil ienne igny ville"),
}
_STREETS = {
    0: words(
        "Hauptstraße Bahnhofstraße Schulstraße Gartenstraße Dorfstraße Bergstraße Kirchstraße Waldstraße "
        "Ringstraße Goethestraße "
        "Schillerstraße Mozartstraße Lindenstraße Feldstraße Wiesenweg Mühlenweg Am_Markt Am_Bahnhof "
        "Im_Winkel An_der_Kirche"
    ),
    1: words(
        "High_Street Station_Road Church_Lane Main_Street Park_Road Victoria_Road Green_Lane Manor_Road "
        "Kings_Road Queens_Road "
        "New_Road The_Crescent Mill_Lane London_Road Church_Street School_Lane Springfield_Road Grange_Road"
    ),
    2: words(
        "Main_Street 2nd_Street 3rd_Street 1st_Street Oak_Avenue Park_Avenue Pine_Street Maple_Avenue "
        "Cedar_Lane Elm_Street "
        "Washington_Street Lake_Drive Hill_Road Walnut_Street Sunset_Boulevard Lincoln_Avenue Jefferson_Street"
    ),
    3: words(
        "Rue_de_la_République Rue_de_l'Église Grande_Rue Rue_du_Moulin Place_de_la_Mairie Rue_du_Château "
        "Rue_des_Écoles "
        "Avenue_de_la_Gare Rue_Victor_Hugo Rue_Pasteur Rue_Jean_Jaurès Chemin_des_Vignes Rue_des_Lilas "
        "Boulevard_Voltaire"
    ),
}
_STREET_HEAD = {
    0: words("""Ahorn Akazien Amsel Birken Blumen Brunnen Buchen Eichen Erlen Falken Fichten Flieder Garten Heide
        Hirten Jäger Kastanien Kiefern Kloster Lerchen Linden Mozart Mühlen Nelken Pappel Post Rosen Sonnen
        Tannen Tulpen Uhland Wald Weiden Wiesen"""),
    1: words("""Albert Alexandra Alma Ashley Beech Belmont Cambridge Castle Cherry Chestnut Clarence Derby
        Devonshire Elm Forest Gordon Granville Hawthorn Holly Hope Laurel Lime Marlborough Melrose Nelson
        Norfolk Orchard Oxford Poplar Princes Richmond Rose Salisbury Stanley Sycamore Wellington Willow Windsor
        York"""),
    2: words("""Adams Aspen Bayview Birch Canyon Chestnut Church Cherry College Country_Club Creekside Dogwood
        Eagle Forest Franklin Garden Hickory Highland Jackson Juniper Magnolia Meadow Mill Monroe Orchard Poplar
        Prairie Ridge River Rosewood Spring Spruce Sycamore Valley Willow Wilson"""),
    3: words("""de_la_Fontaine des_Acacias des_Cerisiers des_Chênes des_Fleurs des_Jardins des_Marronniers
        des_Mimosas des_Peupliers des_Platanes des_Rosiers des_Tilleuls du_Bois du_Lavoir du_Stade du_Vieux_Pont
        Émile_Zola Jules_Ferry Georges_Sand Lamartine Molière Racine Montaigne"""),
}
_STREET_TAIL = {
    0: words("straße weg allee gasse platz ring"),
    1: words("Road Street Avenue Close Drive Gardens Way Court Grove Terrace"),
    2: words("Street Avenue Drive Lane Road Court Way Circle Boulevard"),
    3: words("Rue Avenue Chemin Allée Impasse Boulevard"),
}
SHORTER = (
    ("straße", "str."),
    ("Straße", "Str."),
    ("platz", "pl."),
    (" Street", " St"),
    (" Road", " Rd"),
    (" Avenue", " Ave"),
    (" Lane", " Ln"),
    (" Drive", " Dr"),
    (" Boulevard", " Blvd"),
    (" Court", " Ct"),
    ("Avenue ", "Av. "),
    ("Boulevard ", "Bd "),
    ("Rue ", "R. "),
)

_MOBILE = {
    0: words("160 170 171 175 172 173 174 162 177 178 1511 1512 1514 1515 1520 1522 1525 1570 1573 1577"),
    1: [f"7{n}" for n in words("40 41 42 45 47 49 50 52 54 57 71 73 75 77 78 80 82 84 85 87 88 90 92 95 98")],
    3: words("60 61 62 64 65 66 67 68 73 74 75 76 77 78"),
}
_EXCHANGES = np.array([n for n in range(220, 990) if n % 100 != 11 and n != 555 and n // 10 % 10 != 9])
DIAL = ("49", "44", "1", "33")


@dataclass(frozen=True)
class Places:
    """One country's cities and streets, the large ones first."""

    cities: Texts
    regions: Texts  # US states, else empty
    prefixes: Texts  # of postcodes
    areas: Texts  # of landlines
    postcodes: Ints  # how many each city has
    weights: Floats
    streets: Texts
    street_weights: Floats


@cache
def places(country: int) -> Places:
    """The pools of one country (0..3: DE, GB, US, FR)."""
    listed = [item.replace("_", " ").split("=") for item in (_DE, _GB, _US, _FR)[country].split()]
    names = [name for name, _ in listed]
    codes = [code.split("/") for _, code in listed]
    taken = set(names)
    for i, (head, tail) in enumerate((h, t) for t in _TOWN_TAIL[country] for h in _TOWN_HEAD[country]):
        if head + tail not in taken and i % 3 != 1:
            names.append(head + tail)
            codes.append(codes[(i * 7) % len(listed)])
    weights = zipf(len(names), 4.0, 0.95)
    streets = _STREETS[country] + (
        [f"{tail} {head}" for head in _STREET_HEAD[3] for tail in _STREET_TAIL[3]]
        if country == 3
        else [
            head + ("" if country == 0 else " ") + tail
            for head in _STREET_HEAD[country]
            for tail in _STREET_TAIL[country]
        ]
    )
    streets = list(dict.fromkeys(s.replace("_", " ") for s in streets))
    return Places(
        cities=texts(names),
        regions=texts([c[0].split("-")[0] if country == 2 else "" for c in codes]),
        prefixes=texts([c[0].split("-")[-1] for c in codes]),
        areas=texts([c[1] for c in codes]),
        postcodes=np.maximum(3, (60 * weights / weights[0]).astype(np.int64)),
        weights=weights,
        streets=texts(streets),
        street_weights=zipf(len(streets), 6.0, 0.7),
    )


@dataclass(frozen=True)
class Addresses:
    """Addresses by column; `area` is the landline prefix of the city."""

    line1: Texts
    line2: Texts
    postcode: Texts
    city: Texts
    region: Texts
    country: Ints
    area: Texts


def addresses(dice: Dice, topic: str, country: Ints) -> Addresses:
    """An address for each entry of `country`."""
    size = len(country)
    columns = {
        name: np.full(size, "", dtype=object) for name in ("line1", "line2", "postcode", "city", "region", "area")
    }
    for code in range(4):
        where = np.flatnonzero(country == code)
        pool, name = places(code), f"{topic}/{code}"
        city = dice.choose(f"{name}/city", len(where), pool.weights)
        street = dice.choose(f"{name}/street", len(where), pool.street_weights)
        number = 1 + (dice.uniform(f"{name}/number", len(where)) ** 1.7 * (2400 if code == 2 else 120)).astype(np.int64)
        flat = dice.uniform(f"{name}/flat", len(where))
        numbers = texts([str(n) for n in number.tolist()])
        letters = texts(["", "a", "b", "c"])[np.where(flat < 0.06, 1 + (flat * 50).astype(np.int64) % 3, 0)]
        streets = pool.streets[street]
        columns["line1"][where] = streets + " " + numbers + letters if code == 0 else numbers + " " + streets
        columns["line2"][where] = texts(_flats(code, flat.tolist()))
        columns["city"][where] = pool.cities[city]
        columns["region"][where] = pool.regions[city]
        columns["area"][where] = pool.areas[city]
        columns["postcode"][where] = _postcodes(code, pool, city, street, number)
    return Addresses(country=country, **columns)


def _flats(code: int, draws: list[float]) -> list[str]:
    word = ("", "Flat ", "Apt ", "Appt ")[code]
    share = (0.0, 0.25, 0.30, 0.20)[code]
    return [f"{word}{1 + int(d / share * 40)}" if d < share else "" for d in draws]


def _postcodes(code: int, pool: Places, city: Ints, street: Ints, number: Ints) -> Texts:
    """A street of a city lies in one of the city's postcodes (British ones: some twenty houses)."""
    part = (city * 7919 + street * 104_729) % pool.postcodes[city]
    spread = (city * 131 + part * 37) % {0: 1000, 1: 30, 2: 100, 3: 100}[code]
    prefix = pool.prefixes[city].tolist()
    if code == 1:
        unit = (street * 613 + number // 20 * 71 + city) % 4000
        letters = "ABDEFGHJLNPQRSTUWXYZ"
        made = [
            f"{p}{1 + s} {u % 10}{letters[u // 10 % 20]}{letters[u // 200]}"
            for p, s, u in zip(prefix, spread.tolist(), unit.tolist(), strict=True)
        ]
    elif code == 0:
        made = [f"{p}{s:03d}" for p, s in zip(prefix, spread.tolist(), strict=True)]
    elif code == 2:
        made = [f"{p}{s:02d}" for p, s in zip(prefix, spread.tolist(), strict=True)]
    else:
        made = [f"{p}{s * 10 % 1000:03d}" for p, s in zip(prefix, spread.tolist(), strict=True)]
    return texts(made)


def mobiles(country: Ints, index: Ints) -> Texts:
    """E.164 mobile numbers, one per distinct index (< 100 million)."""
    out = np.full(len(country), "", dtype=object)
    for code in range(4):
        where = np.flatnonzero(country == code)
        if code == 2:
            out[where] = _american(None, index[where])
            continue
        prefixes = _MOBILE[code]
        mixed = scramble(index[where], len(prefixes) * 10_000_000)
        out[where] = texts([f"+{DIAL[code]}{prefixes[n // 10_000_000]}{n % 10_000_000:07d}" for n in mixed.tolist()])
    return out


def landlines(country: Ints, area: Texts, index: Ints) -> Texts:
    """E.164 landline numbers in an area, one per distinct index."""
    out = np.full(len(country), "", dtype=object)
    for code in range(4):
        where = np.flatnonzero(country == code)
        if code == 2:
            out[where] = _american(area[where], index[where])
            continue
        number = 2_000_000 + scramble(index[where], 3_000_000)
        pairs = zip(area[where].tolist(), number.tolist(), strict=True)
        if code == 1:
            # ten national digits; London's 7xxx xxxx; 11x areas start their numbers with 2; 2x areas have eight
            out[where] = texts([_british(a, n) for a, n in pairs])
        elif code == 3:
            out[where] = texts([f"+33{a}{n}" for a, n in pairs])
        else:
            out[where] = texts([f"+49{a}{n}" for a, n in pairs])
    return out


def _british(area: str, number: int) -> str:
    digits = f"{number - 2_000_000:07d}"
    if area == "20":
        return f"+44207{digits}"
    if len(area) == 2:
        return f"+44{area}{_LOCAL[area]}{digits[1:]}"
    return f"+44{area}2{digits[1:]}" if len(area) == 3 else f"+44{area}3{digits[2:]}"


_LOCAL = {"29": "20", "28": "90", "24": "76", "23": "80"}


def _american(area: Texts | None, index: Ints) -> Texts:
    codes = [a for a in dict.fromkeys(places(2).areas.tolist())]
    mixed = scramble(index, len(_EXCHANGES) * 10_000 * len(codes))
    made = []
    for i, n in enumerate(mixed.tolist()):
        place, last = divmod(n, 10_000)
        own = area[i] if area is not None else codes[place // len(_EXCHANGES)]
        made.append(f"+1{own}{_EXCHANGES[place % len(_EXCHANGES)]}{last:04d}")
    return texts(made)
