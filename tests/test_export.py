"""What a person takes along: requests, pictures, numbers, a judgement; and answers that are asked once."""

from __future__ import annotations

import base64
import csv
import io
import json
import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, TextArea

from misbehaving_server import Answer, MisbehavingServer
from screens import ObedientModel, bench, failure, said, screen, settle, text, top_of
from softmax_visualizer.decoding import Token
from softmax_visualizer.models.base import ModelAnswer, ModelError
from softmax_visualizer.models.configuration import Configuration
from softmax_visualizer.tui.app import SoftmaxVisualizer
from softmax_visualizer.tui.dialogs.export import why_no_clipboard
from softmax_visualizer.tui.dialogs.tables import TablesScreen
from softmax_visualizer.tui.regions.prompt import PromptEditor
from terminal import Terminal

pytestmark = pytest.mark.usefixtures("here")

FOX = top_of([" lazy", " [/b]", "\x1b[31mred"], [0.6, 0.2, 0.1])
KEY = "sk-test-SECRET0123456789abcdef"


class RecordedModel(ObedientModel):
    """Answers together with what was sent."""

    async def ask(self, prompt: str, *, after: tuple[Token, ...] = (), whole: bool = False) -> ModelAnswer:
        answer = await super().ask(prompt, after=after)
        body = {**self.request(prompt), "temperature": 1, "top_p": 1, "max_tokens": 1, "logprobs": True}
        sent = {"url": f"{self.endpoint}/chat/completions", "body": body}
        return ModelAnswer(prompt, answer.distribution, self.name, self.source, self.endpoint, sent)


def forget(app: SoftmaxVisualizer) -> None:
    """Take back the last sentence."""
    bench(app).update(replace(bench(app).scene, said=None))


async def until(pilot: Pilot[None], condition: Any) -> None:
    for _ in range(200):
        await pilot.pause(0.02)
        if condition():
            return
    raise AssertionError(text(pilot.app))  # type: ignore[arg-type]


async def choose(app: SoftmaxVisualizer, pilot: Pilot[None], words: str) -> None:
    """Choose the line that begins with these words."""
    choices = app.screen.query_one(OptionList)
    names = [str(choices.get_option_at_index(index).prompt) for index in range(choices.option_count)]
    choices.highlighted = next(number for number, name in enumerate(names) if name.startswith(words))
    await pilot.press("enter")
    await pilot.pause()


async def save(app: SoftmaxVisualizer, pilot: Pilot[None], what: str, name: str | None = None) -> str:
    """Save something, under the suggested name or another one; return the sentence about it."""
    await pilot.press("w")
    await pilot.pause()
    await choose(app, pilot, what)
    field = app.screen.query_one(Input)
    if name is not None:
        field.value = name
    await pilot.press("enter")
    await until(pilot, lambda: bool(said(app)) or app.screen is not bench(app))
    return said(app)


# --- answers are asked for once ---


async def ask(app: SoftmaxVisualizer, pilot: Pilot[None], prompt: str) -> None:
    await pilot.press("slash")
    bench(app).query_one(PromptEditor).text = prompt
    await pilot.press("enter")
    await settle(app, pilot)


async def test_the_same_prompt_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model = ObedientModel(lambda _: FOX)
    async with screen(monkeypatch, model, prompt="one") as (app, pilot):
        await ask(app, pilot, "two")
        await ask(app, pilot, "one")
        await ask(app, pilot, "one")
        assert model.asked == ["one", "two"]
        assert bench(app).scene.asked is not None
        assert bench(app).scene.asked.answer.prompt == "one"


async def test_asking_again_asks_again_and_its_answer_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    other = top_of(["new"], [0.9])
    model = ObedientModel(lambda _: FOX if len(model.asked) == 1 else other)
    async with screen(monkeypatch, model, prompt="one") as (app, pilot):
        await pilot.press("ctrl+r")
        await settle(app, pilot)
        assert model.asked == ["one", "one"]
        await ask(app, pilot, "one")
        assert len(model.asked) == 2
        assert "new" in text(app)


async def test_an_answer_is_kept_though_asking_again_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    model = ObedientModel(lambda prompt: FOX if len(model.asked) == 1 else failure(prompt))
    async with screen(monkeypatch, model, prompt="one") as (app, pilot):
        await pilot.press("ctrl+r")
        await settle(app, pilot)
        assert "The server has no answer" in said(app)
        await ask(app, pilot, "one")
        assert len(model.asked) == 2
        assert "Not of the prompt above" not in text(app)


