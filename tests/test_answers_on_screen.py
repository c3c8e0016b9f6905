"""Whole answers of the screen in files: saved, opened again without asking, named, removed and exported."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from screens import ObedientModel, bench, said, screen, settle, text, top_of, until
from softmax_visualizer.cli import main
from softmax_visualizer.decoding import DecodingSettings, Token, TokenDistribution
from softmax_visualizer.decoding.generation import Generation, Step, Tree
from softmax_visualizer.display.report import report
from softmax_visualizer.display.snippets import snippets
from softmax_visualizer.models import answer_file
from softmax_visualizer.models.answer_file import SavedAnswers, lines_of, read
from softmax_visualizer.models.answer_file import save as save_file
from softmax_visualizer.models.base import Framing, ModelAnswer, ModelError
from softmax_visualizer.models.bundled import BundledModel
from softmax_visualizer.models.configuration import Configuration, Secret
from softmax_visualizer.models.continuing import BEGUN, Place, put, request_at
from softmax_visualizer.models.reopening import configuration_for
from softmax_visualizer.tui import actions
from softmax_visualizer.tui.app import SoftmaxVisualizer
from softmax_visualizer.tui.dialogs.export import requests
from softmax_visualizer.tui.regions.prompt import PromptEditor
from softmax_visualizer.tui.scene import Scene
from terminal import Terminal

pytestmark = pytest.mark.usefixtures("here")

FOX = "The quick brown fox jumps over the"
BUNDLED = {"name": "bundled", "source": "bundled", "endpoint": None}
SERVER = {"name": "m", "source": "openai", "endpoint": "http://h:1/v1"}


async def write(app: SoftmaxVisualizer, pilot: Pilot[None], length: int = 5) -> Generation:
    """Have an answer written (G); return it."""
    bench(app).update(replace(bench(app).scene, length=length), undoable=False)
    await pilot.press("G")
    await until(pilot, lambda: not bench(app).scene.writing and bench(app).scene.request.state != "asking")
    await settle(app, pilot)
    return bench(app).scene.generation


def offered(app: SoftmaxVisualizer) -> list[str]:
    choices = app.screen.query_one(OptionList)
    return [str(choices.get_option_at_index(at).prompt) for at in range(choices.option_count)]


async def choose(app: SoftmaxVisualizer, pilot: Pilot[None], key: str, words: str) -> None:
    """Press a key, and choose what begins with these words."""
    await pilot.press(key)
    await until(pilot, lambda: app.screen is not bench(app) and bool(app.screen.query(OptionList)))
    names = offered(app)
    app.screen.query_one(OptionList).highlighted = next(
        at for at, name in enumerate(names) if name.startswith(words)
    )
    await pilot.press("enter")
    await pilot.pause()


async def typed(app: SoftmaxVisualizer, pilot: Pilot[None], value: str) -> None:
    await until(pilot, lambda: bool(app.screen.query(Input)))
    app.screen.query_one(Input).value = value
    await pilot.press("enter")
    await pilot.pause()


async def save(app: SoftmaxVisualizer, pilot: Pilot[None], what: str, name: str | None = None) -> Path:
    """Save something under the suggested name or another one; return where it is."""
    bench(app).update(replace(bench(app).scene, said=None))
    await choose(app, pilot, "w", what)
    await typed(app, pilot, app.screen.query_one(Input).value if name is None else name)
    await until(pilot, lambda: said(app).startswith("Saved: "))
    return Path(said(app).removeprefix("Saved: "))


def few(*texts: str) -> TokenDistribution:
    return top_of(texts, [0.5 / 2**at for at in range(len(texts))])


def picked(distribution: TokenDistribution, index: int) -> Step:
    return Step(distribution, distribution.token(index), index, "picked")


TREE = (
    Tree((Generation("Once", name="the first"),))
    .chosen(0, picked(few(" a", " b"), 0))
    .chosen(1, picked(few(" c", " d"), 1))
    .chosen(1, picked(few(" e", " f"), 0))
)
"""Two branches that part at their second token; the second one is active."""


def file_of(tree: Tree, model: dict[str, str | None], framing: Framing | None = None) -> SavedAnswers:
    save_file(Path("saved.jsonl"), lines_of(tree, model, framing, str), replace=True)
    return read(Path("saved.jsonl"))


@asynccontextmanager
async def opened(
    saved: SavedAnswers, own: Configuration | None = None
) -> AsyncIterator[tuple[SoftmaxVisualizer, Pilot[None]]]:
    """The screen that --open shows."""
    configuration = configuration_for(saved, own or Configuration())
    app = SoftmaxVisualizer(configuration, saved.tree.generation.prompt, saved=saved)
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(app, pilot)
        yield app, pilot


# --- what w offers ---


async def test_answers_are_offered_only_where_there_are_some() -> None:
    async with screen() as (app, pilot):
        await pilot.press("w")
        await pilot.pause()
        assert not [name for name in offered(app) if "answer" in name]
        await pilot.press("escape")
        await write(app, pilot, 2)
        await pilot.press("w")
        await pilot.pause()
        assert [name for name in offered(app) if "answer" in name] == [
            "The answer as JSON, as generate prints it",
            "The answer as CSV",
            "The answer as Markdown",
            "All answers, to open again",
        ]


async def test_a_saved_answer_is_what_generate_prints(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    async with screen() as (app, pilot):
        await write(app, pilot, 5)
        path = await save(app, pilot, "The answer as JSON")
        rows = list(csv.DictReader(io.StringIO((await save(app, pilot, "The answer as CSV")).read_text())))
    saved = json.loads(path.read_text())
    assert path.name == "the-quick-brown-fox-jumps-over-the_T-1.00_answer.json"
    capfdbinary.readouterr()
    arguments = ["generate", FOX, "-n", "5", "--model", "bundled", "--format", "json"]
    assert await asyncio.to_thread(main, arguments) == 0
    printed = json.loads(capfdbinary.readouterr().out)
    # nobody counted requests on the screen, and there an answer can be written on
    for name in ("requests", "finish"):
        assert printed.pop(name) is not None
        assert saved.pop(name) is None
    assert saved == printed
    assert [row["rank"] for row in rows] == [str(step["rank"]) for step in printed["steps"]]


async def test_an_answer_at_another_setting_has_its_numbers_but_no_seed_that_would_not_bring_it() -> None:
    async with screen() as (app, pilot):
        await write(app, pilot, 3)
        await pilot.press("2")
        record = json.loads((await save(app, pilot, "The answer as JSON")).read_text())
        table = (await save(app, pilot, "The answer as Markdown")).read_text()
        settings, generation = bench(app).scene.settings, bench(app).scene.generation
    assert record["settings"]["temperature"] == settings.temperature == 0.1
    assert record["seed"] is None
    assert generation.settings is not None
    assert generation.settings.temperature == 1
    assert "Temp 0.1 (no cut): sampled at Temp 1 (no cut) with seed 1\n" in table
    assert "requests: not counted; as far as it is written" in table


async def test_an_answer_that_was_picked_by_hand_says_so() -> None:
    async with screen() as (app, pilot):
        await pilot.press("space", "enter")
        await settle(app, pilot)
        await pilot.press("tab", "tab", "enter")
        await settle(app, pilot)
        table = (await save(app, pilot, "The answer as Markdown")).read_text()
    assert "Temp 1 (no cut): tokens sampled and picked by hand\n" in table


# --- what is said of a later place ---


async def test_numbers_of_a_later_place_say_what_they_follow() -> None:
    async with screen() as (app, pilot):
        first = json.loads((await save(app, pilot, "The numbers as JSON")).read_text())
        answer = await write(app, pilot, 3)
        await pilot.press("comma")
        place = bench(app).scene.place
        path = await save(app, pilot, "The numbers as JSON")
        table = (await save(app, pilot, "The numbers as Markdown")).read_text()
    record = json.loads(path.read_text())
    assert "after" not in first
    assert place == 2
    assert record["prompt"] == FOX
    assert record["after"] == [token.text for token in answer.tokens[:2]]
    assert path.name == "the-quick-brown-fox-jumps-over-the_T-1.00-token-3.json"
    assert f"`{FOX}` then `" in table.splitlines()[0]
    assert answer.tokens[1].text.strip() in table.splitlines()[0]


def test_every_form_of_numbers_says_what_they_follow() -> None:
    pieces = [
        "".join(report("one", BUNDLED, few(" b"), [DecodingSettings()], 3, form, (" two", " three")))
        for form in ("text", "plain", "json", "markdown")
    ]
    assert all("two" in piece and "three" in piece for piece in pieces)


async def test_a_key_in_the_answer_is_in_no_file_of_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    halves = few(" sk-SECRET", "0123abcd"), few("0123abcd", "x")
    model = ObedientModel(lambda prompt: halves[1] if "SECRET" in prompt else halves[0])
    async with screen(monkeypatch, model, prompt="one") as (app, pilot):
        await pilot.press("tab", "enter")
        await settle(app, pilot)
        await pilot.press("tab", "enter")
        await settle(app, pilot)
        assert len(bench(app).scene.generation) == 2
        for what in ("The numbers as JSON", "The answer as JSON", "The answer as Markdown"):
            assert "SECRET" not in (await save(app, pilot, what, "f")).read_text()
            Path("f").unlink()


# --- the request for a later place ---

AFTER = tuple(Token(text, text.encode(), number) for number, text in enumerate((" a", " b", " c")))
FORMS: list[tuple[Framing, str | None, str | None]] = [
    ("raw", None, None),
    ("raw", "llama.cpp", None),
    ("answer", None, None),
    ("answer", "vLLM", None),
    ("answer", "llama.cpp", "<user>one<assistant>"),
    ("continue", None, None),
]


def answer_of(body: dict[str, Any], engine: str | None = None) -> ModelAnswer:
    request = {"url": "u", "body": {"model": "m", **body, "max_tokens": 9, "logprobs": True}}
    return ModelAnswer("one", few(" d"), "m", "openai", "http://h/v1", request, engine=engine, after=AFTER)


@pytest.mark.parametrize(("framing", "engine", "framed"), FORMS, ids=str)
@pytest.mark.parametrize("asked_at", [1, 2, 3])
def test_the_request_that_brought_many_places_becomes_that_of_this_one(
    framing: Framing, engine: str | None, framed: str | None, asked_at: int
) -> None:
    sent, _ = put(framing, engine, Place("one", AFTER[:asked_at]), framed)
    own, _ = put(framing, engine, Place("one", AFTER), framed)
    request = request_at(answer_of(sent, engine))
    assert request["body"] == {"model": "m", **own, "max_tokens": 9, "logprobs": True}


@pytest.mark.parametrize("engine", [None, "vLLM", "llama.cpp", "OpenAI"])
@pytest.mark.parametrize("framing", ["raw", "answer", "continue"])
def test_also_the_request_for_the_first_place(framing: Framing, engine: str | None) -> None:
    sent, _ = put(framing, engine, Place("one"))
    own, _ = put(framing, engine, Place("one", AFTER))
    assert request_at(answer_of(sent, engine))["body"] == {
        "model": "m", **own, "max_tokens": 9, "logprobs": True
    }  # fmt: skip


def test_a_snippet_of_a_later_place_writes_on_from_there() -> None:
    sent, _ = put("answer", "vLLM", Place("one", AFTER[:1]))
    texts = snippets(
        request_at(answer_of({**sent, "logit_bias": [["a", 100]]})), None, "one", DecodingSettings(0.5)
    )
    body = json.loads(texts["JSON"])
    assert body["messages"][-1] == {"role": "assistant", "content": " a b c"}
    assert BEGUN.items() <= body.items()
    # what was there for reading one place would force a token, and end the answer
    assert not {"logit_bias", "max_tokens", "logprobs"} & body.keys()
    assert "extra_body" in texts["Python"]
    compile(texts["Python"], "snippet", "exec")


def test_a_request_that_is_not_known_or_odd_is_left_alone() -> None:
    plain = ModelAnswer("one", few(" d"), "bundled", "bundled", after=AFTER)
    assert request_at(plain) == {}
    for odd in ({}, {"prompt": 3}, {"prompt": []}, {"messages": 3}, {"messages": [3]}, {"prompt": [3]}):
        request_at(answer_of(odd))


async def test_where_the_answer_cannot_be_sent_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    half = TokenDistribution.from_top_logprobs([Token("\ufffd", b"\xf0\x9f")], [-0.1], 9)

    class Sends(ObedientModel):
        async def ask(
            self, prompt: str, *, after: tuple[Token, ...] = (), whole: bool = False
        ) -> ModelAnswer:
            answer = await super().ask(prompt, after=after)
            return replace(answer, request={"url": "u", "body": {"messages": []}})

    async with screen(monkeypatch, Sends(lambda _: half), prompt="one") as (app, pilot):
        await pilot.press("tab", "enter")
        await settle(app, pilot)
        await pilot.press("y")
        await until(pilot, lambda: "ends within a character" in said(app))
        await choose(app, pilot, "w", "The request as JSON")
        await typed(app, pilot, "r.json")
        await until(pilot, lambda: "ends within a character" in said(app))
        assert not Path("r.json").exists()


# --- saved and opened again ---


async def test_what_is_opened_is_what_was_saved_and_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async with screen() as (app, pilot):
        await pilot.press("3")
        await write(app, pilot, 4)
        await pilot.press("comma", "comma", "tab", "tab", "enter", "comma")
        await until(pilot, lambda: len(bench(app).scene.tree.branches) == 2)
        await settle(app, pilot)
        bench(app).action_go("name_branch", ("mine",))
        before = bench(app).scene
        path = await save(app, pilot, "All answers, to open again")
        assert path.name == "the-quick-brown-fox-jumps-over-the_answers.jsonl"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    monkeypatch.delattr(BundledModel, "answer")
    async with opened(read(path)) as (app, pilot):
        scene = bench(app).scene
        assert app.query_one(PromptEditor).text == FOX
        assert [branch.name for branch in scene.tree.branches] == ["", "mine"]
        assert [branch.tokens for branch in scene.tree.branches] == [
            branch.tokens for branch in before.tree.branches
        ]
        assert [(each.settings, each.seed) for each in scene.tree.branches] == [
            (each.settings, each.seed) for each in before.tree.branches
        ]
        # the board is at the last token of the active answer, as the answer was then
        assert scene.tree.active == 1
        assert scene.place == len(scene.generation) - 1 == before.place
        assert scene.is_there
        assert not scene.old
        assert scene.request.state == "answered"
        assert scene.asked is not None
        assert before.asked is not None
        assert scene.asked.answer.distribution.logprobs.tolist() == (
            before.asked.answer.distribution.logprobs.tolist()
        )
        assert scene.asked.answer.origin == before.asked.answer.origin
        # and every place of it can be gone to
        await pilot.press("comma", "comma")
        assert bench(app).scene.place == scene.place - 2
        assert bench(app).scene.is_there
        await pilot.press("B")
        await until(pilot, lambda: "mine · " in text(app))


async def test_an_opened_answer_is_written_on_as_if_it_had_never_been_away() -> None:
    async with screen() as (app, pilot):
        await write(app, pilot, 3)
        path = await save(app, pilot, "All answers", "a")
        whole = await write(app, pilot, 3)
    async with opened(read(path)) as (app, pilot):
        await pilot.press("full_stop")
        await settle(app, pilot)
        assert bench(app).scene.place == 3
        again = await write(app, pilot, 3)
        assert again.tokens == whole.tokens
        assert (again.settings, again.seed) == (whole.settings, whole.seed)


async def test_a_tree_is_saved_over_another_file_only_if_so_wished() -> None:
    Path("a").write_text("mine")
    async with screen() as (app, pilot):
        await write(app, pilot, 2)
        await choose(app, pilot, "w", "All answers")
        await typed(app, pilot, "a")
        await until(pilot, lambda: "a exists" in text(app))
        await pilot.press("enter")
        await until(pilot, lambda: "nothing was saved" in said(app))
        assert Path("a").read_text() == "mine"
        assert bench(app).scene.saved == ()


async def test_a_tree_that_could_not_be_read_again_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_file, "LARGEST", 500)
    async with screen() as (app, pilot):
        await write(app, pilot, 2)
        await choose(app, pilot, "w", "All answers")
        await typed(app, pilot, "a")
        await until(pilot, lambda: "would be larger than" in said(app))
        assert os.listdir() == []


async def test_an_opened_prompt_without_any_answer_is_asked() -> None:
    async with opened(file_of(Tree((Generation(FOX),)), BUNDLED)) as (app, pilot):
        await until(pilot, lambda: bench(app).scene.request.state == "answered")
        assert bench(app).scene.is_there


async def test_an_active_answer_without_a_token_has_the_board_of_the_others() -> None:
    async with opened(file_of(TREE.added(Generation("Once")), SERVER)) as (app, _):
        assert bench(app).scene.is_there
        assert bench(app).scene.place == 0
        assert "␣a" in text(app)


# --- the model to go on with ---

OWN = Configuration(Secret("sk-key-of-my-own"), "http://h:1/v1")


@pytest.mark.parametrize(
    ("model", "own", "source"),
    [
        (BUNDLED, Configuration(), "bundled"),
        (BUNDLED, OWN, "bundled"),
        (SERVER, OWN, "openai"),
        (SERVER, replace(OWN, model="x.gguf", local=True), "openai"),
        (SERVER, replace(OWN, base_url="http://h:2/v1"), "file"),
        (SERVER, Configuration(), "file"),
        ({**SERVER, "name": "bundled"}, OWN, "file"),
        ({**SERVER, "endpoint": None}, OWN, "file"),
        ({**SERVER, "source": "local", "name": "x"}, replace(OWN, model="d/x.gguf", local=True), "local"),
        ({**SERVER, "source": "local", "name": "y"}, replace(OWN, model="d/x.gguf", local=True), "file"),
        ({**SERVER, "source": "local", "name": "../../x.gguf"}, OWN, "file"),
        ({**SERVER, "source": "recording"}, OWN, "file"),
        ({**SERVER, "source": "file"}, OWN, "file"),
    ],
    ids=str,
)
def test_the_model_is_the_files_only_where_the_person_has_it(
    model: dict[str, str | None], own: Configuration, source: str
) -> None:
    found = configuration_for(file_of(TREE, model, "raw"), own)
    assert found.source == source
    assert bool(found.absent) == (source == "file")
    assert found.framing == "raw"
    # the secrets of the person's own are still taken out of everything
    assert found.api_key == own.api_key
    if source == "openai":
        assert (found.model, found.base_url) == ("m", own.base_url)


async def test_going_on_without_the_model_is_one_sentence_and_loses_nothing() -> None:
    async with opened(file_of(TREE, SERVER)) as (app, pilot):
        assert text(app).splitlines()[0].split(" · ")[-2] == "saved"
        before = bench(app).scene.tree
        absent = (
            "The model of these answers, m at http://h:1/v1, is not at hand. Open the file with its server "
            "in OPENAI_BASE_URL, or choose another model (m, or --model)."
        )
        for key in ("G", "enter"):
            await pilot.press(key)
            await settle(app, pilot)
            await until(pilot, lambda: "is not at hand" in said(app))
            assert said(app) == absent
            assert bench(app).scene.tree == before
            await pilot.press("comma")
            assert bench(app).scene.is_there
        await choose(app, pilot, "m", "bundled")
        await settle(app, pilot)
        assert bench(app).scene.asked is not None
        assert bench(app).scene.asked.answer.source == "bundled"
        await pilot.press("u")
        assert bench(app).scene.tree == before


async def test_an_address_out_of_a_file_is_no_place_to_send_a_key_to() -> None:
    async with opened(file_of(TREE, SERVER)) as (app, _):
        assert bench(app).scene.here is not None
        for request in requests(bench(app).scene.here).values():
            assert "h:1" not in request


async def test_answers_without_their_model_are_saved_again_as_they_were(here: Path) -> None:
    first = file_of(TREE, SERVER, "continue")
    async with opened(first) as (app, pilot):
        second = read(await save(app, pilot, "All answers", "again"))
    assert (second.model, second.framing) == (first.model, first.framing)
    assert [branch.tokens for branch in second.tree.branches] == [
        branch.tokens for branch in first.tree.branches
    ]


# --- --open ---


@pytest.fixture
def no_screen(monkeypatch: pytest.MonkeyPatch) -> list[SoftmaxVisualizer]:
    """The apps that would be shown."""
    shown: list[SoftmaxVisualizer] = []
    monkeypatch.setattr("softmax_visualizer.cli.screen.check_terminal", lambda: None)
    monkeypatch.setattr("softmax_visualizer.cli.screen.run_app", lambda app: shown.append(app) or 0)
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL"):
        monkeypatch.delenv(name, raising=False)
    return shown


def scene_of(app: SoftmaxVisualizer) -> Scene:
    return app._main.scene


def test_open_takes_up_the_setting_and_the_seed_of_the_answer(no_screen: list[SoftmaxVisualizer]) -> None:
    told = TREE.put(replace(TREE.generation, settings=DecodingSettings(1.3, 0.7, 9), seed=7))
    file_of(told, BUNDLED)
    assert main(["--open", "saved.jsonl"]) == 0
    assert main(["--open", "saved.jsonl", "-t", "0.5", "--seed", "3"]) == 0
    first, second = map(scene_of, no_screen)
    assert (first.settings, first.seed, first.prompt) == (DecodingSettings(1.3, 0.7, 9), 7, "Once")
    assert (second.settings, second.seed) == (DecodingSettings(0.5), 3)
    assert first.configuration.source == "bundled"


def test_open_shows_what_generate_and_score_saved(no_screen: list[SoftmaxVisualizer]) -> None:
    model = ["--model", "bundled", "--save"]
    assert main(["generate", FOX, "-n", "3", "--seed", "7", "-t", "0.6", *model, "g"]) == 0
    assert main(["score", FOX, " lazy cat.", *model, "s"]) == 0
    assert main(["--open", "g"]) == main(["--open", "s"]) == 0
    generated, scored = map(scene_of, no_screen)
    assert (generated.settings, generated.seed, len(generated.generation)) == (DecodingSettings(0.6), 7, 3)
    assert (generated.generation.settings, generated.generation.seed) == (DecodingSettings(0.6), 7)
    assert (scored.generation.text, scored.generation.settings) == (" lazy cat.", None)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no such file"),
        (b"hello\n", "holds no saved answers of this program."),
        (b'{"schema": "softmax-visualizer/recording/1"}\n', "holds no saved answers of this program."),
        (b'{"schema": "softmax-visualizer/answers/2"}\n', "newer version of this program"),
        (b'{"schema": "softmax-visualizer/answers/1"}\n', "Line 1 of "),
        (b"\x00\xff", "holds no saved answers of this program."),
    ],
    ids=range(6),
)
def test_a_file_that_cannot_be_opened_is_one_sentence(
    content: bytes | None,
    words: str,
    no_screen: list[SoftmaxVisualizer],
    capfd: pytest.CaptureFixture[str],
) -> None:
    if content is not None:
        Path("odd").write_bytes(content)
    assert main(["--open", "odd"]) == 2
    printed = capfd.readouterr()
    assert words in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""
    assert no_screen == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["a prompt"], "leave out the prompt and --replay"),
        (["--replay", "r"], "leave out the prompt and --replay"),
        (["--model", "smollm2"], "leave out --model"),
    ],
)
def test_open_is_not_mixed_with_what_it_brings_itself(
    arguments: list[str],
    words: str,
    no_screen: list[SoftmaxVisualizer],
    capfd: pytest.CaptureFixture[str],
) -> None:
    file_of(TREE, BUNDLED)
    assert main(["--open", "saved.jsonl", *arguments]) == 2
    assert words in capfd.readouterr().err
    assert no_screen == []


def test_settings_in_a_file_that_nobody_can_follow_are_refused() -> None:
    told = TREE.put(replace(TREE.generation, settings=DecodingSettings(1.3), seed=7))
    file_of(told, BUNDLED)
    content = Path("saved.jsonl").read_text()
    for wrong in ('"temperature": -1', '"temperature": "hot"', '"temperature": true'):
        Path("saved.jsonl").write_text(content.replace('"temperature": 1.3', wrong))
        with pytest.raises(ModelError, match=r'"settings" cannot be followed\. Temperature must be'):
            read(Path("saved.jsonl"))


def test_a_file_whose_branches_repeat_a_long_answer_without_end_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file_of(TREE, BUNDLED)
    monkeypatch.setattr(answer_file, "_MOST_TOKENS", 3)
    with pytest.raises(ModelError, match="the answers have more than 3 tokens together"):
        read(Path("saved.jsonl"))


def test_a_person_saves_answers_and_opens_them_again(tmp_path: Path) -> None:
    with Terminal(tmp_path) as terminal:
        terminal.wait_for("lazy", "EXACT")
        terminal.press("G")
        terminal.wait_for("after 40 tokens")
        terminal.press("w")
        terminal.wait_for("All answers, to open again")
        terminal.press(*["down"] * 7, "enter")
        terminal.wait_for("_answers.jsonl")
        terminal.press("enter")
        terminal.wait_for("Saved: ")
        terminal.press("q")
        assert terminal.wait_for_end() == 0
    name = "the-quick-brown-fox-jumps-over-the_answers.jsonl"
    assert (tmp_path / name).is_file()
    with Terminal(tmp_path, "--open", name) as terminal:
        terminal.wait_for("token 40 of 40", "lazy")
        terminal.press("B")
        terminal.wait_for("T 0.80, top-p 0.90, seed 1 · 40 tokens")
        terminal.press("escape")
        terminal.wait_until(lambda: "Branches" not in terminal.text)
        terminal.press("q")
        assert terminal.wait_for_end() == 0


# --- branches ---


async def test_a_branch_gets_a_name_and_undo_takes_it_away(monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(file_of(TREE, SERVER)) as (app, pilot):
        await choose(app, pilot, "B", "Name this one")
        await typed(app, pilot, "  [b]the\x1b second\n")
        await pilot.pause()
        assert bench(app).scene.generation.name == "[b]the\x1b second"
        assert said(app) == "This answer is called [b]the␛ second."
        await pilot.press("B")
        await until(pilot, lambda: "Branches" in text(app))
        assert [line.split(" · ")[0] for line in offered(app)] == [
            "1. the first", "2. [b]the␛ second", "Name this one…", "Remove this one"
        ]  # fmt: skip
        await pilot.press("escape", "u")
        assert bench(app).scene.generation.name == ""
        await pilot.press("U")
        assert bench(app).scene.generation.name == "[b]the\x1b second"


async def test_a_branch_is_removed_and_undo_brings_it_back() -> None:
    async with opened(file_of(TREE, SERVER)) as (app, pilot):
        before = bench(app).scene
        await choose(app, pilot, "B", "Remove this one")
        await pilot.pause()
        scene = bench(app).scene
        assert [branch.name for branch in scene.tree.branches] == ["the first"]
        # the board is where the other one leaves it
        assert (scene.place, scene.is_there) == (1, True)
        assert said(app) == "This answer was removed: u brings it back."
        await pilot.press("u")
        assert bench(app).scene.tree == before.tree
        assert bench(app).scene.is_there


async def test_branches_are_listed_with_what_tells_them_apart() -> None:
    async with screen() as (app, pilot):
        await pilot.press("B")
        await until(pilot, lambda: "There is no answer yet" in said(app))
        await write(app, pilot, 4)
        await pilot.press("comma", "comma", "tab", "tab", "tab", "enter")
        await settle(app, pilot)
        tree = bench(app).scene.tree
        await pilot.press("B")
        await until(pilot, lambda: "Branches" in text(app))
        one, two = offered(app)[:2]
        chances = [bench(app).scene.path.log2_probability.estimate]
    assert one.startswith("1. T 1.00, seed 1 · 4 tokens · 2^-")
    assert two.startswith(f"2. by hand · {len(tree.branches[1])} tokens · ")
    assert chances[0] < 0
    shared = tree.branches[0].shared(tree.branches[1])
    parted = "".join(token.text for token in tree.branches[0].tokens[shared:]).strip()
    assert f"║{parted}" in one
    assert "║" not in two


def test_the_chance_of_a_branch_is_that_at_the_present_setting() -> None:
    from softmax_visualizer.tui.dialogs.branches import _lines

    certain = top_of([" a", " b"], [0.75, 0.25], 2)
    tree = Tree((Generation("x", (picked(certain, 1),)),))
    scene = Scene(Configuration(), "x", tree=tree)
    assert _lines(scene) == ["1. by hand · 1 token · 25.0 % · b"]
    assert _lines(replace(scene, settings=DecodingSettings(top_k=1))) == [
        "1. by hand · 1 token · cannot be sampled · b"
    ]


# --- pins of other places ---


async def test_flipping_to_a_pin_of_another_place_goes_there() -> None:
    async with screen() as (app, pilot):
        await write(app, pilot, 4)
        await pilot.press("comma", "x", "3", "comma", "comma")
        assert bench(app).scene.place == 1
        await pilot.press("z")
        scene = bench(app).scene
        assert (scene.place, scene.is_there, scene.old) == (3, True, False)
        await pilot.press("z")
        scene = bench(app).scene
        assert (scene.place, scene.is_there, scene.settings.temperature) == (1, True, 0.7)


async def test_flipping_to_a_pin_of_another_prompt_begins_its_own_answer() -> None:
    async with screen(prompt="She opened the") as (app, pilot):
        await pilot.press("x", "3", "slash")
        app.query_one(PromptEditor).text = FOX
        await pilot.press("enter")
        await settle(app, pilot)
        await write(app, pilot, 3)
        tree = bench(app).scene.tree
        await pilot.press("z")
        scene = bench(app).scene
        assert (scene.prompt, scene.generation) == ("She opened the", Generation("She opened the"))
        assert (scene.place, scene.is_there, scene.old) == (0, True, False)
        await pilot.press("u")
        assert bench(app).scene.tree == tree


# --- quitting ---


def test_quitting_asks_once_where_answers_would_be_lost() -> None:
    def lost(tree: Tree, **changes: Any) -> str:
        scene = Scene(Configuration(), "Once", tree=tree, **changes)
        warned = actions.quit_warning(scene, scene)
        return "" if warned is scene else warned.message[0]

    sampled = Generation("Once", (replace(picked(few(" a"), 0), chosen_by="sampled"),))
    # one press of G brings it again
    assert lost(Tree((sampled,))) == ""
    assert lost(Tree((sampled, Generation("Once")))) == ""
    assert (
        lost(Tree((replace(sampled, name="mine"),)))
        == "Quitting loses 1 answer: q again quits, w saves answers."
    )
    assert lost(Tree((Generation("Once", (picked(few(" a"), 0),)),))).startswith("Quitting loses 1 answer:")
    assert lost(TREE) == "Quitting loses 2 answers: q again quits, w saves answers."
    assert lost(TREE, saved=TREE.branches) == ""
    # another branch being active is no change
    assert lost(replace(TREE, active=0), saved=TREE.branches) == ""
    renamed = TREE.put(replace(TREE.generation, name="new"))
    assert lost(renamed, saved=TREE.branches).startswith("Quitting loses 2 answers")


async def test_answers_that_were_opened_or_saved_are_not_lost() -> None:
    async with opened(file_of(TREE, SERVER)) as (app, pilot):
        bench(app).action_go("name_branch", ("mine",))
        await pilot.press("q")
        assert said(app) == "Quitting loses 2 answers: q again quits, w saves answers."
        await save(app, pilot, "All answers", "again")
        await pilot.press("q")
        await pilot.pause()
        assert app._exit
    async with opened(file_of(TREE, SERVER)) as (app, pilot):
        await pilot.press("q")
        await pilot.pause()
        assert app._exit
