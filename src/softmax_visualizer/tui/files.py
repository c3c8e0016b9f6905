"""What files are called."""

from __future__ import annotations

import re
import unicodedata


def file_name(prompt: str, settings: str, ending: str) -> str:
    """Return a file name that says what is in it: ``"the-quick-brown-fox_T-0.70-top-p-0.90.csv"``."""
    plain = unicodedata.normalize("NFKD", prompt).encode("ascii", "ignore").decode()
    words = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:40].strip("-")
    return f"{words or 'prompt'}_{re.sub(r'[^A-Za-z0-9.]+', '-', settings)}{ending}"
