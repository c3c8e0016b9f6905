"""What a person wants to know of a setting, asked for in dialogs."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

from textual.app import App

from softmax_visualizer.decoding import SettingsError, TokenDistribution
from softmax_visualizer.decoding.decision import (
    DecisionError,
    Question,
    acceptable_tokens,
    allowed_chance,
    find_token,
    rival_temperature,
)
from softmax_visualizer.decoding.engines import ENGINES, Engine
from softmax_visualizer.display.keys import with_keys
from softmax_visualizer.display.labels import safe_line
from softmax_visualizer.display.pipeline import token_label
from softmax_visualizer.display.settings import decimals, settings_words
from softmax_visualizer.tui import actions
from softmax_visualizer.tui.dialogs.base import ChoiceScreen, MarksScreen, ValueScreen
from softmax_visualizer.tui.knobs import typed
from softmax_visualizer.tui.stage import Stage

_WHOLE_NUMBER = re.compile("[0-9]{1,7}|[0-9]{1,3}(,[0-9]{3})+")

_OFFERED = 200
"""Tokens that can be marked: nobody reads further down."""

_LONGEST = 1_000_000
"""Tokens of the longest answer that can be asked about."""


_COUNTS = {
    "length": ("Tokens to write", 1_000, "{key:write} writes"),
    "many": ("Tokens to sample at once", 100_000, "{key:counts} samples"),
}
"""What is said of the numbers of tokens, and the largest of each."""

_VALUES = {
    "temperature": "Temperature, 0 or more",
    "top_p": "Top-p, 0 to 1; empty for off",
    "top_k": "Top-k; empty for off",
    "min_p": "Min-p, 0 to 1; empty for off",
}


async def type_value(stage: Stage, knob: str) -> None:
    """Let the person type a value of a knob; a wrong one is explained and changes nothing."""
    value = getattr(stage.scene.settings, knob)
    shown = "" if value is None else str(value) if isinstance(value, int) else decimals(value)
    text = await stage.app.push_screen_wait(ValueScreen(_VALUES[knob], shown))
    if text is None:
        return
    try:
        stage.update(replace(stage.scene, settings=typed(stage.scene.settings, knob, text)))
    except SettingsError as error:
        stage.update(stage.scene.saying(f"{error} The setting stays as it was.", "bad"))


async def type_count(stage: Stage, name: str) -> None:
    """Let the person say how many tokens are written, or sampled, at once; a wrong number changes nothing."""
    heading, most, keys = _COUNTS[name]
    text = await stage.app.push_screen_wait(ValueScreen(heading, str(getattr(stage.scene, name))))
    if text is None:
        return
    plain = text.strip().replace(",", "")
    number = int(plain) if re.fullmatch("[0-9]{1,7}", plain) else 0
    if not 1 <= number <= most:
        said = f"That is a whole number from 1 to {most:,}, not {safe_line(text, 20)}. Nothing changed."
        stage.update(stage.scene.saying(said, "bad"))
        return
    changes: dict[str, Any] = {name: number}
    stage.update(replace(stage.scene, **changes).saying(f"{with_keys(keys)} {number:,} tokens."))


async def may_ask_samples(stage: Stage) -> bool | None:
    """Say what the server's samples cost; return whether its own cuts stay on, None if nobody wants them."""
    scene = stage.scene
    settings = settings_words(scene.settings, order=False)
    title = (
        f"{scene.many:,} samples of the server: up to {scene.many:,} requests of a token each, at {settings}"
    )
    off, on = "Ask, with cuts of its own switched off", "Ask, and leave cuts of its own as they are"
    chosen = await stage.app.push_screen_wait(ChoiceScreen(title, (off, on), off))
    return None if chosen is None else chosen == on


async def choose_engine(stage: Stage) -> None:
    """Let the person choose an engine; the one that is chosen, or answered, is under the cursor."""
    asked = stage.scene.asked
    current = stage.scene.engine or (asked.answer.engine if asked is not None else None)
    lines = {_engine_line(engine): engine.name for engine in ENGINES}
    under = next((line for line, name in lines.items() if name == current), "")
    chosen = await stage.app.push_screen_wait(ChoiceScreen("Whose order?", tuple(lines), under))
    if chosen is not None:
        stage.update(actions.engine(stage.scene, lines[chosen]))


