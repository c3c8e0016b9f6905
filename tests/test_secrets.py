"""A key that somebody types, or that a server sends back, is on no screen and in nothing that leaves it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import openai  # noqa: F401 (it takes seconds, which are not the screen's)
import pytest
from hypothesis import given
from hypothesis import strategies as st

from misbehaving_server import Answer, MisbehavingServer
from screens import settle, text
from softmax_visualizer.decoding import Token, TokenDistribution
from softmax_visualizer.models.base import ModelAnswer
from softmax_visualizer.models.configuration import Configuration, Secret
from softmax_visualizer.models.redaction import redacted
from softmax_visualizer.tui.app import SoftmaxVisualizer
from softmax_visualizer.tui.preferences import Preferences

KEY = "key-0123456789abcdefghij"
CONFIGURATION = Configuration(Secret(KEY), "http://127.0.0.1:1/v1", "m")


def answer(**changes: object) -> ModelAnswer:
    distribution = TokenDistribution.from_top_logprobs([Token("a"), Token("b", b"b")], [-1.0, -2.0], 100)
    return replace(ModelAnswer("Hi", distribution, "m", "openai"), **changes)


def listing(*tokens: Token) -> TokenDistribution:
    return TokenDistribution.from_top_logprobs(tokens, [-1.0 - rank for rank in range(len(tokens))], 100)


def test_an_answer_without_secrets_is_the_same_answer() -> None:
    plain = answer(request={"body": {"messages": [{"content": "Hi"}]}})
    assert redacted(plain, CONFIGURATION.redact) is plain


@pytest.mark.parametrize(
    "changes",
    [
        {"prompt": f"my key is {KEY}"},
        {"model": KEY},
        {"endpoint": f"https://h/{KEY}"},
        {"notes": (f"of {KEY}",)},
        {"request": {"body": {"messages": [{"content": KEY}], KEY: 1}}},
        {"distribution": listing(Token(KEY), Token("b"))},
        {"distribution": listing(Token("b"), Token(f" {KEY}!", f" {KEY}!".encode()))},
        {"distribution": listing(Token("?", KEY.encode() + b"\xff"), Token("b"))},
        {"distribution": replace(listing(Token("b")), notes=(KEY,))},
        {"distribution": TokenDistribution.from_logits([Token("b"), Token(KEY)], [0.0, 2.0])},
    ],
)
def test_wherever_it_stands_in_an_answer_it_is_hidden(changes: dict[str, object]) -> None:
    before = answer(**changes)
    after = redacted(before, CONFIGURATION.redact)
    tokens = [(token.text, token.raw) for token in after.distribution.tokens]
    shown = f"{after} {tokens} {after.distribution.notes}"
    assert KEY not in shown
    assert "[hidden]" in shown
    # the numbers are those of the answer
    assert after.distribution.logprobs.tolist() == before.distribution.logprobs.tolist()
    assert after.distribution.unseen_mass == before.distribution.unseen_mass


@given(st.text(), st.text())
def test_a_mask_keeps_the_place_of_every_character(before: str, after: str) -> None:
    line = f"{before} {KEY} {after}"
    masked = CONFIGURATION.mask(line)
    assert len(masked) == len(line)
    assert KEY not in masked


async def test_it_is_on_no_screen_clipboard_or_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = [{"token": KEY, "logprob": -0.5, "bytes": list(KEY.encode())}, {"token": "b", "logprob": -1.5}]
    content = [{**listed[0], "top_logprobs": listed}]
    body = {"model": KEY, "choices": [{"logprobs": {"content": content}}]}
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("TERM", "xterm-256color")
    with MisbehavingServer(Answer(body), models=Answer({"data": [{"id": KEY}, {"id": "m"}]})) as server:
        app = SoftmaxVisualizer(
            Configuration(Secret(KEY), server.url, "m"),
            f"my key is {KEY}",
            preferences=Preferences(keeps_history=True),
        )
        copied: list[str] = []
        async with app.run_test(size=(100, 30)) as pilot:
            await settle(app, pilot)
            seen = text(app)
            assert "[hidden]" in seen
            for key in ("v", "c", "i", "escape", "m", "escape", "slash"):
                await pilot.press(key)
                await settle(app, pilot)
                seen += text(app) + app.export_screenshot()
            app.copy_to_clipboard(f"a {KEY}")
            copied.append(app.clipboard)
            assert "•" * len(KEY) in text(app)
        assert KEY not in seen
        assert KEY not in "".join(copied)
        kept = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
        assert "[hidden]" in "".join(kept)
        assert KEY not in "".join(kept)
        # the question itself is asked as it was typed
        assert server.asked[0].body["messages"][0]["content"] == f"my key is {KEY}"


def test_show_prints_none(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    from softmax_visualizer.cli import main

    listed = [{"token": KEY, "logprob": -0.5, "bytes": list(KEY.encode())}, {"token": "b", "logprob": -1.5}]
    body = {"model": "m", "choices": [{"logprobs": {"content": [{**listed[0], "top_logprobs": listed}]}}]}
    with MisbehavingServer(Answer(body)) as server, pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        for form in ("text", "json", "csv", "markdown"):
            assert main(["show", f"of {KEY}", "--model", "m", "--format", form]) == 0
    printed = b"".join(capsysbinary.readouterr())
    assert KEY.encode() not in printed
    assert json.dumps(list(KEY.encode())).strip("[]").encode() not in printed.replace(b"\n", b"")
    assert b"[hidden]" in printed
