"""Many samples beside what is expected of them: theory, and how often each token came."""

from __future__ import annotations

from softmax_visualizer.tui.scene import Scene
from softmax_visualizer.tui.views.view import Picture, View, told


def draw(scene: Scene, width: int, height: int) -> Picture:
    """Draw theory and samples, a row a token, and what they say."""
    counted = scene.counts
    if counted is None:
        words = f"M samples {scene.many:,} tokens as the decoder would; V has the server sample."
        return told("Samples", words, width, height)
    from softmax_visualizer.display.labels import safe_line
    from softmax_visualizer.display.pieces import Piece
    from softmax_visualizer.display.samples import Samples, greedy_sentence, table

    samples = Samples(counted.pin.decoding, counted.counts, counted.by, ())
    said = [greedy_sentence(counted.pin.decoding, counted.counts), *counted.verdict]
    if counted.counts.untold:
        said.append(f"{counted.counts.untold:,} more were of a kind that the server does not name")
    said = said[: max(height // 3, 1)]
    lines, axis = table(samples, width, max(height - 2 - len(said), 1), scene.axis)
    below = [[Piece(f" {safe_line(each[:1].upper() + each[1:], width - 3)}.", "number")] for each in said]
    return Picture([*lines, *below], (f"axis {axis.caption}",))


VIEW = View(
    "counts",
    "Counts: sample many",
    "tokens, and compare the counts with what is expected; once more adds as many",
    (
        ("counts", "more"),
        ("server-samples", "the server's"),
        ("how-many", "how many"),
        ("back", "histograms"),
    ),
    "Samples ({key:counts}, {key:server-samples}) stand beside what is expected: ├ and ┤ are where 95 "
    "of 100 such counts fall.",
    draw,
    action="many",
)
