"""The app in a real terminal: what is on its screen, what it writes, and how it leaves."""

from __future__ import annotations

import json
import random
import re
import subprocess
import threading
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from misbehaving_server import Answer, MisbehavingServer
from terminal import APP, Terminal, fresh_environment

KEY = "sk-test-SECRET0123456789abcdef"

HOSTILE = [
    "\x1b[31m", "\x9b2J", "\u202e", "[/]", "日本", "👨‍👩‍👧", "a\nb", "\x1b]52;c;aGk=\x07", "\r", "e\u0301",
    "🇫🇷", "x" * 80,
]  # fmt: skip


def chat(*tokens: str, wait_for: threading.Event | None = None) -> Answer:
    """A server's answer that lists these tokens, each a little less likely than the one before."""
    listed = [
        {"token": token, "logprob": -2.6 - rank / 20, "bytes": list(token.encode())}
        for rank, token in enumerate(tokens)
    ]
    content = [{**listed[0], "top_logprobs": listed}]
    choice = {"message": {"role": "assistant", "content": tokens[0]}, "logprobs": {"content": content}}
    return Answer({"model": "m", "choices": [choice]}, wait_for=wait_for)


def frames_are_straight(cells: Sequence[Sequence[str]]) -> bool:
    """Whether every frame that is open has its sides, row for row, below its corners."""
    open_at: set[int] = set()
    for row in cells:
        if any(row[x] not in ("│", "╰", "╯") for x in open_at):
            return False
        open_at |= {x for x, char in enumerate(row) if char in ("╭", "╮")}
        open_at -= {x for x, char in enumerate(row) if char in ("╰", "╯")}
    return not open_at


def number_of_columns(terminal: Terminal) -> int:
    """How many columns of bars there are, by the rulers below them."""
    return len(re.findall(r" 0 +50 +100 %", terminal.text))


def start_without_settings(terminal: Terminal) -> None:
    """Go to T = 1 without a cut."""
    terminal.wait_for("␣lazy", "EXACT")
    terminal.press("r")
    terminal.wait_until(lambda: terminal.text.count("┤ 1.00") == 2)


def assert_is_one_sentence(written: bytes, named: str) -> None:
    said = written.decode("ascii").replace("\r\n", "\n")
    assert said.startswith("softmax-visualizer: ")
    assert said.endswith("\n")
    assert said.count("\n") == 1
    assert named in said
    assert "\x1b" not in said


# --- the first screen ---


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (100, 30), (160, 50)])
def test_without_a_key_it_opens_with_the_example_drawn(tmp_path: Path, columns: int, rows: int) -> None:
    with Terminal(tmp_path, columns=columns, rows=rows) as terminal:
        terminal.wait_for("␣lazy", "55.9 %", "█", "EXACT", " more ", "m chooses a real one", "? help")
        terminal.wait_until(lambda: frames_are_straight(terminal.cells))
        terminal.wait_until(lambda: number_of_columns(terminal) == 3)
        assert "The quick brown fox jumps over the" in terminal.text
        assert "bundled" in terminal.text
        assert re.search(r"[\d,]+ more ", terminal.text)  # what has no row is weighed, not left out
        assert "? help" in terminal.text.splitlines()[-1]


def test_a_prompt_can_be_given_on_the_command_line(tmp_path: Path) -> None:
    with Terminal(tmp_path, "--prompt", "Once upon a") as terminal:
        terminal.wait_for("Once upon a", "␣time")


def test_the_screen_draws_what_show_prints(tmp_path: Path) -> None:
    run = subprocess.run(
        [*APP, "show", "Once upon a", "-t", "0.7", "-p", "0.9", "--format", "json"],
        capture_output=True,
        env=fresh_environment(tmp_path),
        timeout=60,
        check=True,
    )
    record: dict[str, Any] = json.loads(run.stdout)
    first = record["decodings"][0]["tokens"][0]["after_temperature"]["estimate"]
    with Terminal(tmp_path, "--prompt", "Once upon a") as terminal:
        terminal.wait_for("␣time", "EXACT")
        terminal.press("3")
        terminal.wait_for("temperature 0.70", f"{100 * first:.1f} %")


# --- keys ---


def test_arrows_turn_the_knobs(tmp_path: Path) -> None:
    with Terminal(tmp_path) as terminal:
        start_without_settings(terminal)
        terminal.press("right")
        terminal.wait_for("temperature 1.10", "┤ 1.10")
        terminal.press("left", "left")
        terminal.wait_for("temperature 0.90", "┤ 0.90")
        terminal.press("down")
        terminal.wait_for("top-p 0.95: sampled from", "cut")


