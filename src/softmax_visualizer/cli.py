"""The command line: the screen, or the same answers as text with ``show``."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from softmax_visualizer import __version__
from softmax_visualizer.decoding.settings import DecodingSettings, SettingsError

if TYPE_CHECKING:
    from softmax_visualizer.models.base import ModelAnswer
    from softmax_visualizer.models.configuration import Configuration
    from softmax_visualizer.models.recording import Recorder
    from softmax_visualizer.tui.app import SoftmaxVisualizer

_Answer = TypeVar("_Answer")

_EXAMPLE = "The quick brown fox jumps over the"


class UsageError(Exception):
    """Something was asked for that cannot be done; the text says what, and what can."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status: 0, or 2 after a sentence on stderr."""
    from softmax_visualizer.models.base import ModelError
    from softmax_visualizer.models.configuration import ConfigurationError

    try:
        try:
            options = _parser().parse_args(arguments)
            status = int(options.run(options))
        except SystemExit as wanted:
            # --help and --version have printed, but perhaps only into a buffer
            status = int(wanted.code or 0)
        if sys.stdout is not None:
            sys.stdout.flush()
        return status
    except (UsageError, SettingsError, ConfigurationError, ModelError) as error:
        _complain(str(error))
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # the reader of a pipe had enough; without this, Python complains about it once more at exit
        _discard_output()
        return 0
    except OSError as error:
        _complain(f"The output cannot be written: {(error.strerror or str(error)).lower()}.")
        _discard_output()
        return 2


def _discard_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _safe(text: str) -> str:
    from softmax_visualizer.display.labels import safe_line

    return safe_line(text)


def _complain(text: str) -> None:
    if sys.stderr is not None:
        line = f"softmax-visualizer: {_safe(text)}\n"
        sys.stderr.buffer.write(line.encode(sys.stderr.encoding or "ascii", "backslashreplace"))
        sys.stderr.flush()


