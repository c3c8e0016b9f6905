"""Python environments of their own for what the program itself must not be installed with."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from report import MeasurementError

_FOLDER = Path(__file__).parent / ".venvs"


def python_with(requirements: Sequence[str]) -> str:
    """Return the path of a Python that has some packages; it is made if there is none yet.

    Raises:
        MeasurementError: they cannot be installed.
    """
    folder = _FOLDER / "-".join(requirements).replace("==", "-")
    python = folder / "bin" / "python"
    done = folder / "complete"
    if not done.exists():
        print(f"Making an environment with {' and '.join(requirements)}, once.", flush=True)
        for command in (
            [sys.executable, "-m", "venv", "--clear", str(folder)],
            [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements],
        ):
            finished = subprocess.run(command, capture_output=True, text=True)
            if finished.returncode:
                lines = [line for line in finished.stderr.splitlines() if line.strip()]
                reason = lines[-1] if lines else f"status {finished.returncode}"
                raise MeasurementError(f"{' and '.join(requirements)} could not be installed: {reason}")
        done.touch()
    return str(python)