def test_a_prompt_is_typed_and_asked_and_its_knobs_turn_meanwhile(tmp_path: Path) -> None:
    with Terminal(tmp_path, "--prompt", "Once upon") as terminal:
        terminal.wait_for("Once upon", "EXACT")
        terminal.press("r", "/")
        terminal.wait_for("Enter ask")
        terminal.press("end", " ", "a")
        terminal.wait_for("Once upon a")
        terminal.press("alt+right", "alt+right", "alt+down")
        terminal.wait_for("temperature 1.20", "top-p 0.95")
        assert "Once upon a" in terminal.text  # the letters and the arrows did not get mixed
        terminal.press("alt+left", "alt+up")
        terminal.wait_for("temperature 1.10", "┤ 1.00")
        terminal.press("\x1b3")  # Alt+3, as most terminals send it
        terminal.wait_for("temperature 0.70", "top-p 0.90")
        assert "Once upon a" in terminal.text
        terminal.press("enter")
        terminal.wait_for("␣time", "presets")


def test_the_line_of_keys_is_that_of_the_board_after_keys_in_a_burst(tmp_path: Path) -> None:
    with Terminal(tmp_path) as terminal:
        start_without_settings(terminal)
        terminal.press("/")
        terminal.wait_for("Enter ask")
        terminal.press("alt+left", "alt+up", "enter")
        terminal.wait_for("temperature 0.90")
        terminal.wait_until(lambda: "presets" in terminal.text, timeout=5)


def test_a_pasted_text_keeps_its_lines(tmp_path: Path) -> None:
    with Terminal(tmp_path, "--prompt", "") as terminal:
        terminal.wait_for("EXACT")
        terminal.press("/")
        terminal.wait_for("Enter ask")
        terminal.press("\x1b[200~first line\nsecond line\x1b[201~")
        terminal.wait_for("│first line", "│second line")


def test_a_held_key_ends_on_the_right_value(tmp_path: Path) -> None:
    with Terminal(tmp_path) as terminal:
        terminal.wait_for("␣lazy", "EXACT")
        terminal.press("t")
        terminal.wait_for("0 or more")
        terminal.press("10", "enter")
        terminal.wait_for("temperature 10.00")
        # 90 steps of 0.1 down from 10: one key lost, or one too many, and it is not 1
        terminal.press(*["left"] * 90, pause=0.005)
        terminal.wait_for("┤ 1.00", "55.9 %")
        terminal.press("right")
        terminal.wait_for("temperature 1.10")


# --- leaving ---


def test_escape_never_quits(tmp_path: Path) -> None:
    with Terminal(tmp_path) as terminal:
        terminal.wait_for("␣lazy", "EXACT")
        for _ in range(3):
            terminal.press("escape", pause=0.2)
        terminal.press("right")
        terminal.wait_for("temperature 0.90")
        assert terminal.process.poll() is None


@pytest.mark.parametrize("key", ["q", "ctrl+q"])
def test_quitting_leaves_the_terminal_as_it_was(tmp_path: Path, key: str) -> None:
    with Terminal(tmp_path) as terminal:
        terminal.wait_for("␣lazy", "EXACT")
        assert terminal.settings != terminal.settings_before
        terminal.press(key)
        assert terminal.wait_for_end() == 0
        assert terminal.settings == terminal.settings_before
        modes: dict[bytes, bytes] = {}
        for numbers, state in re.findall(rb"\x1b\[\?([\d;]+)([hl])", terminal.written):
            modes |= dict.fromkeys(numbers.split(b";"), state)
        assert modes.pop(b"25") == b"h"  # the cursor is shown
        assert modes.pop(b"7") == b"h"  # lines wrap
        # the alternate screen, the mouse, bracketed paste, reports of the focus
        assert {b"1049", b"1000", b"1003", b"1006", b"2004", b"1004"} <= set(modes)
        assert set(modes.values()) == {b"l"}
        assert terminal.written.count(b"\x1b[<u") == len(re.findall(rb"\x1b\[>\d+u", terminal.written))
        after = terminal.written.rpartition(b"\x1b[?1049l")[2]
        assert re.fullmatch(rb"(\x1b\[[?<>\d;]*[a-zA-Z])*", after)  # nothing is left on the shell's screen


def test_ctrl_q_quits_from_the_prompt_where_q_is_a_letter(tmp_path: Path) -> None:
    with Terminal(tmp_path) as terminal:
        terminal.wait_for("␣lazy", "EXACT")
        terminal.press("/")
        terminal.wait_for("Enter ask")
        terminal.press("end", "q")
        terminal.wait_for("over theq")
        terminal.press("ctrl+q")
        assert terminal.wait_for_end() == 0