class _Parser(argparse.ArgumentParser):
    """argparse, but with one sentence for an error, as everywhere in this program."""

    def error(self, message: str) -> None:  # type: ignore[override]
        if unknown := re.search(r"invalid choice: ('.*') \(choose from (.*)\)", message):
            message = f"there is no {unknown[1]}; there is {unknown[2].replace(chr(39), '')}"
        raise UsageError(f"{message[:1].upper()}{message[1:]}. Try {self.prog} --help.")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="softmax-visualizer",
        description="See what temperature and top-p do to a language model's next token.",
        epilog="With no key and no server set, a small bundled model answers.",
    )
    parser.add_argument("--version", action="version", version=f"softmax-visualizer {__version__}")
    parser.add_argument("--prompt", help="what the first screen asks about")
    parser.add_argument(
        "--seed", type=int, default=1, help="seed of the tokens drawn by the space key (default 1)"
    )
    _add_model_options(parser)
    _add_recording_options(parser)
    parser.set_defaults(run=_run_screen)

    commands = parser.add_subparsers(title="commands", metavar="", parser_class=_Parser)
    show = commands.add_parser(
        "show",
        help="print the decoded distribution and exit",
        description="Ask once, decode at each temperature, print, and exit.",
    )
    show.add_argument("prompt", nargs="?", help="the text whose next token is asked for")
    show.add_argument(
        "-t",
        "--temperature",
        action="append",
        help="temperature, 0 or more; repeat it to compare (default 1)",
    )
    show.add_argument(
        "-p", "--top-p", default="1", help="keep the most likely tokens up to this mass (default 1)"
    )
    show.add_argument("-k", "--top-k", help="keep this many tokens (default: off)")
    show.add_argument(
        "--min-p", default="0", help="keep tokens at least this many times the first (default 0)"
    )
    show.add_argument(
        "--order", default="temperature-first", help="temperature-first (default) or temperature-last"
    )
    show.add_argument("--top", default="20", help="tokens to list; the others are summed up (default 20)")
    show.add_argument(
        "--format",
        choices=("text", "json", "csv", "markdown"),
        default="text",
        help="text (default), json, csv or markdown",
    )
    show.add_argument(
        "--logprobs",
        metavar="FILE",
        help='a JSON file to decode instead: {"tokens": [...], "logprobs": [...]}',
    )
    _add_model_options(show)
    _add_recording_options(show)
    show.set_defaults(run=_run_show)

    check = commands.add_parser(
        "check",
        help="find out what a server can do and exit",
        description="Ask a server a few one-token questions: what log-probabilities does it report?",
    )
    _add_model_options(check)
    check.set_defaults(run=_run_check)

    lesson = commands.add_parser(
        "lesson",
        help="play a lesson, by hand or by itself",
        description="Play a lesson: space goes on, Backspace goes back, any other key tries something out.",
    )
    lesson.add_argument("lesson", nargs="?", metavar="NAME|FILE", help="a built-in lesson, or a lesson file")
    lesson.add_argument(
        "--list", action="store_true", help="list the built-in lessons and how long --auto takes, and exit"
    )
    lesson.add_argument(
        "--auto",
        action="store_true",
        help="play by itself and exit: 0, or 1 where the lesson expected something else",
    )
    lesson.add_argument("--speed", default="1", help="with --auto, how many times as fast (default 1)")
    lesson.add_argument("--seed", type=int, default=1, help="seed of the tokens drawn (default 1)")
    presenter = lesson.add_argument_group("for an audience")
    for flag, what, meaning in (
        ("--show-keys", "keys", "show the keys that are pressed (F6)"),
        ("--large-caption", "large", "leave air around a bolder caption (F7)"),
        ("--no-footer", "bare", "leave the line of keys out (F8)"),
    ):
        presenter.add_argument(flag, dest="presenting", action="append_const", const=what, help=meaning)
    lesson.set_defaults(run=_run_lesson)

    consistent = commands.add_parser(
        "consistent",
        help="find out whether one model can have printed two tables, and exit",
        description="Can these tables of probabilities at different temperatures come from one distribution? "
        "The exit status is 0 if they can, 1 if they cannot.",
        epilog="A table is what show prints, or a line such as --- Temp 0.1 (Focused) --- and below it lines "
        "such as 'lazy': 99.8%%",
    )
    consistent.add_argument("file", help="the tables, one below the other; - for the standard input")
    consistent.set_defaults(run=_run_consistent)
    return parser


def _add_model_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("the model")
    group.add_argument("--model", help="its name; bundled for the model that comes with the program")
    group.add_argument("--base-url", help="the OpenAI-compatible server, such as http://127.0.0.1:8080/v1")
    group.add_argument("--timeout", metavar="SECONDS", help="how long to wait for an answer (default 30)")
    group.add_argument(
        "--framing", help="answer (default), continue or raw: how the prompt is put to the model"
    )
    group.add_argument(
        "--vocabulary-size", metavar="N", help="tokens in the model's vocabulary, if it is not known"
    )


def _add_recording_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("recordings")
    group.add_argument("--record", metavar="FILE", help="keep every answer in this file, as it comes")
    group.add_argument("--replay", metavar="FILE", help="give the answers of a recording, without a network")


def _configuration(options: argparse.Namespace) -> Configuration:
    from softmax_visualizer.models.configuration import Configuration

    if getattr(options, "replay", None) is not None:
        # neither the environment nor a server has a say in what was recorded
        return Configuration(model=options.model, replay=Path(options.replay))
    configuration = Configuration.load(
        model=options.model,
        base_url=options.base_url,
        timeout=options.timeout,
        framing=options.framing,
        vocabulary_size=options.vocabulary_size,
    )
    for note in configuration.notes:
        _complain(note)
    return configuration


def _run_screen(options: argparse.Namespace) -> int:
    configuration = _configuration(options)
    _check_terminal()
    prompt = options.prompt
    if configuration.replay is not None:
        from softmax_visualizer.models.replay import RecordedModel

        # read here as well, so that a file that cannot be replayed is refused before there is a screen
        recorded = RecordedModel.open(configuration.replay, configuration.model)
        prompt = recorded.prompts[0] if prompt is None else prompt
    recorder = _recorder(options, configuration)
    from softmax_visualizer.tui import crash
    from softmax_visualizer.tui.app import SoftmaxVisualizer

    history = crash.recovered_prompts()
    prompt = _EXAMPLE if prompt is None else prompt
    return _run(SoftmaxVisualizer(configuration, prompt, options.seed, history, recorder))