async def test_a_failure_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    model = ObedientModel(lambda prompt: failure(prompt) if len(model.asked) == 1 else FOX)
    async with screen(monkeypatch, model, prompt="one") as (app, pilot):
        await ask(app, pilot, "one")
        assert len(model.asked) == 2
        assert "␣lazy" in text(app)


async def test_switching_the_model_and_back_asks_no_model_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str | None, str]] = []

    def open_model(configuration: Configuration, *_: Any) -> ObedientModel:
        model = ObedientModel(lambda prompt: asked.append((configuration.model, prompt)) or FOX)
        model.name = configuration.model or "?"
        return model

    monkeypatch.setattr("softmax_visualizer.models.opening.open_model", open_model)
    async with screen(prompt="one") as (app, pilot):
        for name in ("first", "second", "first", "bundled", "second"):
            bench(app)._reconfigure(model=name)
            await settle(app, pilot)
            assert bench(app).scene.asked is not None
            assert bench(app).scene.asked.answer.model == name
        assert asked == [("bundled", "one"), ("first", "one"), ("second", "one")]


async def test_views_and_knobs_ask_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    model = ObedientModel(lambda _: FOX)
    async with screen(monkeypatch, model) as (app, pilot):
        await pilot.press("c", "x", "3", "z", "s", "s", "h", "left", "d", "b", "o", "v", "escape")
        await settle(app, pilot)
        assert len(model.asked) == 1


# --- the clipboard ---


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ("Python", ("from openai import OpenAI", "temperature=0.7", "top_p=0.9")),
        ("curl", ("curl http://127.0.0.1:1/v1/chat/completions", '"temperature": 0.7')),
        ("JSON", ('"top_p": 0.9', '"model": "obedient"')),
    ],
)
async def test_the_request_for_the_chosen_setting_is_copied(
    form: str, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with screen(monkeypatch, RecordedModel(lambda _: FOX)) as (app, pilot):
        await pilot.press("3", "y")
        await pilot.pause()
        await choose(app, pilot, form)
        await until(pilot, lambda: "OSC 52" in said(app))
        assert f"The request as {form} was sent" in said(app)
        assert "w saves it into a file" in said(app)
        for word in (*words, "The quick brown fox"):
            assert word in app.clipboard
        assert "max_tokens" not in app.clipboard


async def test_going_back_copies_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with screen(monkeypatch, RecordedModel(lambda _: FOX)) as (app, pilot):
        await pilot.press("y")
        await pilot.pause()
        await pilot.press("escape")
        await pilot.pause()
        assert app.clipboard == ""


async def test_a_prompt_of_odd_characters_can_be_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    async with screen(monkeypatch, RecordedModel(lambda _: FOX), prompt="a\ud83d\x1b]52;c;aGk=\x07") as (
        app,
        pilot,
    ):
        for form in ("Python", "curl", "JSON"):
            await pilot.press("y")
            await pilot.pause()
            await choose(app, pilot, form)
            await until(pilot, lambda form=form: form in said(app))
            assert "\x1b" not in app.clipboard
            app.clipboard.encode()


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"TERM": "linux"}, "This terminal has no clipboard."),
        ({"TERM": "xterm", "TERM_PROGRAM": "Apple_Terminal"}, "macOS Terminal does not let programs copy."),
        ({"TERM": "screen-256color"}, "GNU screen does not pass on what is copied."),
        ({"TERM": "screen-256color", "TMUX": "/tmp/tmux"}, None),
        ({"TERM": "xterm-256color"}, None),
        ({"TERM": "tmux-256color", "TMUX": "x", "SSH_TTY": "/dev/pts/1"}, None),
    ],
    ids=str,
)
def test_it_is_known_which_terminals_cannot_copy(environment: dict[str, str], reason: str | None) -> None:
    assert why_no_clipboard(environment) == reason


async def test_where_copying_cannot_work_it_says_so_and_what_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "linux")
    async with screen(monkeypatch, RecordedModel(lambda _: FOX)) as (app, pilot):
        await pilot.press("y")
        await pilot.pause()
        await pilot.press("enter")
        await until(pilot, lambda: bool(said(app)))
        assert said(app) == "This terminal has no clipboard. w saves the request into a file instead."
        assert app.clipboard == ""


