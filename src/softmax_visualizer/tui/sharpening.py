"""A longer list in the place of a shorter one: the same question, of which more is known now."""

from __future__ import annotations

from dataclasses import replace

from softmax_visualizer.display.keys import with_keys
from softmax_visualizer.tui.scene import Asked, Counted, Sample, Scene

_OTHERWISE = (
    "With more tokens known, this random number samples another token: {key:sample-token} samples anew."
)


def sharpened(scene: Scene, few: Asked, whole: Asked) -> Scene:
    """Return a scene in which ``whole`` stands wherever ``few`` stood: on screen, in pins and in the sample.

    A sampled token stays where its random number samples the same one from the longer list, and gets its name
    where the shorter list had none for it. Where it samples another token, it is forgotten: it was sampled
    from an estimate that is known to be wrong now.
    """

    def known(asked: Asked | None) -> Asked | None:
        return whole if asked == few else asked

    pins = tuple(replace(pin, asked=whole) if pin.asked == few else pin for pin in scene.pins)
    sampled = scene.sampled
    if sampled is not None and sampled.pin.asked == few:
        sampled = _resampled(sampled, whole)
    counted = scene.counted
    if counted is not None and counted.pin.asked == few:
        counted = _recounted(counted, whole)
    deepening = None if scene.deepening == few else scene.deepening
    tree = scene.tree.sharpened(few.answer.distribution, whole.answer.distribution, whole.answer)
    result = replace(
        scene,
        asked=known(scene.asked),
        tree=tree,
        pins=pins,
        sampled=sampled,
        counted=counted,
        deepening=deepening,
    )
    if scene.asked != few:
        return result
    if scene.sample is None:
        said = scene.said
        # what was said of the state before holds now too
        return result.saying(said.text, said.role) if said and said.about == scene.chosen else result
    if result.sample is None:
        return result.saying(with_keys(_OTHERWISE))
    from softmax_visualizer.display.sample import sample_sentence

    sample = result.sample
    words = sample_sentence(sample.pin.decoding, sample.index, sample.chance, scene.seed, sample.number)
    return result.saying(words, "sampled")


def _recounted(counted: Counted, whole: Asked) -> Counted | None:
    """Return the samples of the same random numbers; which tokens a server's unnamed ones were, none says."""
    if counted.by == "server":
        return None
    from softmax_visualizer.decoding.sampling import chances, sample

    pin = replace(counted.pin, asked=whole)
    numbers = chances(counted.seed, counted.counts.total, counted.first)
    return replace(counted, pin=pin, counts=sample(pin.decoding, numbers), verdict=())


def _resampled(sample: Sample, whole: Asked) -> Sample | None:
    pin = replace(sample.pin, asked=whole)
    index = pin.decoding.sample(sample.chance)
    listed, longer = sample.pin.asked.answer.distribution, whole.answer.distribution
    token = None if index is None else longer.token(index)
    same = token not in listed.tokens if sample.index is None else token == listed.token(sample.index)
    return replace(sample, pin=pin, index=index) if same else None
