"""The JSON contract of whole answers: what ``generate --format json`` and ``score --format json`` print.

As in :mod:`softmax_visualizer.display.record`, the record is named by its ``schema``, whose number changes
when something in it changes its meaning; names may be added without that. ``I`` stands for an interval,
``{"low", "estimate", "high"}``, all equal where exact, null for infinity of either sign.

* ``schema``: :data:`SCHEMA`; ``prompt``; ``model``: its ``name``, ``source``, ``endpoint``.
* ``settings``: ``temperature``, ``top_p``, ``top_k`` (null is off), ``min_p``, ``order``.
* ``seed``: of the random numbers that sample these tokens at these settings; null where there is none: where
  no random numbers were used, or the answer was written otherwise.
* ``requests``: how often the model was asked; null where that was not counted, as on the screen.
* ``finish``: ``length`` (as many tokens as were wanted), ``end-of-text`` (the model ended it), ``stopped``
  (it could not go on, or was interrupted); null for a text that was scored to its end, and for an answer on
  the screen, which can be written on.
* ``steps``, one for each token:

  * ``text``; ``bytes`` (null if the token has none of its own); ``token_id`` (null where the server does not
    say it);
  * ``chosen_by``: ``sampled``, ``greedy``, ``picked``, ``given`` or ``server``; ``chance``: the random number
    in [0, 1) that sampled it, null where none did;
  * ``continued_by``: how the text before it was put to the model: as the same ``tokens``, as the same
    ``text``, or with an ``instruction`` to continue it, which is another distribution;
  * ``rank``: from 1, in the list; null if it is not listed;
  * ``logprob``: the model's, at T = 1 (natural logarithm); null if it is impossible or not listed;
  * ``kept`` (``yes``, ``no``, ``maybe``) and ``probability`` (I), with which these settings sample it;
  * ``surprisal_bits`` (I): -log2 of its probability at T = 1;
  * ``entropy_bits``: of the distribution that it was chosen from, an I for ``model`` and ``after_cut``.

* ``text``: the tokens together; bytes that are no whole character are U+FFFD.
* ``log2_probability`` (I): of exactly these tokens at these settings; null is minus infinity.
* ``greedy_steps``: how many of the tokens are the most likely one.

A CSV has a line for each step, with the names and the numbers of ``steps``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from softmax_visualizer.decoding import DecodingSettings, decode
from softmax_visualizer.decoding.generation import Generation
from softmax_visualizer.decoding.path import PathDecoding, decode_path, surprisal
from softmax_visualizer.display.record import csv_line, csv_token, json_text

SCHEMA = "softmax-visualizer/generation/1"

Finish = Literal["length", "end-of-text", "stopped"]

_TOKEN = ("chosen_by", "chance", "continued_by", "rank", "logprob", "kept")
_ENDS = ("low", "estimate", "high")


@dataclass(frozen=True, eq=False)
class Written:
    """An answer that was written, or a text that was scored, and how; it has one step or more.

    ``model``: its ``name``, ``source`` and ``endpoint``. ``seed``, ``requests``, ``finish``: as in the
    record.
    """

    generation: Generation
    model: Mapping[str, str | None]
    settings: DecodingSettings
    seed: int | None
    requests: int | None
    finish: Finish | None

    @cached_property
    def path(self) -> PathDecoding:
        """What the settings make of all its tokens."""
        return decode_path(self.generation.steps, self.settings)


def generation_json(written: Written) -> Iterator[str]:
    """Return the record of an answer as JSON, in pieces."""
    return json_text(
        {
            "schema": SCHEMA,
            "prompt": written.generation.prompt,
            "model": dict(written.model),
            "settings": written.settings.to_dict(),
            "seed": written.seed,
            "requests": written.requests,
            "finish": written.finish,
            "steps": _steps(written),
            "text": written.generation.text,
            "log2_probability": written.path.log2_probability.to_dict(),
            "greedy_steps": written.path.greedy_steps,
        }
    )


def generation_csv(written: Written) -> Iterator[str]:
    """Return an answer as CSV, a line a step; texts are as in the CSV of ``show``."""
    yield csv_line(
        ["step", "text", "bytes", "token_id", *_TOKEN]
        + [f"{name}_{end}" for name in ("probability", "surprisal_bits") for end in _ENDS]
        + [f"entropy_bits_{stage}_{end}" for stage in ("model", "after_cut") for end in _ENDS]
    )
    for number, step in enumerate(_steps(written), 1):
        intervals = step["probability"], step["surprisal_bits"], *step["entropy_bits"].values()
        yield csv_line(
            [
                number,
                csv_token(step["text"]),
                "" if step["bytes"] is None else bytes(step["bytes"]).hex(" "),
                step["token_id"],
                *(step[name] for name in _TOKEN),
                *(interval[end] for interval in intervals for end in _ENDS),
            ]
        )


def _steps(written: Written) -> Iterator[dict[str, Any]]:
    for at, step in enumerate(written.generation.steps):
        token, decoding = step.token, decode(step.distribution, written.settings)
        is_possible = step.index is not None and step.index < step.distribution.support
        yield {
            "text": token.text,
            "bytes": None if token.raw is None else list(token.raw),
            "token_id": token.id,
            "chosen_by": step.chosen_by,
            "chance": step.chance,
            "continued_by": step.continued_by,
            "rank": None if step.index is None else step.index + 1,
            "logprob": float(step.distribution.logprobs[step.index]) if is_possible else None,
            "kept": written.path.kept[at],
            "probability": written.path.probability[at].to_dict(),
            "surprisal_bits": surprisal(step).to_dict(),
            "entropy_bits": {
                "model": decoding.model.entropy.to_dict(),
                "after_cut": decoding.after_cut.entropy.to_dict(),
            },
        }