def test_it_quits_while_a_server_keeps_it_waiting(tmp_path: Path) -> None:
    with (
        MisbehavingServer(Answer(manner="silence")) as server,
        Terminal(tmp_path, "--base-url", server.url, "--model", "m") as terminal,
    ):
        terminal.wait_until(server.asking.is_set)
        terminal.press("q")
        assert terminal.wait_for_end() == 0
        assert terminal.settings == terminal.settings_before


# --- sizes ---


def test_a_window_that_is_too_small_asks_for_room_and_a_larger_one_has_the_board_again(
    tmp_path: Path,
) -> None:
    with Terminal(tmp_path, columns=100, rows=30) as terminal:
        terminal.wait_for("␣lazy", "EXACT")
        terminal.resize(50, 12)
        terminal.wait_for("60x18", "50x12")
        assert "lazy" not in terminal.text
        terminal.resize(80, 24)
        terminal.wait_for("␣lazy", "EXACT", "? help")
        terminal.wait_until(lambda: frames_are_straight(terminal.cells))
        assert number_of_columns(terminal) == 3
        terminal.press("right")
        terminal.wait_for("temperature 0.90")


def test_the_keyboard_is_still_on_the_board_after_a_window_that_was_too_small(tmp_path: Path) -> None:
    with Terminal(tmp_path, columns=100, rows=30) as terminal:
        terminal.wait_for("␣lazy", "EXACT")
        terminal.resize(50, 12)
        terminal.wait_for("60x18")
        terminal.resize(100, 30)
        terminal.wait_for("␣lazy", "EXACT")
        terminal.press("t")
        terminal.wait_for("0 or more")
        terminal.press("0.5", "enter")
        terminal.wait_for("temperature 0.50")
        terminal.press("right")
        terminal.wait_until(lambda: "temperature 0.60" in terminal.text, timeout=5)


@pytest.mark.parametrize(("columns", "rows"), [(60, 18), (200, 60)])
def test_the_smallest_and_a_large_window_are_composed(tmp_path: Path, columns: int, rows: int) -> None:
    with Terminal(tmp_path, columns=columns, rows=rows) as terminal:
        terminal.wait_for("␣lazy", "EXACT")
        terminal.wait_until(lambda: frames_are_straight(terminal.cells))


# --- what a server says ---


def test_no_token_reaches_the_terminal_as_a_command(tmp_path: Path) -> None:
    listed = Answer({"data": [{"id": "m"}, {"id": "\x1b]0;title\x07"}, {"id": "[/]日本"}]})
    with (
        MisbehavingServer(chat(*HOSTILE), models=listed) as server,
        Terminal(tmp_path, "--base-url", server.url, "--model", "m") as terminal,
    ):

        def shows(*words: str) -> None:
            terminal.wait_for(*words)
            terminal.wait_until(lambda: frames_are_straight(terminal.cells))

        shows("[31m", "<0x9B>2J", "<U+202E>", "[/]", "日", "e<U+0301>", "xxx")
        terminal.press("3")
        shows("temperature 0.70")
        terminal.press("space")
        shows("Enter adds it")
        terminal.press("v")
        shows("logprob")
        terminal.press("m")
        terminal.wait_for("Choose a model")
        terminal.press("escape")
        terminal.wait_until(lambda: "Choose a model" not in terminal.text)
        terminal.press("v", "r")
        shows("┤ 1.00")
        terminal.press("ctrl+q")
        assert terminal.wait_for_end() == 0

    assert_only_the_screen_was_written(terminal.written)


@pytest.mark.parametrize("token", ["\x1b[35mx", "\x9b35mx", "\u202ex"], ids=ascii)
def test_a_token_that_is_added_to_the_prompt_is_no_command_either(tmp_path: Path, token: str) -> None:
    with (
        MisbehavingServer(chat(token)) as server,
        Terminal(tmp_path, "--base-url", server.url, "--model", "m") as terminal,
    ):
        terminal.wait_for(" ms", "unseen")
        terminal.press("k")
        terminal.wait_for("Top-k")
        terminal.press("1", "enter")  # so that the listed token is sampled
        terminal.wait_for("kept 1")
        terminal.press("space")
        terminal.wait_for("Enter adds it")
        terminal.press("enter")
        terminal.wait_until(lambda: len(server.asked) > 1)
        terminal.press("r")
        terminal.wait_for("┤ 1.00")
        terminal.press("ctrl+q")
        assert terminal.wait_for_end() == 0
    assert_only_the_screen_was_written(terminal.written)


