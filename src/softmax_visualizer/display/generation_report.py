"""Whole answers as text: a line a token, and what is known of all of them together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from softmax_visualizer.decoding import DecodingSettings, Interval, decode
from softmax_visualizer.decoding.generation import Step
from softmax_visualizer.decoding.path import decode_path
from softmax_visualizer.decoding.stage import Kept
from softmax_visualizer.display.generation_record import Written, generation_csv, generation_json
from softmax_visualizer.display.labels import label, pad, safe_line, wrap
from softmax_visualizer.display.markdown import cell, code
from softmax_visualizer.display.numbers import bits, percent, percent_in
from softmax_visualizer.display.pipeline import LABEL_WIDTH, coverage
from softmax_visualizer.display.report import WIDTH
from softmax_visualizer.display.rows import heading

Form = Literal["text", "json", "csv", "markdown"]

_NUMBER_WIDTH = 14
_LAST_WIDTH = 17
_HEADING_WIDTH = 17

_WEAKEST = 3
"""Places that are named."""

_SIGNS: dict[Kept, str] = {"yes": " ", "no": "░", "maybe": "▚"}
"""The signs of cut and of undecided tokens, as on bars."""

_MEANINGS = {
    "░": "these settings never sample it",
    "▚": "it may be cut: that depends on tokens that the server does not show",
}

_CONTINUED = {
    "tokens": "as the same tokens",
    "text": "as the same text, which the model split into tokens anew",
    "instruction": "asked to continue the text, which is another distribution",
}

_FINISHED = {
    "length": "as many tokens as were wanted",
    "end-of-text": "the model ended the text",
    "stopped": "stopped before its end",
}

_CHOSEN = {
    "sampled": "sampled",
    "greedy": "taken as the most likely",
    "picked": "picked by hand",
    "given": "given",
    "server": "sampled by the server",
}


@dataclass(frozen=True, slots=True)
class _Line:
    """A token of an answer in words: safe texts, of which ``label`` is the token's."""

    sign: str
    number: str
    label: str
    model: str
    sampled: str
    rank: str


def generation_report(written: Written, form: Form) -> Iterator[str]:
    """Return an answer as pieces of a text.

    Args:
        written: the answer.
        form: text for people, with lines of at most 80 cells; JSON or CSV by the contract of
            :mod:`softmax_visualizer.display.generation_record`; or Markdown with a table.
    """
    if form == "json":
        return generation_json(written)
    if form == "csv":
        return generation_csv(written)
    return _markdown(written) if form == "markdown" else _text(written)


def _text(written: Written) -> Iterator[str]:
    source = ": ".join(_source(written, safe_line))
    prompt = written.generation.prompt
    for line in (*([safe_line(prompt)] if prompt else []), source, _how(written)):
        yield from (f"{each}\n" for each in wrap(line, WIDTH))
    yield "\n"
    for line in _text_lines(written.generation.text):
        # set in, so that no line of an answer passes for one of the program
        yield from (f"  {each}\n" for each in wrap(safe_line(line), WIDTH - 2))
    yield (
        f"\n{'':6} {'token':{LABEL_WIDTH}}  {'model, T = 1':>{_NUMBER_WIDTH}}"
        f"  {'at these settings':>{_LAST_WIDTH}}  {'rank':>8}\n"
    )
    signs = set()
    for row in _lines(written):
        signs.add(row.sign)
        yield (
            f"{row.sign}{row.number:>5} {pad(row.label, LABEL_WIDTH)}  {row.model:>{_NUMBER_WIDTH}}"
            f"  {row.sampled:>{_LAST_WIDTH}}  {row.rank:>8}\n"
        )
    yield from (f"{sign} {words}\n" for sign, words in _MEANINGS.items() if sign in signs)
    yield "\n"
    for name, words in _together(written, str):
        first, *others = wrap(words, WIDTH - _HEADING_WIDTH)
        yield f"{name:<{_HEADING_WIDTH}}{first}\n"
        yield from (f"{'':{_HEADING_WIDTH}}{each}\n" for each in others)


def _markdown(written: Written) -> Iterator[str]:
    prompt = written.generation.prompt
    asked = f"{code(safe_line(prompt, WIDTH))}: " if prompt else ""
    source = ", ".join(_source(written, lambda text: code(safe_line(text))))
    yield f"# {asked}{source}\n\n{_how(written)}\n\n"
    # two spaces at its end break a line
    yield "  \n".join(code(safe_line(line) or " ") for line in _text_lines(written.generation.text))
    yield "\n\n| | token | model, T = 1 | at these settings | rank |\n| --: | :-- | --: | --: | --: |\n"
    signs = set()
    for row in _lines(written):
        signs.add(row.sign)
        number = f"{row.sign} {row.number}".strip()
        yield f"| {number} | {cell(row.label)} | {row.model} | {row.sampled} | {row.rank} |\n"
    yield "\n"
    yield from (f"- {sign} {words}\n" for sign, words in _MEANINGS.items() if sign in signs)
    yield from (f"- {name}: {words}\n" for name, words in _together(written, code))