def _run_lesson(options: argparse.Namespace) -> int:
    from softmax_visualizer.lessons.error import LessonError
    from softmax_visualizer.lessons.listing import built_in, find_lesson
    from softmax_visualizer.lessons.reading import read_lesson

    try:
        if options.list:
            lessons = [read_lesson(path) for path in built_in()]
            for each in lessons:
                _print(_safe(f"{each.name:<10} {each.duration:3.0f} s  {each.about or each.title}") + "\n")
            return 0
        if options.lesson is None:
            raise UsageError("Which lesson? softmax-visualizer lesson --list names them.")
        lesson = find_lesson(options.lesson)
    except LessonError as error:
        raise UsageError(str(error)) from error
    speed = _number("--speed", options.speed)
    if not 0.1 <= speed <= 100:
        raise UsageError(f"--speed must be between 0.1 and 100, not {options.speed}.")
    _check_terminal()
    if options.auto:
        # the terminal that plays a recording grants what it asks for, and would not know the player's keys
        os.environ["TEXTUAL_DISABLE_KITTY_KEY"] = "1"
    from softmax_visualizer.models.configuration import Configuration
    from softmax_visualizer.tui.app import SoftmaxVisualizer
    from softmax_visualizer.tui.moments import LessonStart

    start = LessonStart(lesson, options.auto, speed, frozenset(options.presenting or ()))
    app = SoftmaxVisualizer(Configuration(model="bundled"), lesson.prompt, options.seed, lesson=start)
    status = _run(app, mouse=not options.auto)
    for failure in app.failures:
        _complain(failure)
    return status


def _run(app: SoftmaxVisualizer, *, mouse: bool = True) -> int:
    from softmax_visualizer.tui import crash

    app.run(mouse=mouse)
    if app.failure is not None:
        crash.keep_prompts([app.redact(prompt) for prompt in app.history])
        _complain(
            f"An error of its own ended the program ({type(app.failure).__name__}). "
            f"{crash.report(app.failure, app.redact)} Your prompts come back at the next start."
        )
        return 1
    return app.return_code or 0


def _recorder(options: argparse.Namespace, configuration: Configuration) -> Recorder | None:
    if options.record is None:
        return None
    from softmax_visualizer.models.recording import Recorder

    return Recorder(Path(options.record), configuration.redact)


_BROWSER = "textual.drivers.web_driver:WebDriver"
"""The driver that textual-serve has Textual load: the screen goes through a pipe to a browser."""


def _check_terminal() -> None:
    """Refuse a terminal on which the screen would be garbage, or would run for ever without being seen."""
    if os.environ.get("TEXTUAL_DRIVER") == _BROWSER:
        return
    instead = 'For plain text, use: softmax-visualizer show "a prompt"'
    # Textual reads the keyboard from stdin and draws on stderr
    if (
        sys.__stdin__ is None
        or sys.__stderr__ is None
        or not (sys.__stdin__.isatty() and sys.__stderr__.isatty())
    ):
        raise UsageError(f"The screen needs a terminal for both input and output. {instead}")
    if os.environ.get("TERM", "") in ("dumb", "unknown"):
        raise UsageError(
            f"This terminal (TERM={os.environ['TERM']}) cannot place text on the screen. {instead}"
        )
    encoding = (sys.__stderr__.encoding or "").lower().replace("-", "")
    if encoding != "utf8":
        raise UsageError(
            f"This terminal's encoding is {encoding or 'unknown'}, and the screen needs UTF-8: "
            f"try LC_ALL=C.UTF-8. {instead}"
        )


