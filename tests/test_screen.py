"""The screen, driven by keys without a terminal."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from textual.widgets import Input

from screens import ObedientModel, bench, failure, screen, settle, text, titles, top_of
from softmax_visualizer.decoding import Token, TokenDistribution
from softmax_visualizer.models.configuration import Configuration
from softmax_visualizer.tui.keys import KEYS
from softmax_visualizer.tui.regions.prompt import PromptEditor
from softmax_visualizer.tui.screen import MainScreen

FOX = top_of([" lazy", " old", " [/INST]", "\x1b[31mred", "日本"], [0.6, 0.2, 0.1, 0.04, 0.01])


async def test_the_first_screen_shows_the_example_asked_and_drawn() -> None:
    async with screen() as (app, _):
        shown = text(app)
    assert "The quick brown fox jumps over the" in shown
    assert "␣lazy" in shown
    assert "55.9 %" in shown
    assert "█" in shown
    assert "m chooses a real one" in shown


async def test_ten_steps_of_a_tenth_are_one() -> None:
    async with screen() as (app, pilot):
        await pilot.press("1", *["right"] * 10)
        assert bench(app).scene.settings.temperature == 1.0
        await pilot.press(*["down"] * 3)
        assert bench(app).scene.settings.top_p == 0.85


async def test_knobs_stop_at_their_ends() -> None:
    async with screen() as (app, pilot):
        await pilot.press(*["shift+right"] * 9, *["up"] * 3)
        assert "2.00" in text(app)
        await pilot.press(*["shift+left"] * 9, *["shift+down"] * 9)
        settings = bench(app).scene.settings
        assert (settings.temperature, settings.top_p) == (0, 0)


async def test_a_held_key_ends_on_its_last_value_and_draws_less_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn = 0
    original = MainScreen._redraw

    def counted(self: MainScreen) -> None:
        nonlocal drawn
        drawn += 1
        original(self)

    monkeypatch.setattr(MainScreen, "_redraw", counted)
    async with screen() as (app, pilot):
        drawn = 0
        for _ in range(8):
            bench(app).action_do("turn", ("temperature", 1))
        await pilot.pause()
        assert drawn == 1
        assert "temperature 1.80" in text(app)


async def test_knobs_turn_while_the_cursor_stays_in_the_prompt() -> None:
    async with screen() as (app, pilot):
        await pilot.press("slash", "end", "alt+left", "alt+left", "alt+down", "f3", "x", "1")
        editor = app.screen.query_one(PromptEditor)
        assert editor.has_focus
        assert editor.text.endswith("over thex1")  # letters and digits are text there
        settings = bench(app).scene.settings
        assert (settings.temperature, settings.top_p) == (0.9, 0.95)


@pytest.mark.parametrize(
    ("key", "temperature", "top_p", "said"),
    [("1", 0, 1, "greedy"), ("2", 0.1, 1, "code"), ("3", 0.7, 0.9, "chat"), ("4", 1.5, 1, "brainstorm")],
)
async def test_presets_set_the_knobs_and_say_why(
    key: str, temperature: float, top_p: float, said: str
) -> None:
    async with screen() as (app, pilot):
        await pilot.press(key)
        await pilot.pause()
        settings = bench(app).scene.settings
        assert (settings.temperature, settings.top_p) == (temperature, top_p)
        assert said in text(app)


async def test_reset_goes_back_to_the_models_own_probabilities_and_keeps_the_order() -> None:
    async with screen() as (app, pilot):
        await pilot.press("o", "4", "r")
        settings = bench(app).scene.settings
        assert (settings.temperature, settings.top_p, settings.order) == (1, 1, "temperature-last")


@pytest.mark.parametrize(
    ("key", "typed", "field", "value"),
    [("t", "0.725", "temperature", 0.725), ("p", "0,95", "top_p", 0.95), ("k", "40", "top_k", 40),
     ("n", "0.05", "min_p", 0.05)],
)  # fmt: skip
async def test_values_can_be_typed(key: str, typed: str, field: str, value: float) -> None:
    async with screen() as (app, pilot):
        await pilot.press(key)
        await pilot.pause()
        app.screen.query_one(Input).value = typed
        await pilot.press("enter")
        await pilot.pause()
        assert getattr(bench(app).scene.settings, field) == value


@pytest.mark.parametrize(
    ("key", "typed"), [("t", "hot"), ("t", "-1"), ("p", "1.1"), ("k", "2.5"), ("n", "-0.1")]
)
async def test_a_wrong_value_is_explained_and_changes_nothing(key: str, typed: str) -> None:
    async with screen() as (app, pilot):
        before = bench(app).scene.settings
        await pilot.press(key)
        await pilot.pause()
        app.screen.query_one(Input).value = typed
        await pilot.press("enter")
        await pilot.pause()
        assert bench(app).scene.settings == before
        assert "must be" in text(app)


async def test_a_burst_of_keys_closes_a_dialog_once() -> None:
    async with screen() as (app, pilot):
        for opening, closing in (
            ("t", "enter"),
            ("p", "escape"),
            ("question_mark", "escape"),
            ("m", "enter"),
        ):
            await pilot.press(opening)
            await pilot.pause(0.2)
            for _ in range(3):
                app.simulate_key(closing)
            await pilot.pause(0.2)
            assert isinstance(app.screen, MainScreen)
        assert app.is_running


async def test_what_is_cut_is_marked_in_words_on_its_row() -> None:
    async with screen() as (app, pilot):
        await pilot.press("3")
        await pilot.pause()
        rows = {line.split()[0]: line for line in text(app).splitlines() if "␣" in line}
        assert "cut here: 94.4 % ≥ 90 %" in rows["␣next"]  # where the running sum crosses p
        assert rows["␣fence"].endswith("cut")


async def test_the_order_changes_the_panels() -> None:
    async with screen() as (app, pilot):
        await pilot.press("3", "o")
        await pilot.pause()
        assert titles(app) == ["model, T = 1", "top-p 0.90", "T 0.70: sampled from"]
        assert "temperature last" in text(app)


async def test_axes_are_as_needed_then_full_then_to_the_longest_bar_then_logarithmic() -> None:
    async with screen() as (app, pilot):
        captions = []
        for _ in range(5):
            captions.append(
                next(part for part in text(app).splitlines() if "axis" in part).split("axis")[1].strip()
            )
            await pilot.press("a")
            await pilot.pause()
    assert captions[0] == captions[1] == "0 to 100 %" == captions[4]
    assert captions[2].startswith("0 to 55.9")
    assert captions[3].endswith("log")


async def test_the_table_shows_the_same_numbers_and_scrolls() -> None:
    async with screen() as (app, pilot):
        await pilot.press("v")
        await pilot.pause()
        shown = text(app)
        assert "logprob" in shown
        assert "-0.58" in shown
        assert "55.9 %" in shown
        await pilot.press("pagedown")
        await pilot.pause()
        assert "␣lazy" not in text(app)
        await pilot.press("pageup", "v")
        await pilot.pause()
        assert "model, T = 1" in text(app)


async def test_enter_asks_and_goes_to_the_board(monkeypatch: pytest.MonkeyPatch) -> None:
    model = ObedientModel(lambda prompt: FOX)
    async with screen(monkeypatch, model) as (app, pilot):
        await pilot.press("slash", "end", "!", "enter")
        await settle(app, pilot)
        assert model.asked[-1] == "The quick brown fox jumps over the!"
        assert app.screen.query_one("#board").has_focus


async def test_a_paste_keeps_all_its_lines_and_history_brings_prompts_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from textual import events

    model = ObedientModel(lambda prompt: FOX)
    async with screen(monkeypatch, model) as (app, pilot):
        editor = app.screen.query_one(PromptEditor)
        await pilot.press("slash")
        editor.clear()
        app.post_message(events.Paste("one\ntwo\nthree"))
        await pilot.pause()
        await pilot.press("enter")
        await settle(app, pilot)
        assert model.asked[-1] == "one\ntwo\nthree"
        await pilot.press("slash", "right", "ctrl+j", "4", "enter")
        await settle(app, pilot)
        assert model.asked[-1] == "one\ntwo\nthree\n4"
        await pilot.press("slash", "ctrl+u", *["up"] * 5)
        assert editor.text == "one\ntwo\nthree"
        await pilot.press("up")
        assert editor.text == "The quick brown fox jumps over the"
        await pilot.press("down", "down", "down")
        assert editor.text == "one\ntwo\nthree\n"  # the draft that was left


async def test_a_failed_request_keeps_the_last_picture_marked_old(monkeypatch: pytest.MonkeyPatch) -> None:
    replies: dict[str, Any] = {}
    model = ObedientModel(lambda prompt: replies.get(prompt, FOX))
    async with screen(monkeypatch, model) as (app, pilot):
        replies["The quick brown fox jumps over the?"] = failure("it")
        await pilot.press("slash", "end", "?", "enter")
        await settle(app, pilot)
        shown = text(app)
        assert "The server has no answer to [/b] it. Try another." in shown
        assert "failed" in shown
        assert "Not of the prompt above, but of: The quick brown fox jumps over the" in shown
        assert "␣lazy" in shown
        assert app.screen.query_one(PromptEditor).text.endswith("?")
        await pilot.press("slash", "end", "backspace", "enter")
        await settle(app, pilot)
        assert "Not of the prompt above" not in text(app)


async def test_a_first_failure_leaves_the_frame_and_the_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    async with screen(monkeypatch, ObedientModel(failure)) as (app, pilot):
        assert "The server has no answer" in text(app)
        await pilot.press("right", "v", "space", "enter", "a", "pagedown")
        await pilot.pause()
        assert "no answer yet" in text(app)


async def test_a_new_prompt_cancels_the_old_request_and_a_late_answer_is_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    late = top_of(["LATE"], [0.9])

    async def slow() -> Any:
        await asyncio.sleep(30)
        return late

    model = ObedientModel(lambda prompt: slow() if prompt == "slow" else FOX)
    async with screen(monkeypatch, model, prompt="slow", wait=False) as (app, pilot):
        await pilot.pause(0.2)
        assert "asking" in text(app)
        await pilot.press("right")  # keys stay live
        assert bench(app).scene.settings.temperature == 1.1
        await pilot.press("slash", "end", "2", "enter")
        await settle(app, pilot)
        assert model.cancelled == ["slow"]
        assert "␣lazy" in text(app)
        assert "LATE" not in text(app)


async def test_a_request_that_a_newer_one_cancelled_does_not_speak_up_when_it_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def slow_to_let_go() -> Any:
        try:
            await asyncio.sleep(30)
        finally:
            await asyncio.sleep(0.2)

    async def waits() -> Any:
        await asyncio.sleep(30)

    model = ObedientModel(lambda prompt: slow_to_let_go() if prompt == "slow" else waits())
    async with screen(monkeypatch, model, prompt="slow", wait=False) as (app, pilot):
        await pilot.pause(0.2)
        await pilot.press("slash", "end", "2", "enter")
        await pilot.pause(0.6)
        assert model.asked == ["slow", "slow2"]
        assert "asking" in text(app)
        assert "cancelled" not in text(app)


async def test_escape_cancels_a_request_and_never_quits(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never() -> Any:
        await asyncio.sleep(60)

    model = ObedientModel(lambda prompt: never())
    async with screen(monkeypatch, model, wait=False) as (app, pilot):
        await pilot.pause(0.2)
        await pilot.press("escape")
        await pilot.pause(0.1)
        assert model.cancelled
        assert "cancelled" in text(app)
        await pilot.press("escape", "slash", "escape", "escape")
        assert app.is_running
        assert app.screen.query_one("#board").has_focus


@pytest.mark.parametrize("key", ["q", "ctrl+q"])
async def test_q_quits(key: str) -> None:
    async with screen() as (app, pilot):
        await pilot.press(key)
        await pilot.pause(0.1)
        assert not app.is_running


async def test_q_in_the_prompt_is_a_letter() -> None:
    async with screen() as (app, pilot):
        await pilot.press("slash", "end", "q")
        assert app.is_running
        assert app.screen.query_one(PromptEditor).text.endswith("q")


async def test_help_and_palette_list_every_action() -> None:
    async with screen(size=(120, 110)) as (app, pilot):
        commands = {command.title.partition(" (")[0] for command in app.get_system_commands(app.screen)}
        await pilot.press("question_mark")
        await pilot.pause()
        shown = text(app)
        for key in KEYS:
            assert key.title in shown
            assert key.tooltip
            assert key.title in commands
        await pilot.press("escape")
        assert isinstance(app.screen, MainScreen)


async def test_a_command_of_the_palette_does_what_its_key_does() -> None:
    async with screen() as (app, pilot):
        command = next(
            item for item in app.get_system_commands(app.screen) if item.title.startswith("Preset 3: chat")
        )
        command.callback()
        await pilot.pause()
        assert bench(app).scene.settings.temperature == 0.7


@pytest.mark.parametrize("size", [(60, 18), (80, 24), (100, 30), (160, 50), (200, 60)])
async def test_every_size_shows_all_its_parts_and_what_has_no_row(size: tuple[int, int]) -> None:
    async with screen(size=size) as (app, pilot):
        await pilot.press("3")
        await pilot.pause()
        lines = text(app).splitlines()
        assert len(lines) == size[1]
        assert all(len(line) <= size[0] for line in lines)
        shown = "\n".join(lines)
        for part in (
            "Softmax Visualizer",
            "Prompt",
            "Temperature",
            "Top-p",
            "model, T = 1",
            "sampled from" if size[0] >= 100 else "top-p 0.90" if size[0] >= 80 else "cuts",
            "cut",
            "kept",
            "? help",
        ):
            assert part in shown, part
        assert " more" in shown
        assert "EXACT" in shown


async def test_too_small_a_terminal_is_told_how_much_is_needed() -> None:
    async with screen(size=(59, 17)) as (app, pilot):
        assert "60x18" in text(app)
        assert "Prompt" not in text(app)
        await pilot.resize_terminal(100, 30)
        await pilot.pause()
        assert "␣lazy" in text(app)
        await pilot.resize_terminal(20, 5)
        await pilot.pause()
        assert "60x18" in text(app).replace("\n", "")


async def test_hostile_tokens_are_legible_and_harmless(monkeypatch: pytest.MonkeyPatch) -> None:
    async with screen(monkeypatch, ObedientModel(lambda prompt: FOX)) as (app, pilot):
        for key in ("", "v", "m", "escape", "i", "escape"):
            if key:
                await pilot.press(key)
                await pilot.pause()
            assert "\x1b" not in text(app)
        await pilot.press("v")
        await pilot.pause()
        assert "[/INST]" in text(app)
        assert "␛[31mred" in text(app)
        assert "日本" in text(app)


async def test_a_truncated_list_shows_ranges_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async with screen(monkeypatch, ObedientModel(lambda prompt: FOX)) as (app, pilot):
        await pilot.press("4")
        await pilot.pause()
        shown = text(app)
        assert "top 5 of 200,019 tokens" in shown
        assert "unseen" in shown
        assert "▒" in shown
        assert "BOUNDS" in shown
        assert "–" in shown


async def test_a_drawn_token_is_marked_and_enter_takes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    model = ObedientModel(lambda prompt: top_of([" lazy"], [0.9999999], 2))
    async with screen(monkeypatch, model) as (app, pilot):
        await pilot.press("space")
        await pilot.pause()
        assert "▸" in text(app)
        assert "seed 1" in text(app)
        await pilot.press("enter")
        await settle(app, pilot)
        assert model.asked[-1] == "The quick brown fox jumps over the lazy"


async def test_half_a_character_is_a_token_of_an_answer_like_any_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    half = TokenDistribution.from_top_logprobs([Token("\ufffd", b"\xf0\x9f")], [-1e-8], 2)
    model = ObedientModel(lambda prompt: half)
    async with screen(monkeypatch, model) as (app, pilot):
        assert "<0xF0><0x9F>" in text(app)
        await pilot.press("space", "enter")
        await pilot.pause()
        assert bench(app).scene.generation.tokens == (half.token(0),)
        assert bench(app).scene.prompt == "The quick brown fox jumps over the"


async def test_the_request_can_be_looked_at_and_the_model_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    model = ObedientModel(lambda prompt: FOX)
    async with screen(monkeypatch, model) as (app, pilot):
        bench(app).update(
            replace(bench(app).scene, configuration=Configuration(base_url="http://127.0.0.1:1/v1"))
        )
        await pilot.press("i")
        await pilot.pause()
        assert '"content": "The quick brown fox jumps over the"' in text(app)
        await pilot.press("escape", "m")
        await pilot.pause(0.2)
        assert "[/]other" in text(app)
        await pilot.press("down", "enter")
        await settle(app, pilot)
        assert bench(app).scene.configuration.model == "[/]other"
        assert model.closed


async def test_from_the_bundled_model_one_can_go_back_to_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    model = ObedientModel(lambda prompt: FOX)
    async with screen(monkeypatch, model) as (app, pilot):
        bench(app).update(
            replace(
                bench(app).scene,
                configuration=Configuration(base_url="http://127.0.0.1:1/v1", model="bundled"),
            )
        )
        await pilot.press("m")
        await pilot.pause(0.2)
        assert "[/]other" in text(app)


async def test_light_and_dark() -> None:
    async with screen() as (app, pilot):
        await pilot.press("l")
        assert not app.current_theme.dark
        await pilot.press("l")
        assert app.current_theme.dark


# --- undo ---


async def test_undo_and_redo_go_through_knobs_pins_views_and_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    async with screen(monkeypatch, ObedientModel(lambda prompt: FOX)) as (app, pilot):
        seen = [bench(app).scene.chosen]
        for key in ("3", "right", "x", "space", "c", "o", "a"):
            await pilot.press(key)
            await pilot.pause()
            seen.append(bench(app).scene.chosen)
        shown = text(app)
        for earlier in reversed(seen[:-1]):
            await pilot.press("u")
            assert bench(app).scene.chosen == earlier
        await pilot.press("u")
        assert "nothing to undo" in bench(app).scene.message[0]
        for later in seen[1:]:
            await pilot.press("U")
            assert bench(app).scene.chosen == later
        await pilot.pause()
        assert [line for line in text(app).splitlines() if "%" in line] == [
            line for line in shown.splitlines() if "%" in line
        ]


async def test_undo_takes_a_taken_token_back_without_asking_again(monkeypatch: pytest.MonkeyPatch) -> None:
    model = ObedientModel(lambda prompt: top_of([" lazy"], [0.9999999], 2))
    async with screen(monkeypatch, model, prompt="The") as (app, pilot):
        await pilot.press("space", "enter")
        await settle(app, pilot)
        assert bench(app).scene.generation.text == " lazy"
        await pilot.press("u")
        await pilot.pause()
        assert bench(app).scene.generation.text == ""
        assert not bench(app).scene.old
        assert model.asked == ["The", "The lazy"]


async def test_a_sentence_typed_on_the_board_by_mistake_can_be_undone() -> None:
    async with screen() as (app, pilot):
        before = bench(app).scene.chosen
        await pilot.press(*"vcoax4hs")
        await pilot.press(*["u"] * 8)
        assert bench(app).scene.chosen == before


async def test_q_asks_once_more_where_pins_would_be_lost() -> None:
    async with screen() as (app, pilot):
        await pilot.press("x", "q")
        await pilot.pause()
        assert app.is_running
        assert "Quitting loses 1 pinned setting: q again quits." in text(app)
        await pilot.press("right", "q")  # anything else in between takes the question back
        await pilot.pause()
        assert app.is_running
        await pilot.press("q")
        await pilot.pause(0.1)
        assert not app.is_running


# --- the prompt and the mouse ---


async def test_slash_selects_the_prompt_so_that_typing_replaces_it(monkeypatch: pytest.MonkeyPatch) -> None:
    model = ObedientModel(lambda prompt: FOX)
    async with screen(monkeypatch, model) as (app, pilot):
        await pilot.press("slash", *"Hi", "enter")
        await settle(app, pilot)
        assert model.asked[-1] == "Hi"


async def test_while_another_prompt_is_typed_the_picture_says_whose_it_is() -> None:
    async with screen() as (app, pilot):
        await pilot.press("slash", "x")
        await pilot.pause()
        assert "Not of the prompt above, but of: The quick brown fox jumps over the" in text(app)
        assert "Not of the prompt above" in app.export_screenshot().replace("&#160;", " ")


async def test_the_wheel_and_clicks_turn_the_knobs_and_press_the_keys_that_are_shown() -> None:
    async with screen() as (app, pilot):
        knobs = app.screen.query_one("#knobs")
        line = text(app).splitlines()[4]
        await pilot.click(knobs, offset=(line.index("├") + 1, 0))
        assert bench(app).scene.settings.temperature == 0
        await pilot.click(knobs, offset=(line.index("┤") - 1, 0))
        assert bench(app).scene.settings.temperature == 2
        keys = text(app).splitlines()[-1]
        await pilot.click(app.screen.query_one("#foot"), offset=(keys.index("compare"), 2))
        await pilot.pause()
        assert bench(app).scene.view == "compare"


async def test_empty_turns_every_cut_off() -> None:
    async with screen() as (app, pilot):
        for key, name, value in (("p", "top_p", 1), ("k", "top_k", None), ("n", "min_p", 0)):
            for typed in ("0.5" if key != "k" else "5", ""):
                await pilot.press(key)
                await pilot.pause()
                app.screen.query_one(Input).value = typed
                await pilot.press("enter")
                await pilot.pause()
            assert getattr(bench(app).scene.settings, name) == value


async def test_a_long_message_covers_the_keys_and_moves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with screen(monkeypatch, ObedientModel(lambda prompt: FOX), (80, 24)) as (app, pilot):
        before = text(app).splitlines()
        bench(app).update(bench(app).scene.saying("many words " * 15))
        await pilot.pause()
        after = text(app).splitlines()
        assert after[:-3] == before[:-3]
        assert sum("many words" in line for line in after) == 3
        bench(app).update(bench(app).scene.saying("many words " * 50))
        await pilot.pause()
        assert "(i shows all)" in text(app).splitlines()[-1]