def _source(written: Written, quoted: Callable[[str], str]) -> tuple[str, str]:
    """Return which model it was, and how much of its vocabulary was seen."""
    model, distribution = written.model, written.generation.steps[0].distribution
    where = f" at {quoted(model['endpoint'])}" if model["endpoint"] else ""
    return f"{quoted(str(model['name']))}{where}", coverage(decode(distribution, written.settings))


def _how(written: Written) -> str:
    """Say with what settings the tokens were chosen, and how."""
    first, *others = dict.fromkeys(_CHOSEN[step.chosen_by] for step in written.generation.steps)
    chosen = {
        "given": "a given text, scored",
        "taken as the most likely": "the most likely token each time",
    }.get(first, first)
    if others:
        chosen = f"tokens {', '.join([first, *others[:-1]])} and {others[-1]}"
    seed = "" if written.seed is None else f" with seed {written.seed}"
    return f"{heading(written.settings)}: {chosen}{seed}{_elsewhere(written)}"


def _elsewhere(written: Written) -> str:
    """Say with what else an answer was written, if these settings only look at it."""
    settings, seed = written.generation.settings, written.generation.seed
    if settings in (None, written.settings):
        return ""
    return f" at {heading(settings)}" + ("" if seed is None else f" with seed {seed}")


def _finished(written: Written) -> str:
    if written.finish is not None:
        return _FINISHED[written.finish]
    scored = all(step.chosen_by == "given" for step in written.generation.steps)
    return "the whole text is scored" if scored else "as far as it is written"


def _text_lines(text: str) -> list[str]:
    *whole, last = text.split("\n")
    return [f"{line}\n" for line in whole] + ([last] if last or not whole else [])


def _lines(written: Written) -> Iterator[_Line]:
    steps, path = written.generation.steps, written.path
    model = decode_path(steps, DecodingSettings()).probability
    for at, step in enumerate(steps):
        yield _Line(
            _SIGNS[path.kept[at]],
            f"{at + 1:,}",
            _name(step),
            percent_in(model[at], _NUMBER_WIDTH),
            _sampled(written, at),
            "–" if step.index is None else f"{step.index + 1:,}",
        )


def _name(step: Step) -> str:
    return label(step.token.text, step.token.bytes, LABEL_WIDTH)


def _sampled(written: Written, at: int) -> str:
    """Say with which probability a token is sampled, or why it never is."""
    step = written.generation.steps[at]
    if written.path.kept[at] != "no":
        return percent_in(written.path.probability[at], _NUMBER_WIDTH)
    if step.index is None:
        return "no such token" if step.distribution.complete else "cut"
    tempered = decode(step.distribution, written.settings).after_temperature.first(step.index + 1)
    return "cut" if tempered[step.index].high > 0 else "0 %"


def _together(written: Written, quoted: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    """Say what is known of all tokens together, each in a few words with a heading.

    ``quoted``: writes a token's label so that nothing in it counts as markup.
    """
    steps, path = written.generation.steps, written.path

    def named(at: int) -> str:
        return f"{at + 1:,} {quoted(_name(steps[at]))}"

    weakest = [at for at in path.weakest(_WEAKEST) if path.probability[at].low < 1]
    if weakest:
        yield "weakest places", ", ".join(f"{named(at)} {_sampled(written, at)}" for at in weakest)
    log2 = path.log2_probability
    surprise = bits(Interval(-log2.high + 0.0, -log2.estimate + 0.0, -log2.low + 0.0))
    yield "probability", f"{percent(path.path_probability)} for exactly these tokens; -log2 of it: {surprise}"
    first = path.forbidden
    yield "never sampled", "none" if first is None else f"first {named(first)}: {_sampled(written, first)}"
    yield "greedy steps", f"{path.greedy_steps:,} of {len(steps):,}"
    yield "continued", ", ".join(_CONTINUED[each] for each in dict.fromkeys(s.continued_by for s in steps))
    counted = "not counted" if written.requests is None else f"{written.requests:,}"
    yield "requests", f"{counted}; {_finished(written)}"
