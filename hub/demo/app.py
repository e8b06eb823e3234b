"""The app: its user profiles as a Parquet export in a folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hub.demo.dice import Dice
from hub.demo.shapes import app_profiles
from hub.demo.world import World

FILE = "profiles.parquet"


def fill(folder: Path, world: World) -> Path:
    """Write the profiles; some rows stand there twice, as in many exports. Answers with the file."""
    folder.mkdir(parents=True, exist_ok=True)
    profiles = app_profiles(world.persons)
    again = np.flatnonzero(Dice(world.seed).chance("app repeats", profiles.num_rows, world.noise.repeats))
    path = folder / FILE
    pq.write_table(pa.concat_tables([profiles, profiles.take(pa.array(again))]), path)
    return path
