"""Draw the rooms of the house and which of them import which, for docs/architecture.md.

    python tools/draw_rooms.py

The arrows are read out of the imports; so are the numbers of modules and lines.
"""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
HOUSE = ROOT / "src" / "softmax_visualizer"

ROOMS = {
    "cli": (310, 20, "one module a command"),
    "tui": (310, 120, "the Textual app"),
    "lessons": (40, 230, "lesson files and the course"),
    "display": (310, 230, "a decoding as text and bars"),
    "models": (580, 230, "where distributions come from"),
    "decoding": (310, 340, "the arithmetic: numpy only"),
}
"""Where each room is drawn, and what it is."""

WIDTH, HEIGHT = 230, 66


def imports(path: Path) -> set[str]:
    """Return the rooms that a module imports from."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [each.name for each in node.names] if isinstance(node, ast.Import) else []
        found |= {parts[1] for name in names if len(parts := name.split(".")) > 1 and parts[0] == HOUSE.name}
    return found


def draw() -> str:
    """Return the picture as SVG."""
    arrows: Counter[tuple[str, str]] = Counter()
    parts = []
    for room, (x, y, words) in ROOMS.items():
        modules = sorted((HOUSE / room).rglob("*.py"))
        lines = sum(len(module.read_text().splitlines()) for module in modules)
        for module in modules:
            arrows.update((room, other) for other in imports(module) if other in ROOMS and other != room)
        texts = ((22, 16, "bold", room), (40, 12, "normal", words),
                 (56, 11, "normal", f"{len(modules)} modules, {lines:,} lines"))  # fmt: skip
        parts.append(f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="6" class="room"/>')
        parts += [
            f'<text x="{x + WIDTH // 2}" y="{y + down}" font-size="{size}" font-weight="{bold}">{text}</text>'
            for down, size, bold, text in texts
        ]
    lines_drawn = [_arrow(*pair, count) for pair, count in sorted(arrows.items())]
    style = (
        ".room{fill:#f4f1ea;stroke:#444}text{font-family:sans-serif;text-anchor:middle;fill:#222}"
        "line{stroke:#2a6f97;marker-end:url(#head)}"
    )
    head = (
        '<marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="10" markerHeight="10" '
        'markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0L10 5L0 10z" fill="#2a6f97"/></marker>'
    )
    return "\n".join(
        [
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 850 426">',
            f"<style>{style}</style><defs>{head}</defs>",
            '<rect width="850" height="426" fill="white"/>',
            *lines_drawn,
            *parts,
            "</svg>\n",
        ]
    )


def _arrow(source: str, target: str, count: int) -> str:
    (x1, y1, _), (x2, y2, _) = ROOMS[source], ROOMS[target]
    start = x1 + WIDTH / 2, y1 + HEIGHT / 2
    end = x2 + WIDTH / 2, y2 + HEIGHT / 2
    # to the edge of the room that it leads to
    across, down = start[0] - end[0], start[1] - end[1]
    part = min(
        abs(WIDTH / 2 / across) if across else 1.0,
        abs(HEIGHT / 2 / down) if down else 1.0,
    )
    tip = end[0] + across * part, end[1] + down * part
    width = 1 + count**0.5 / 4
    return (
        f'<line x1="{start[0]:.0f}" y1="{start[1]:.0f}" x2="{tip[0]:.0f}" y2="{tip[1]:.0f}" '
        f'stroke-width="{width:.1f}"><title>{source} imports {target} {count} times</title></line>'
    )


if __name__ == "__main__":
    (ROOT / "docs" / "architecture.svg").write_text(draw())