def _engine_line(engine: Engine) -> str:
    order = ("T first" if engine.order == "temperature-first" else "T last") if engine.published else ""
    return f"{engine.name:<13}{order:<8} {settings_words(engine.defaults, order=False)}"


async def ask(stage: Stage, about: str) -> None:
    """Let the person change one thing of what is asked of a setting; what cannot be asked is explained."""
    decoding, question = stage.scene.decoding, stage.scene.question or Question()
    if decoding is None:
        return
    try:
        changed = await _asked(stage.app, decoding.distribution, question, about)
    except DecisionError as error:
        stage.update(stage.scene.saying(f"{error} What was asked stays as it was.", "bad"))
    else:
        if changed != question:
            stage.update(replace(stage.scene, question=changed))


async def _asked(app: App[Any], distribution: TokenDistribution, question: Question, about: str) -> Question:
    """Return the question with one thing changed by the person, or as it was if they go back.

    Raises:
        DecisionError: what they typed cannot be asked; the text says why.
    """
    if about == "accept":
        return await _accepted(app, distribution, question)
    heading, shown, changed = {
        "rival": ("Rival and its share, such as: fence 25 %", _rival_text(question), _with_rival),
        "tokens": ("Tokens of an answer", str(question.tokens), _with_tokens),
        "reliability": (
            "Share of answers that must stay in the set, in %",
            f"{100 * question.reliability:.15g}",
            _with_reliability,
        ),
    }[about]
    text = await app.push_screen_wait(ValueScreen(heading, shown))
    return question if text is None else changed(question, text, distribution)


async def _accepted(app: App[Any], distribution: TokenDistribution, question: Question) -> Question:
    """Let the person mark the tokens that a sample may be; none at all is the model's own nucleus again."""
    offered = range(min(len(distribution), _OFFERED))
    marked = acceptable_tokens(distribution, question).indices if question.accepted else frozenset[int]()
    labels = [token_label(distribution, index) for index in offered]
    chosen = await app.push_screen_wait(MarksScreen("Acceptable tokens", labels, marked))
    if chosen is None:
        return question
    return replace(question, accepted=frozenset(distribution.token(index) for index in chosen))


def _rival_text(question: Question) -> str:
    return f"{question.rival} {100 * question.share:.15g} %".strip()


def _with_rival(question: Question, typed: str, distribution: TokenDistribution) -> Question:
    name, share = typed.strip(), question.share
    number = name.removesuffix("%").strip().rpartition(" ")
    if _is_number(number[2]):
        name, share = number[0].strip(), float(number[2].replace(",", ".")) / 100
    rival = find_token(distribution, name) if name else min(1, len(distribution) - 1)
    if rival is None:
        raise DecisionError(f"{safe_line(name, 30)!r} is not in this list of tokens.")
    rival_temperature(distribution, rival, share)
    return replace(question, rival=name, share=share)


def _with_tokens(question: Question, typed: str, distribution: TokenDistribution) -> Question:
    text = typed.strip()
    tokens = int(text.replace(",", "")) if len(text) < 20 and _WHOLE_NUMBER.fullmatch(text) else 0
    if not 1 <= tokens <= _LONGEST:
        raise DecisionError(f"An answer's length is a whole number of tokens from 1 to {_LONGEST:,}.")
    return replace(question, tokens=tokens)


def _with_reliability(question: Question, typed: str, distribution: TokenDistribution) -> Question:
    text = typed.strip().removesuffix("%").strip().replace(",", ".")
    if not _is_number(text):
        raise DecisionError("The reliability is a percentage, such as 99.")
    allowed_chance(float(text) / 100, question.tokens)
    return replace(question, reliability=float(text) / 100)


def _is_number(text: str) -> bool:
    try:
        # a token can be "nan" or "infinity"
        return math.isfinite(float(text.replace(",", ".")))
    except ValueError:
        return False
