"""Every room's tables: imports each file that declares one, so that SQLModel's metadata are whole."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import hub

FOLDER = Path(hub.__file__).parent

for path in sorted(FOLDER.rglob("*.py")):
    if "table=True" in path.read_text(encoding="utf-8"):
        import_module(".".join(("hub", *path.relative_to(FOLDER).with_suffix("").parts)).removesuffix(".__init__"))