@pytest.mark.parametrize("prompt", ["say \x1b[35mx", "say \x9b35mx", "say \u202ex"], ids=ascii)
def test_a_prompt_is_no_command_either(tmp_path: Path, prompt: str) -> None:
    with Terminal(tmp_path, "--prompt", prompt) as terminal:
        terminal.wait_for("say", "EXACT")
        terminal.press("ctrl+q")
        assert terminal.wait_for_end() == 0
    assert_only_the_screen_was_written(terminal.written)


def assert_only_the_screen_was_written(written: bytes) -> None:
    """Beside the sequences of which Textual makes a screen, there are visible characters alone."""
    text = written.decode()
    assert re.search(r"\x1b\[3[0-7]m", text) is None  # with 256 colours the app has no use for these
    visible = re.sub(r"\x1b\[[<>?]?[\d;]*\$?[a-zA-Z]|\x1b\]22;[a-z]+\x07", "", text)
    assert {char for char in visible if unicodedata.category(char)[0] in "MCZ"} <= {" ", "\r", "\n"}


def test_the_key_is_never_written(tmp_path: Path) -> None:
    refused = Answer({"error": {"message": f"Incorrect API key provided: {KEY}."}}, 401)
    with (
        MisbehavingServer(refused, models=refused) as server,
        Terminal(tmp_path, OPENAI_API_KEY=KEY, OPENAI_BASE_URL=server.url) as terminal,
    ):
        terminal.wait_for("refused the API key", "OPENAI_API_KEY")
        terminal.press("m")
        terminal.wait_for("Choose a model")
        terminal.press("escape")
        terminal.wait_until(lambda: "Choose a model" not in terminal.text)
        terminal.press("i")
        terminal.wait_for("The request", '"messages"')
        terminal.press("escape")
        terminal.wait_until(lambda: "The request" not in terminal.text)
        terminal.press("q")
        assert terminal.wait_for_end() == 0
    assert {asked.headers["authorization"] for asked in server.asked} == {f"Bearer {KEY}"}
    assert b"SECRET" not in terminal.written
    assert KEY[10:].encode() not in terminal.written


@pytest.mark.parametrize("columns", [80, 100])
def test_the_state_of_a_request_is_always_in_sight(tmp_path: Path, columns: int) -> None:
    broken = Answer({"error": {"message": "boom"}}, 400)
    with (
        MisbehavingServer(chat("alpha", "beta"), broken) as server,
        Terminal(tmp_path, "--base-url", server.url, "--model", "m" * 30, columns=columns) as terminal,
    ):
        terminal.wait_for("alpha", " ms")
        terminal.press("/")
        terminal.wait_for("Enter ask")
        terminal.press("end", "!", "enter")
        terminal.wait_for("● failed", "boom")


def test_the_last_picture_is_marked_as_old_while_the_next_one_is_awaited(tmp_path: Path) -> None:
    answer = threading.Event()
    with (
        MisbehavingServer(chat("alpha", "beta"), chat("gamma", "delta", wait_for=answer)) as server,
        Terminal(tmp_path, "--base-url", server.url, "--model", "m") as terminal,
    ):
        terminal.wait_for("alpha", "model, T = 1")
        terminal.press("/")
        terminal.wait_for("Enter ask")
        terminal.press("end", "!", "enter")
        terminal.wait_until(lambda: len(server.asked) > 1)
        try:
            terminal.wait_until(lambda: "Not of the prompt above" in terminal.text, timeout=3)
        finally:
            answer.set()
        terminal.wait_for("gamma")
        assert "Not of the prompt above" not in terminal.text


# --- terminals that can do less ---


@pytest.mark.parametrize(
    "environment", [{"NO_COLOR": "1"}, {"TERM": "linux"}, {"TERM": "vt100", "NO_COLOR": "1"}], ids=str
)
def test_what_is_cut_is_told_without_colours(tmp_path: Path, environment: dict[str, str]) -> None:
    with Terminal(tmp_path, **environment) as terminal:
        terminal.wait_for("␣lazy", "EXACT")
        terminal.press("3")
        terminal.wait_for("top-p 0.90: sampled from")
        terminal.wait_until(
            lambda: bool(re.search(r"␣next .*─ cut here: .*\n ␣fence .* cut\n", terminal.text))
        )
        terminal.press("q")
        assert terminal.wait_for_end() == 0


