"""Which of the large packages a program imports, and when.

The program is started with ``reference/import_log`` on its path, whose ``sitecustomize`` writes down when a
package is first looked for. Runs that are timed are started without it.
"""

from __future__ import annotations

import os
from pathlib import Path

LARGE = ("openai", "textual", "plotext", "numpy")
"""The packages that are looked out for."""

_FOLDER = Path(__file__).parent / "reference" / "import_log"


def log_to(file: Path) -> dict[str, str]:
    """Return the environment in which a program logs its imports to a file."""
    return {
        "PYTHONPATH": os.fspath(_FOLDER),
        "IMPORT_LOG": os.fspath(file),
        "IMPORT_LOG_PACKAGES": " ".join(LARGE),
    }


def read(file: Path) -> dict[str, float]:
    """Return when each of the packages was imported, by ``time.monotonic``, in the order of their import."""
    moments: dict[str, float] = {}
    for line in file.read_text().splitlines() if file.exists() else []:
        name, moment = line.split()
        moments.setdefault(name, float(moment))
    return moments