def test_the_terminal_is_told_what_to_copy_and_never_the_key(tmp_path: Path) -> None:
    listed = [{"token": " lazy", "logprob": -0.5, "bytes": list(b" lazy")}]
    content = [{**listed[0], "top_logprobs": listed}]
    choice = {"message": {"role": "assistant", "content": " lazy"}, "logprobs": {"content": content}}
    with (
        MisbehavingServer(Answer({"model": "m", "choices": [choice]})) as server,
        Terminal(tmp_path, OPENAI_API_KEY=KEY, OPENAI_BASE_URL=server.url, OPENAI_MODEL="m") as terminal,
    ):
        terminal.wait_for("lazy", " ms")
        terminal.press("3", "y")
        terminal.wait_for("Copy the request as")
        terminal.press("enter")
        terminal.wait_for("OSC 52")
        found = re.findall(rb"\x1b\]52;c;([A-Za-z0-9+/=]*)\x07", terminal.written)
        assert len(found) == 1
        copied = base64.b64decode(found[0]).decode()
        assert "temperature=0.7" in copied
        assert server.url in copied
        assert "SECRET" not in copied
        terminal.press("w")
        terminal.wait_for("The request as curl")
        terminal.press("down", "down", "down", "down", "down", "enter")
        terminal.wait_for("Save as")
        terminal.press("enter")
        terminal.wait_for("Saved: ")
        terminal.press("q")
        assert terminal.wait_for_end() == 0
    saved = [path for path in tmp_path.iterdir() if path.name.endswith("_request.sh")]
    assert len(saved) == 1
    assert "curl" in saved[0].read_text()
    assert b"SECRET" not in terminal.written
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or b"SECRET" not in path.read_bytes()


def test_a_terminal_without_a_clipboard_is_not_written_to(tmp_path: Path) -> None:
    with Terminal(tmp_path, TERM="linux") as terminal:
        terminal.wait_for("lazy", "EXACT")
        terminal.press("y")
        terminal.wait_for("Copy the request as")
        terminal.press("enter")
        terminal.wait_for("This terminal has no clipboard.")
        assert b"\x1b]52;" not in terminal.written


# --- files ---