def _run_show(options: argparse.Namespace) -> int:
    settings = [
        DecodingSettings(
            _number("--temperature", temperature),
            _number("--top-p", options.top_p),
            None if options.top_k is None else _whole("--top-k", options.top_k, 1),
            _number("--min-p", options.min_p),
            options.order,
        )
        for temperature in options.temperature or ["1"]
    ]
    top = _whole("--top", options.top, 0)
    answer = _answer(options)

    from softmax_visualizer.display.report import report

    text = report(answer.prompt, answer.origin, answer.distribution, settings, top, options.format)
    notes = [*answer.notes, *answer.distribution.notes]
    for note in notes if options.format in ("text", "markdown") else []:
        _complain(note)
    _print(text)
    return 0


_PLAIN = str.maketrans("█▓▒░▚▏▎▍▌▋▊▉┊→–␣…", "#=-.%|||||##:>-_~")
"""ASCII in the place of what a terminal without UTF-8 cannot show, a character for each."""


def _print(text: str) -> None:
    if sys.stdout is None:
        raise UsageError("There is nowhere to print to: the standard output is closed.")
    encoding = sys.stdout.encoding or "ascii"
    try:
        "█".encode(encoding)
    except UnicodeEncodeError:
        text = text.translate(_PLAIN)
    # a token may still hold what the encoding cannot say, which is then spelt out
    sys.stdout.buffer.write(text.encode(encoding, "backslashreplace"))
    sys.stdout.buffer.flush()


def _answer(options: argparse.Namespace) -> ModelAnswer:
    if options.logprobs is not None:
        from dataclasses import replace

        from softmax_visualizer.models.logprobs_file import read_logprobs

        return replace(read_logprobs(Path(options.logprobs)), prompt=options.prompt or "")
    if options.prompt is None:
        raise UsageError('A prompt is missing: softmax-visualizer show "a prompt", or --logprobs FILE.')
    configuration = _configuration(options)
    recorder = _recorder(options, configuration)
    answer: ModelAnswer = _asked(configuration, lambda model: model.ask(options.prompt), recorder)
    from softmax_visualizer.models.redaction import redacted

    return redacted(answer, configuration.redact)


def _asked(
    configuration: Configuration,
    question: Callable[[Any], Awaitable[_Answer]],
    recorder: Recorder | None = None,
) -> _Answer:
    import asyncio

    from softmax_visualizer.models.opening import open_model

    async def ask() -> _Answer:
        model = open_model(configuration, recorder)
        try:
            return await question(model)
        finally:
            await model.close()

    return asyncio.run(ask())


def _run_check(options: argparse.Namespace) -> int:
    configuration = _configuration(options)
    if configuration.source != "openai":
        raise UsageError(
            "There is no server to check: set OPENAI_API_KEY or OPENAI_BASE_URL, or use --base-url."
        )
    from softmax_visualizer.models.check import check_endpoint

    found = _asked(configuration, check_endpoint)
    rows = (("server", found.endpoint), *found.rows())
    _print("".join(f"{heading:<18} {_safe(configuration.redact(phrase))}\n" for heading, phrase in rows))
    for note in found.notes:
        _complain(note)
    return 0


def _run_consistent(options: argparse.Namespace) -> int:
    from softmax_visualizer.display.printed_tables import LARGEST_TEXT, TableError, read_tables, verdict

    name = "the standard input" if options.file == "-" else options.file
    try:
        if options.file == "-":
            raw = sys.stdin.buffer.read(4 * LARGEST_TEXT)
        else:
            with Path(options.file).open("rb") as file:
                raw = file.read(4 * LARGEST_TEXT)
        consistent, words = verdict(read_tables(raw.decode("utf-8-sig")))
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {(error.strerror or str(error)).lower()}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is not UTF-8 text, so it holds no tables.") from error
    except TableError as error:
        raise UsageError(f"{name}: {error}") from error
    _print(words + "\n")
    return 0 if consistent else 1


def _number(flag: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise UsageError(f"{flag} must be a number, not {text!r}.") from error


def _whole(flag: str, text: str, least: int) -> int:
    try:
        number = int(text)
    except ValueError as error:
        raise UsageError(f"{flag} must be a whole number, not {text!r}.") from error
    if number < least:
        raise UsageError(f"{flag} must be {least} or more, not {number}.")
    return number
