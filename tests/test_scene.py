"""The screen as a value: what actions make of it, and what cannot outlive what it is about."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, replace
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from screens import top_of
from softmax_visualizer.decoding import DecodingSettings, TokenDistribution
from softmax_visualizer.models.base import ModelAnswer
from softmax_visualizer.models.configuration import Configuration
from softmax_visualizer.tui import actions
from softmax_visualizer.tui.scene import Asked, Request, Scene
from softmax_visualizer.tui.views import VIEWS

BUNDLED = Configuration(model="bundled")
FOX = top_of([" lazy", " old", " red"], [0.6, 0.2, 0.1])
CAT = TokenDistribution.from_logits([" sat", " ran"], np.array([1.0, 0.0]))


def asked(prompt: str, distribution: TokenDistribution = FOX) -> Asked:
    return Asked(BUNDLED, ModelAnswer(prompt, distribution, "a model", "bundled"))


START = Scene(BUNDLED, "The fox", asked=asked("The fox"), request=Request("answered"))

ACTIONS = st.sampled_from([
    lambda scene: actions.turn(scene, "temperature", 1),
    lambda scene: actions.turn(scene, "temperature", -1, True),
    lambda scene: actions.turn(scene, "top_p", -1),
    lambda scene: actions.preset(scene, 2),
    actions.reset, actions.order, actions.axis, actions.pin, actions.unpin, actions.flip, actions.sample,
    actions.histograms,
    lambda scene: actions.scroll(scene, 1),
    *(lambda scene, name=name: actions.show(scene, name) for name in VIEWS),
])  # fmt: skip


def test_a_scene_cannot_be_changed() -> None:
    for each in fields(START):
        with pytest.raises(FrozenInstanceError):
            setattr(START, each.name, None)


@given(st.lists(ACTIONS, max_size=30))
def test_undoing_everything_is_the_first_scene(steps: list) -> None:
    scenes = [START]
    for step in steps:
        scenes.append(step(scenes[-1]))
    for earlier in reversed(scenes[:-1]):
        undone = scenes[-1].as_chosen_in(earlier)
        assert undone.chosen == earlier.chosen
        assert undone.prompt == earlier.prompt
        assert undone.decoding is earlier.decoding or undone.settings == earlier.settings


@given(st.lists(ACTIONS, max_size=30))
def test_what_was_sampled_is_always_from_what_is_shown(steps: list) -> None:
    scene = START
    for step in steps:
        scene = step(scene)
        if scene.sample is not None:
            assert scene.sample.pin.settings == scene.settings
            assert scene.sample.pin.asked is scene.asked


@given(st.lists(ACTIONS, max_size=30))
def test_what_is_said_is_always_about_what_is_there(steps: list) -> None:
    scene = START
    for step in steps:
        scene = step(scene)
        if scene.said is not None and scene.message[0] == scene.said.text:
            assert scene.said.about == scene.chosen


def test_a_sampled_token_goes_with_the_setting_that_it_is_from() -> None:
    sampled = actions.sample(START)
    assert sampled.sample is not None
    assert sampled.message[1] == "sampled"
    turned = actions.turn(sampled, "temperature", 1)
    assert turned.sample is None
    assert "Sampled" not in turned.message[0]
    assert actions.turn(turned, "temperature", -1).sample is not None  # the same setting again


def test_a_sampled_token_goes_with_the_answer_that_it_is_from() -> None:
    sampled = actions.sample(START)
    assert sampled.answered(asked("The cat", CAT), Request("answered")).sample is None


@pytest.mark.parametrize("steps", [1, 5, 30])
def test_a_seed_samples_the_same_tokens_however_one_gets_there(steps: int) -> None:
    scene, again = START, START
    for _ in range(steps):
        scene = actions.sample(scene)
        again = actions.sample(actions.turn(actions.turn(actions.sample(again), "top_p", -1), "top_p", 1))
        again = replace(again, samples=scene.samples)
    assert scene.sampled is not None
    assert scene.sampled.chance == actions.chance_of(1, steps)


def test_the_token_that_is_taken_is_the_one_of_the_present_setting() -> None:
    turned = actions.turn(actions.sample(START), "temperature", 1)
    assert actions.take(turned).prompt == START.prompt
    assert "Nothing is sampled yet" in actions.take(turned).message[0]


def test_the_picture_says_whose_it_is_once_the_prompt_is_another_one() -> None:
    assert not START.old
    assert replace(START, prompt="The foxes").old
    assert not replace(START, prompt="The foxes", request=Request("asking", fresh=True)).old
    assert replace(START, configuration=Configuration(base_url="http://127.0.0.1:1/v1")).old


def test_a_failure_stays_until_something_else_is_asked() -> None:
    failed = replace(START, request=Request("failed", sentence="The server is gone."))
    assert failed.message == ("The server is gone.", "bad")
    assert actions.turn(failed, "temperature", 1).message == ("The server is gone.", "bad")
    assert replace(failed, request=Request("asking")).message[0] != "The server is gone."


def test_flipping_to_another_prompt_brings_all_that_belongs_to_it() -> None:
    pinned = actions.pin(START)
    other = replace(pinned, prompt="The cat").answered(asked("The cat", CAT), Request("answered"))
    flipped = actions.flip(other)
    assert (flipped.prompt, flipped.asked) == ("The fox", START.asked)
    assert not flipped.old
    back = actions.flip(flipped)
    assert (back.prompt, back.asked, back.settings) == ("The cat", other.asked, other.settings)


def test_quitting_warns_only_where_something_would_be_lost() -> None:
    assert actions.quit_warning(START, START) is START
    assert "1 pinned setting" in actions.quit_warning(START, actions.pin(START)).message[0]


@pytest.mark.parametrize("state", ["asking", "answered"])
def test_nothing_is_sampled_or_taken_while_another_prompt_stands_above(
    state: Literal["asking", "answered"],
) -> None:
    sampled = actions.sample(START)
    typed = replace(sampled, prompt="My own question", request=Request(state, fresh=state == "asking"))
    for action in (actions.sample, actions.take):
        assert action(typed).prompt == "My own question"
        assert action(typed).samples == sampled.samples
        assert ("on its way" if state == "asking" else "has not been asked") in action(typed).message[0]


def test_what_is_found_for_a_view_is_no_part_of_what_a_person_chose() -> None:
    assert replace(START, found=(1, 2)) == START


def test_there_are_no_settings_but_those_that_decode_takes() -> None:
    assert isinstance(actions.turn(START, "temperature", 1).settings, DecodingSettings)
    ten = actions.preset(START, 0)
    for _ in range(10):
        ten = actions.turn(ten, "temperature", 1)
    assert ten.settings.temperature == 1.0
