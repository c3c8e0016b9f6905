"""``show --format markdown``: tables that stay tables, whatever the tokens are."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from softmax_visualizer.decoding import DecodingSettings, TokenDistribution
from softmax_visualizer.display.labels import label, safe_line
from softmax_visualizer.display.pipeline import LABEL_WIDTH
from softmax_visualizer.display.report import report
from terminal import APP, fresh_environment

HOSTILE = [
    "|", "\\|", "\\", "||\\", "`", "``", "` |", "a`b``c", "\n", "\r\n| x |", "<script>alert(1)</script>",
    "[x](y)", "![x](http://y)", "# h", "**b**", "&lt;", "---", "", " ", "  lead", "$x$", "@somebody",
    "\ud83d", "\x1b[31m", "\u202e", "日本",
]  # fmt: skip
MODEL: dict[str, str | None] = {"name": "m", "source": "openai", "endpoint": "http://127.0.0.1:8080/v1"}


def markdown(
    tokens: Sequence[str] = ("a", "b", "c"),
    *,
    logprobs: Sequence[float] | None = None,
    size: int | None = None,
    prompt: str = "Hi",
    name: str = "m",
    settings: Sequence[DecodingSettings] = (DecodingSettings(),),
    top: int = 99,
) -> str:
    """The report of a distribution: of these tokens alone, or of a list that is cut off after them."""
    if logprobs is None:
        distribution = TokenDistribution.from_logits(tokens, [-0.1 * rank for rank in range(len(tokens))])
    else:
        distribution = TokenDistribution.from_top_logprobs(tokens, logprobs, size)
    return "".join(report(prompt, {**MODEL, "name": name}, distribution, settings, top, "markdown"))


def cells(line: str) -> list[str]:
    """The cells of a row, which end at every bar that has no backslash before it."""
    first, *inner, last = re.split(r"(?<!\\)\|", line)
    assert first == last == ""
    return [cell.strip() for cell in inner]


def rows(text: str) -> list[list[str]]:
    """The rows of all tables, without their headings."""
    table = [cells(line) for line in text.splitlines() if line.startswith("|")]
    return [row for row in table if row[0] not in ("token", ":--")]


def code(text: str) -> list[str]:
    """The code spans as a reader of Markdown sees them, who must find no other markup."""
    inlines = [token for token in MarkdownIt("commonmark").enable("table").parse(text) if token.children]
    spans = [part for inline in inlines for part in inline.children or []]
    assert {part.type for part in spans} <= {"text", "code_inline"}
    return [part.content for part in spans if part.type == "code_inline"]


def test_it_is_a_heading_and_a_table_with_statistics_for_each_setting() -> None:
    settings = [DecodingSettings(0), DecodingSettings(1.5, 0.5, order="temperature-last")]
    assert markdown(settings=settings) == (
        "# `Hi`: `m` at `http://127.0.0.1:8080/v1`, all 3 tokens\n"
        "\n"
        "## Temp 0 (no cut)\n"
        "\n"
        "| token | model | after temperature | sampled with |\n"
        "| :-- | --: | --: | --: |\n"
        "| `a` | 36.7 % | 100 % | 100 % |\n"
        "| `b` | 33.2 % | 0 % | 0 % |\n"
        "| `c` | 30.1 % | 0 % | 0 % |\n"
        "\n"
        "entropy 1.58 → 0 → 0 bits, perplexity 3.0 → 1 → 1, kept 1 of 3, cut 0 %, exact\n"
        "\n"
        "## Temp 1.5 (top-p 0.50, temperature last)\n"
        "\n"
        "| token | model | after temperature | sampled with |\n"
        "| :-- | --: | --: | --: |\n"
        "| `a` | 36.7 % | 35.6 % | 51.7 % |\n"
        "| `b` | 33.2 % | 33.3 % | 48.3 % |\n"
        "| `c` | 30.1 % | 31.1 % | cut |\n"
        "\n"
        "entropy 1.58 → 1.00 → 1.00 bits, perplexity 3.0 → 2.0 → 2.0, kept 2 of 3, cut 30.1 %, exact\n"
    )


def test_tokens_beyond_the_top_are_the_last_row() -> None:
    assert rows(markdown(top=1))[-1] == ["2 more", "63.3 %", "63.3 %", "63.3 %"]
    assert rows(markdown(top=1, settings=[DecodingSettings(top_k=1)]))[-1][-1] == "cut"
    assert rows(markdown(top=0)) == [["3 more", "100 %", "100 %", "100 %"]]
    assert len(rows(markdown(top=3))) == 3


def test_what_is_only_bounded_is_an_interval_and_called_so() -> None:
    text = markdown(logprobs=[-0.6, -1.9, -2.7], size=200_019, settings=[DecodingSettings(1.5)])
    assert text.startswith("# `Hi`: `m` at `http://127.0.0.1:8080/v1`, top 3 of 200,019 tokens\n")
    assert rows(text)[-1][0] == "unseen"
    assert re.fullmatch(r"\d+–\d+ %", rows(text)[0][-1])
    assert text.endswith(", bounds\n")


def test_without_a_prompt_or_a_server_the_heading_names_the_model_alone() -> None:
    distribution = TokenDistribution.from_logits(["a", "b"], [0.0, 0.0])
    model = {"name": "list.json", "source": "file", "endpoint": None}
    text = "".join(report("", model, distribution, [DecodingSettings()], 9, "markdown"))
    assert text.splitlines()[0] == "# `list.json`, all 2 tokens"


# --- texts that would be markup ---


def test_every_row_has_four_cells_whatever_the_tokens_are() -> None:
    table = rows(markdown(HOSTILE, settings=[DecodingSettings(), DecodingSettings(0.5, 0.5)]))
    assert {len(row) for row in table} == {4}
    assert len(table) == 2 * len(HOSTILE)


@pytest.mark.parametrize(
    ("token", "cell"),
    [
        ("|", "`\\|`"),
        ("`", "`` ` ``"),
        ("a`b``c", "```a`b``c```"),
        ("\n", "`⏎`"),
        ("<script>", "`<script>`"),
        ("[x](y)", "`[x](y)`"),
        (" lazy", "`␣lazy`"),
        ("", "`<empty>`"),
    ],
)
def test_a_token_is_a_code_span(token: str, cell: str) -> None:
    assert rows(markdown([token, "b"]))[0][0] == cell


any_text = st.text(st.characters(exclude_categories=())) | st.text("`|\\ <>[]()*_\n#&a", max_size=12)


@given(st.lists(any_text | st.sampled_from(HOSTILE), min_size=2, max_size=6), any_text, any_text)
def test_a_reader_of_markdown_sees_every_text_as_it_is_labelled(
    tokens: list[str], prompt: str, name: str
) -> None:
    heading = [safe_line(prompt, 80)] if prompt else []
    shown = [*heading, safe_line(name or "m"), str(MODEL["endpoint"])]
    assert code(markdown(tokens, prompt=prompt, name=name or "m")) == [
        *shown,
        *(label(token, None, LABEL_WIDTH) for token in tokens),
    ]


def test_show_prints_it(tmp_path: Path) -> None:
    run = subprocess.run(
        [*APP, "show", "`|`\x1b[31m\n<b>", "-t", "0.5", "--top", "2", "--format", "markdown"],
        capture_output=True,
        env=fresh_environment(tmp_path),
        cwd=tmp_path,
        timeout=60,
        check=True,
    )
    lines = run.stdout.decode().splitlines()
    assert lines[0] == "# `` `|`␛[31m⏎<b> ``: `bundled`, all 20,000 tokens"
    assert [len(cells(line)) for line in lines if line.startswith("|")] == [4] * 5
