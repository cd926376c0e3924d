"""Write the JSON schema of study files, which editors read: `python -m tools.study_schema`."""

from __future__ import annotations

import json
from pathlib import Path

from pyscore.sweep.spec_models import schema

FILE = Path(__file__).parent.parent / "pyscore" / "sweep" / "study.schema.json"

if __name__ == "__main__":
    FILE.write_text(json.dumps(schema(), indent=1) + "\n")
    print(f"wrote {FILE}")