async def test_a_picture_of_the_screen_is_saved_without_the_dialogs(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with screen(monkeypatch, RecordedModel(lambda _: FOX)) as (app, pilot):
        await pilot.press("3", "s")
        await pilot.pause(0.3)
        sentence = await save(app, pilot, "The screen")
        name = "the-quick-brown-fox-jumps-over-the_T-0.70-top-p-0.90.svg"
        assert sentence == f"Saved: {name}"
        assert [path.name for path in here.iterdir()] == [name]
        drawing = (here / name).read_text()
        assert drawing.startswith("<svg")
        assert drawing.rstrip().endswith("</svg>")
        plain = drawing.replace("&#160;", " ")
        assert "Probability over temperature" in plain
        assert "Save as" not in plain
        assert "\x1b" not in plain


async def test_the_numbers_are_saved_by_the_contract_of_show(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with screen(monkeypatch, RecordedModel(lambda _: FOX)) as (app, pilot):
        await pilot.press("2", "x", "3")
        sentence = await save(app, pilot, "The numbers as JSON")
        record = json.loads((here / sentence.removeprefix("Saved: ")).read_text())
        assert record["schema"] == "softmax-visualizer/decodings/1"
        assert record["prompt"] == "The quick brown fox jumps over the"
        # what is pinned comes first, and the current setting last
        assert [each["settings"]["temperature"] for each in record["decodings"]] == [0.1, 0.7]
        assert len(record["comparisons"]) == 1
        assert record["decodings"][1]["tokens"][0]["text"] == " lazy"


async def test_a_pin_of_another_prompt_is_no_part_of_this_ones_numbers(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with screen(monkeypatch, RecordedModel(lambda _: FOX), prompt="one") as (app, pilot):
        await pilot.press("2", "x", "3")
        await ask(app, pilot, "two")
        sentence = await save(app, pilot, "The numbers as JSON", "n.json")
        assert sentence == "Saved: n.json"
        record = json.loads((here / "n.json").read_text())
        assert record["prompt"] == "two"
        assert len(record["decodings"]) == 1


async def test_the_numbers_are_saved_as_csv_and_as_markdown(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with screen(monkeypatch, RecordedModel(lambda _: FOX)) as (app, pilot):
        sentence = await save(app, pilot, "The numbers as CSV")
        rows = list(csv.DictReader(io.StringIO((here / sentence.removeprefix("Saved: ")).read_text())))
        assert [row["text"] for row in rows] == ["␣lazy", "␣[/b]", "␛[31mred", "(others)"]
        assert float(rows[0]["probability_estimate"]) == pytest.approx(0.6)
        sentence = await save(app, pilot, "The numbers as Markdown")
        table = (here / sentence.removeprefix("Saved: ")).read_text()
        assert "lazy" in table
        assert re.search(r"^\|.*\|$", table, re.MULTILINE)
        assert sorted(path.suffix for path in here.iterdir()) == [".csv", ".md"]


@pytest.mark.parametrize(
    ("what", "ending", "checked"),
    [
        ("The request as Python", "_request.py", ["python3", "-m", "py_compile"]),
        ("The request as curl", "_request.sh", ["bash", "-n"]),
        ("The request as JSON", "_request.json", ["python3", "-m", "json.tool"]),
    ],
)
async def test_a_saved_request_is_what_its_name_says(
    what: str, ending: str, checked: list[str], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = RecordedModel(lambda _: FOX)
    async with screen(monkeypatch, model, prompt='it\'s "$(touch pwned)" \\ `x`') as (app, pilot):
        sentence = await save(app, pilot, what)
        path = here / sentence.removeprefix("Saved: ")
        assert path.name == f"it-s-touch-pwned-x_T-1.00{ending}"
        subprocess.run([*checked, path], check=True, capture_output=True)
        assert not (here / "pwned").exists()


async def test_an_answer_of_the_bundled_model_has_numbers_and_a_request_to_fill_in(here: Path) -> None:
    async with screen() as (app, pilot):
        sentence = await save(app, pilot, "The numbers as JSON", "numbers.json")
        assert sentence == "Saved: numbers.json"
        record = json.loads((here / "numbers.json").read_text())
        assert len(record["decodings"][0]["tokens"]) == 1000
        assert await save(app, pilot, "The request as Python", "r.py") == "Saved: r.py"
        assert "your-model" in (here / "r.py").read_text()


@pytest.mark.parametrize(
    "name", ["numbers.csv", "[b]n.csv", "[@click=app.quit]n.csv", "日本\x1b.csv"], ids=ascii
)
async def test_a_file_that_is_there_is_replaced_only_if_so_wished(
    name: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / name).write_text("mine")
    async with screen(monkeypatch, RecordedModel(lambda _: FOX)) as (app, pilot):
        await save(app, pilot, "The numbers as CSV", str(here / name))
        assert name.replace("\x1b", "␛") + " exists" in text(app)
        await pilot.press("enter")  # to keep it is what is offered first
        await until(pilot, lambda: "nothing was saved" in said(app))
        assert (here / name).read_text() == "mine"
        forget(app)
        await save(app, pilot, "The numbers as CSV", str(here / name))
        await pilot.press("escape")
        await until(pilot, lambda: "nothing was saved" in said(app))
        assert (here / name).read_text() == "mine"
        forget(app)
        await save(app, pilot, "The numbers as CSV", str(here / name))
        await choose(app, pilot, "Replace it")
        await until(pilot, lambda: "Saved: " in said(app))
        assert (here / name).read_text().startswith("temperature,")
        assert [path.name for path in here.iterdir()] == [name]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nowhere/n.csv", "no such file or directory"),
        ("locked/n.csv", "permission denied"),
        ("/dev/null/n.csv", "not a directory"),
        ("x" * 300 + ".csv", "file name too long"),
        ("..", "is a directory"),
        ("/", "is a directory"),
        ("locked", "is a directory"),
        ("~nobody-of-that-name/n.csv", "there is no such user"),
        ("nul\x00.csv", "invalid argument"),
    ],
    ids=["missing", "locked", "a file", "long", "dots", "root", "folder", "user", "nul"],
)
async def test_what_cannot_be_written_is_one_sentence(
    name: str, reason: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = here / "locked"
    locked.mkdir(mode=0o500)
    if reason == "permission denied" and os.access(locked, os.W_OK):
        pytest.skip("this user may write everywhere")
    async with screen(monkeypatch, RecordedModel(lambda _: FOX)) as (app, pilot):
        sentence = await save(app, pilot, "The numbers as CSV", name)
        assert reason in sentence
        assert "w saves it elsewhere" in sentence
        assert app.screen is bench(app)
        assert [path.name for path in here.iterdir()] == ["locked"]


async def test_a_folder_that_may_not_be_written_to_is_one_sentence(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("softmax_visualizer.tui.dialogs.export.write_text", refused)
    async with screen(monkeypatch, RecordedModel(lambda _: FOX)) as (app, pilot):
        sentence = await save(app, pilot, "The screen", "n.svg")
        assert sentence == "n.svg cannot be written: permission denied. w saves it elsewhere."


async def test_who_goes_back_saves_nothing(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with screen(monkeypatch, RecordedModel(lambda _: FOX)) as (app, pilot):
        await pilot.press("w")
        await pilot.pause()
        await pilot.press("escape")
        await pilot.pause()
        await pilot.press("w")
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause()
        await pilot.press("escape")
        await pilot.pause()
        await pilot.press("w")
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause()
        app.screen.query_one(Input).value = ""
        await pilot.press("enter")
        await pilot.pause()
        assert app.screen is bench(app)
        assert list(here.iterdir()) == []


async def test_what_was_chosen_first_is_taken_however_fast_the_keys_come(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with screen(monkeypatch, RecordedModel(lambda _: FOX)) as (app, pilot):
        for key in ("w", "y", "j", "w"):
            app.simulate_key(key)
        await pilot.pause(0.3)
        for _ in range(6):
            await pilot.press("escape")
        await pilot.pause()
        assert app.screen is bench(app)
        assert await save(app, pilot, "The numbers as CSV", "n.csv") == "Saved: n.csv"


# --- the judge ---


async def judged(app: SoftmaxVisualizer, pilot: Pilot[None], *words: str) -> str:
    await until(pilot, lambda: all(word in " ".join(text(app).split()) for word in words))
    return text(app)


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (160, 50)], ids=str)
async def test_the_tutorials_tables_contradict_each_other_by_dog(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with screen(monkeypatch, ObedientModel(lambda _: FOX), size) as (app, pilot):
        await pilot.press("j")
        shown = await judged(app, pilot, "No one distribution can have produced both tables.")
        assert "dog" in shown
        assert "--- Temp 0.1 (Focused) ---" in shown
        await pilot.press("escape")
        await pilot.pause()
        assert app.screen is bench(app)


async def test_edited_tables_are_judged_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    consistent = "--- Temp 1 ---\n'a': 75.0%\n'b': 25.0%\n\n--- Temp 0.5 ---\n'a': 90.0%\n'b': 10.0%\n"
    async with screen(monkeypatch, ObedientModel(lambda _: FOX)) as (app, pilot):
        await pilot.press("j")
        await judged(app, pilot, "No one distribution")
        app.screen.query_one(TextArea).text = consistent
        await pilot.press("f2")
        await judged(app, pilot, "do not contradict each other")
        await pilot.press("escape")
        await pilot.pause()
        await pilot.press("j")
        await judged(app, pilot, "do not contradict each other")
        assert isinstance(app.screen, TablesScreen)
        assert app.screen.text == consistent
        # emptied, it is the tutorial's again
        app.screen.query_one(TextArea).text = ""
        await pilot.press("escape")
        await pilot.pause()
        await pilot.press("j")
        await judged(app, pilot, "No one distribution")


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ("", "No table was found"),
        ("lazy", "No table was found"),
        ("--- Temp 1 ---\n'a': 10%\n", "Only one table was found"),
        ("--- Temp 1 ---\n[/b] rubbish\x1b[31m\n", "Line 2 is no row of a table"),
        ("--- Temp hot ---\n'a': 10%\n", "No table was found"),
        ("--- Temp 1 ---\n'a': 10%\n'a': 11%\n--- Temp 2 ---\n'a': 5%\n", "for the second time"),
        ("x" * 1_100_000, "too long"),
    ],
    ids=["nothing", "a word", "one table", "rubbish", "no number", "twice", "a megabyte"],
)
async def test_rubbish_gets_a_sentence(tables: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with screen(monkeypatch, ObedientModel(lambda _: FOX)) as (app, pilot):
        await pilot.press("j")
        await judged(app, pilot, "No one distribution")
        app.screen.query_one(TextArea).text = tables
        await pilot.press("f2")
        shown = await judged(app, pilot, words)
        assert "\x1b" not in shown
        assert "No one distribution" not in shown


async def test_the_judge_needs_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    model = ObedientModel(lambda _: ModelError("The server is asleep. Wake it."))
    async with screen(monkeypatch, model) as (app, pilot):
        await pilot.press("j")
        await judged(app, pilot, "No one distribution")