@pytest.mark.parametrize("stream", ["stdin", "stderr"])
@pytest.mark.parametrize("instead", [subprocess.PIPE, subprocess.DEVNULL], ids=["pipe", "null"])
def test_without_a_terminal_on_both_sides_it_says_so_and_ends(
    tmp_path: Path, stream: str, instead: int
) -> None:
    with Terminal(tmp_path, streams={stream: instead}) as terminal:
        assert terminal.wait_for_end() == 2
        said = terminal.written
        if stream == "stderr":
            assert said == b""
            said = terminal.process.stderr.read() if terminal.process.stderr else b""
        if (stream, instead) != ("stderr", subprocess.DEVNULL):
            assert_is_one_sentence(said, "needs a terminal")


@pytest.mark.parametrize("stdin", [subprocess.DEVNULL, subprocess.PIPE], ids=["null", "pipe"])
def test_without_any_terminal_it_says_so_and_ends(tmp_path: Path, stdin: int) -> None:
    with subprocess.Popen(
        APP, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=fresh_environment(tmp_path)
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.wait(30) == 2
        assert process.stdout.read() == b""
        assert_is_one_sentence(process.stderr.read(), "needs a terminal")


def test_stdout_may_go_elsewhere(tmp_path: Path) -> None:
    with Terminal(tmp_path, streams={"stdout": subprocess.DEVNULL}) as terminal:
        terminal.wait_for("␣lazy", "EXACT")
        terminal.press("q")
        assert terminal.wait_for_end() == 0


def test_a_terminal_that_places_no_text_is_refused(tmp_path: Path) -> None:
    with Terminal(tmp_path, TERM="dumb") as terminal:
        assert terminal.wait_for_end() == 2
        assert_is_one_sentence(terminal.written, "TERM=dumb")


@pytest.mark.parametrize(
    "environment",
    [
        {"LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "latin-1"},
        {"LC_ALL": "C", "PYTHONIOENCODING": "latin-1"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=str,
)
def test_a_terminal_that_is_not_utf_8_is_refused(tmp_path: Path, environment: dict[str, str]) -> None:
    with Terminal(tmp_path, **environment) as terminal:
        assert terminal.wait_for_end() == 2
        assert_is_one_sentence(terminal.written, "UTF-8")


def test_the_plain_c_locale_is_no_obstacle(tmp_path: Path) -> None:
    with Terminal(tmp_path, LC_ALL="C") as terminal:
        terminal.wait_for("␣lazy", "EXACT")


@pytest.mark.parametrize(
    "arguments", [["--timeout", "soon"], ["--base-url", "host"], ["--seed", "x"], ["--frame"]], ids=" ".join
)
def test_a_bad_option_is_refused_before_the_screen_is_touched(tmp_path: Path, arguments: list[str]) -> None:
    with Terminal(tmp_path, *arguments) as terminal:
        assert terminal.wait_for_end() == 2
        assert_is_one_sentence(terminal.written, arguments[0])


def any_character(chance: random.Random) -> str:
    """A character of any kind, the dangerous kinds more often than they are met."""
    ranges = ((0, 0x20), (0x20, 0x7F), (0x7F, 0xA0), (0x200B, 0x2070), (0x300, 0x370), (0xD800, 0xE000))
    low, high = chance.choice((*ranges, (0xA0, 0x3000), (0x3000, 0xD800), (0xE000, 0x20000)))
    return chr(chance.randrange(low, high))


def test_no_text_at_all_reaches_the_terminal_as_a_command(tmp_path: Path) -> None:
    """Three hundred random tokens, in answers to odd prompts, read from what was really written."""
    chance = random.Random(20261123)

    def answer(_: dict[str, Any]) -> Any:
        tokens = ["".join(any_character(chance) for _ in range(chance.randrange(9))) for _ in range(20)]
        return chat(*(token.encode("utf-8", "ignore").decode() for token in tokens)).body

    with (
        MisbehavingServer(Answer(answer)) as server,
        Terminal(tmp_path, "--base-url", server.url, "--model", "m") as terminal,
    ):
        terminal.wait_for("unseen")
        for number in range(2, 16):
            typed = [char for char in map(any_character, [chance] * 8) if not "\x00" <= char < " "]
            # what combines with a letter is shown as it was typed, and half a character cannot be typed
            prompt = "".join(
                char for char in typed if unicodedata.category(char) not in ("Mn", "Mc", "Me", "Cs")
            )
            terminal.press("/", f"\x1b[200~{prompt}\x1b[201~", "enter")
            terminal.wait_until(lambda number=number: len(server.asked) >= number)
            terminal.press("v")
        terminal.wait_until(lambda: frames_are_straight(terminal.cells))
        terminal.press("ctrl+q")
        assert terminal.wait_for_end() == 0
    assert_only_the_screen_was_written(terminal.written)
