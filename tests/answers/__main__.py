"""`python -m tests.answers [NAME ...]`: keep what kinds and readers answer today. Refuses what no version was raised for."""

from __future__ import annotations

import sys

from tests.answers.kept import changed, read, write
from tests.answers.subjects import SUBJECTS

wanted = sys.argv[1:] or list(SUBJECTS)
refused = [why for name in wanted if (why := changed(SUBJECTS[name], read(name))) is not None]
for name in wanted if not refused else ():
    write(SUBJECTS[name])
print("\n".join(refused) or f"kept: {', '.join(wanted)}")
sys.exit(bool(refused))
