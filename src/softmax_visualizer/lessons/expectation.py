"""What a lesson expects to be true of the numbers on the screen, so that one that became untrue says so."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING

from softmax_visualizer.decoding.generation import text_of
from softmax_visualizer.display.labels import label, place_of, safe_line
from softmax_visualizer.lessons.error import LessonError, did_you_mean

if TYPE_CHECKING:
    from softmax_visualizer.decoding import Decoding, Interval, Stage
    from softmax_visualizer.decoding.path import PathDecoding
    from softmax_visualizer.decoding.sampling import Counts

FORMS = (
    '"TOKEN" at least 99 %; "TOKEN" kept; "TOKEN" cut; "TOKEN" above "TOKEN"; "TOKEN" listed; '
    "unseen at most 1 %; beyond 10 at least 5 %; entropy at most 0.5 bits; perplexity at most 3; "
    'cut at least 10 %; kept 1; kept at most 5; exact; bounds; answer of 40 tokens; answer begins "TEXT"; '
    "answer at most 1 %; answer at least 20 bits; answer kept; answer cut; greedy 7; at token 3; "
    'samples of 100; "TOKEN" came 58 times; "TOKEN" came at most 5 times; samples agree; samples differ. '
    "Any number that is not counted can also be about one. A token, unseen, "
    "beyond, entropy and perplexity can be in the model or after temperature: perplexity in the model about 2"
)
"""What an expectation can say, for a person who wrote something else."""

MEASURABLE = 'entropy, perplexity, kept, cut, unseen, beyond 10, and "TOKEN"; also "TOKEN" in the model'
"""The numbers that can be predicted, for a person who wrote something else."""

LONGEST = 200
"""Characters of an expectation."""


@dataclass(frozen=True)
class Expectation:
    """A claim about a decoding or an answer, and the line of the lesson file in which it stands."""

    text: str
    line: int

    @classmethod
    def parse(cls, text: str, line: int) -> Expectation:
        """Return the expectation that a text says, in one of the :data:`FORMS`.

        A token is named as it is or as the screen shows it, with or without its leading space; the most
        likely one of that name is meant. A number is about what the decoder samples from, unless the text
        says ``in the model`` or ``after temperature``.

        Raises:
            LessonError: it has none of the forms.
        """
        words, _ = _read(text)
        if words.get("unit") == "%" and Decimal(words["number"]) > 100:
            raise LessonError(f"{safe_line(text, 80)}: no probability is above 100 %.")
        return cls(text, line)

    def failure(
        self,
        decoding: Decoding,
        path: PathDecoding | None = None,
        place: int = 0,
        counts: Counts | None = None,
    ) -> str | None:
        """Return None if the expectation holds, else a sentence with what was found instead.

        ``path``: the answer, if there is one. ``place``: the token of it, from 0, that ``decoding`` is about.
        ``counts``: many samples of ``decoding``, if there are any.

        Of a number that is known within bounds, ``at least`` must hold for the low end, ``at most`` for the
        high end and ``kept 3`` for both; ``about`` is said of the estimate, and is within half a unit of the
        last digit written. Numbers are compared at 12 significant digits: the rest is a float's noise.
        """
        words, claim = _read(self.text)
        try:
            found = claim(words, _Shown(decoding, path, place, counts))
        except _NothingToMeasureError as error:
            found = str(error)
        return None if found is None else f"expected {safe_line(self.text)}, but {found}"


class _NothingToMeasureError(Exception):
    """The claim is about a token or a rank that the model did not list, or an answer that is not there."""


@dataclass(frozen=True)
class _Shown:
    """What claims are about; see :meth:`Expectation.failure`."""

    decoding: Decoding
    path: PathDecoding | None
    place: int
    counts: Counts | None

    @property
    def samples(self) -> Counts:
        if self.counts is None:
            raise _NothingToMeasureError("no tokens of this setting were sampled together")
        return self.counts

    @property
    def answer(self) -> PathDecoding:
        if self.path is None or not self.path.steps:
            raise _NothingToMeasureError("no answer is written")
        return self.path


_Words = Mapping[str, str]
"""The parts of an expectation, by the names of its form's groups; without those that it leaves out."""

_Claim = Callable[[_Words, _Shown], "str | None"]
"""Says what was found instead, None if the claim holds."""

_Measure = Callable[[_Words, _Shown], "Interval"]


def _number(measure: _Measure, *, whole: bool = False) -> _Claim:
    """Return the claim that what is measured is at least, at most, about or exactly a number.

    ``whole``: it is counted, so it has no digits after the point.
    """

    def claim(words: _Words, shown: _Shown) -> str | None:
        found = measure(words, shown)
        percent = words.get("unit") == "%"
        low, middle, high = (_decimal(value, percent) for value in (found.low, found.estimate, found.high))
        asked, how = Decimal(words["number"]), words.get("how", "exactly").lower()
        decimals = len(words["number"].partition(".")[2])
        half = Decimal("0.5").scaleb(-decimals)
        holds = {
            "at least": low >= asked,
            "at most": high <= asked,
            "about": abs(middle - asked) <= half,
            "exactly": low == high == asked,
        }
        if holds[how]:
            return None
        places = 0 if whole else decimals + 1
        unit = f" {words['unit']}" if "unit" in words else ""
        if low == high:
            return f"it is {_digits(low, places, asked)}{unit}"
        ends = _digits(low, places, asked, ROUND_FLOOR), _digits(high, places, asked, ROUND_CEILING)
        bounds = f"between {ends[0]} and {ends[1]}{unit}" if high.is_finite() else f"at least {ends[0]}{unit}"
        if how == "about":
            return f"its estimate is {_digits(middle, places, asked)}{unit}, and it is {bounds}"
        return f"it is {bounds}"

    return claim


def _token(words: _Words, shown: _Shown) -> Interval:
    index = _index(words["token"], shown.decoding)
    return _stage(words, shown).first(index + 1)[index]


def _beyond(words: _Words, shown: _Shown) -> Interval:
    decoding = shown.decoding
    listed = len(decoding.distribution)
    rank = int(words.get("rank", listed))
    if rank > listed and not decoding.distribution.complete:
        raise _NothingToMeasureError(f"the model listed only {listed} tokens")
    return _stage(words, shown).beyond(min(rank, listed))


def _stage(words: _Words, shown: _Shown) -> Stage:
    decoding = shown.decoding
    stages = {"in the model": decoding.model, "after temperature": decoding.after_temperature}
    return stages.get(words.get("stage", "").lower(), decoding.after_cut)


def _fate(words: _Words, shown: _Shown) -> str | None:
    kept = shown.decoding.kept(_index(words["token"], shown.decoding))
    if kept == {"kept": "yes", "cut": "no"}[words["fate"].lower()]:
        return None
    return {"yes": "it is kept", "no": "it is cut", "maybe": "whether it is kept is not known"}[kept]


def _above(words: _Words, shown: _Shown) -> str | None:
    decoding = shown.decoding
    first, second = (_index(words[name], decoding) for name in ("token", "other"))
    logprobs = decoding.distribution.logprobs
    if logprobs[first] > logprobs[second]:
        return None
    found = decoding.model.first(max(first, second) + 1).estimate
    ends = [_decimal(float(found[index]), True) for index in (first, second)]
    return f"they are {_digits(ends[0], 1, ends[1])} % and {_digits(ends[1], 1, ends[0])} %"


def _listed(words: _Words, shown: _Shown) -> None:
    _index(words["token"], shown.decoding)


def _certainty(words: _Words, shown: _Shown) -> str | None:
    exact = shown.decoding.exact
    if exact == (words["certainty"].lower() == "exact"):
        return None
    return "every number is exact" if exact else "some numbers are known only as ranges"


def _exactly(count: int) -> Interval:
    from softmax_visualizer.decoding import Interval

    return Interval.point(count)


def _answer(words: _Words, shown: _Shown) -> Interval:
    from softmax_visualizer.decoding import Interval

    path = shown.answer
    if words["unit"] == "%":
        return path.path_probability
    bits = path.log2_probability
    # not -0.0
    return Interval.around(0.0 - bits.high, 0.0 - bits.estimate, 0.0 - bits.low)


def _answer_fate(words: _Words, shown: _Shown) -> str | None:
    path = shown.answer
    if path.forbidden is not None:
        at = path.forbidden
        name = label(path.steps[at].token.text, path.steps[at].token.raw, LONGEST)
        return None if words["fate"].lower() == "cut" else f"token {at + 1}, {name}, is cut"
    if "maybe" in path.kept:
        return "whether all of it is kept is not known"
    return None if words["fate"].lower() == "kept" else "all of it is kept"


def _beginning(words: _Words, shown: _Shown) -> str | None:
    text = text_of(step.token for step in shown.answer.steps)
    begins, found = (safe_line(each.rstrip(" ")).removeprefix("␣") for each in (words["text"], text))
    return None if found.startswith(begins) else f'it begins "{safe_line(found, len(begins) + 1)}"'


def _came(words: _Words, shown: _Shown) -> Interval:
    index = _index(words["token"], shown.decoding)
    return _exactly(dict(shown.samples.tokens).get(index, 0))


def _agreement(words: _Words, shown: _Shown) -> str | None:
    from softmax_visualizer.decoding.agreement import agreements

    decoding = shown.decoding
    (test,) = agreements(decoding.distribution, shown.samples, (decoding.settings,))
    wanted = words["verdict"].lower() + "s"
    return None if test.verdict == wanted else f"the verdict is: {test.verdict} (p = {test.p_value.high:.2g})"


_TOKEN = r'"(?P<token>(?:(?!"\s).)+)"'
_STAGE = r"(?:\s+(?P<stage>in the model|after temperature))?"
_AMOUNT = r"\s+(?P<how>at least|at most|about)\s+(?P<number>[0-9]{1,9}(?:\.[0-9]{1,9})?)\s*"

_COUNT = r"(?P<number>[0-9]{1,9})"

_MEASURED: tuple[tuple[str, str, _Measure], ...] = (
    (rf"{_TOKEN}{_STAGE}", "(?P<unit>%)", _token),
    (rf"(?:unseen|beyond\s+(?P<rank>[0-9]{{1,9}})){_STAGE}", "(?P<unit>%)", _beyond),
    (rf"entropy{_STAGE}", "(?P<unit>bits?)", lambda words, shown: _stage(words, shown).entropy),
    (rf"perplexity{_STAGE}", "", lambda words, shown: _stage(words, shown).effective_tokens),
    ("cut", "(?P<unit>%)", lambda _, shown: shown.decoding.cut_mass),
)
"""What is measured of a decoding, the unit that follows the number, and how it is found."""


def _kept(_: _Words, shown: _Shown) -> Interval:
    return shown.decoding.after_cut.kept_tokens


_FORMS: tuple[tuple[re.Pattern[str], _Claim], ...] = tuple(
    (re.compile(form, re.IGNORECASE | re.ASCII), claim)
    for form, claim in (
        *((rf"{form}{_AMOUNT}{unit}", _number(measure)) for form, unit, measure in _MEASURED),
        (r"kept(?:\s+(?P<how>at least|at most))?\s+(?P<number>[0-9]{1,9})", _number(_kept, whole=True)),
        (rf"{_TOKEN}\s+(?P<fate>kept|cut)", _fate),
        (rf"{_TOKEN}\s+listed", _listed),
        (rf'{_TOKEN}\s+above\s+"(?P<other>(?:(?!"\s).)+)"', _above),
        (r"(?P<certainty>exact|bounds)", _certainty),
        (rf"answer{_AMOUNT}(?P<unit>%|bits?)", _number(_answer)),
        (r"answer\s+(?P<fate>kept|cut)", _answer_fate),
        (r'answer\s+begins\s+"(?P<text>.+)"', _beginning),
        (
            rf"answer\s+of\s+{_COUNT}\s+tokens?",
            _number(lambda _, shown: _exactly(len(shown.answer.steps)), whole=True),
        ),
        (
            rf"greedy\s+{_COUNT}",
            _number(lambda _, shown: _exactly(shown.answer.greedy_steps), whole=True),
        ),
        (
            rf"samples\s+of\s+{_COUNT}",
            _number(lambda _, shown: _exactly(shown.samples.total), whole=True),
        ),
        (
            rf"{_TOKEN}\s+came\s+(?:(?P<how>at least|at most)\s+)?{_COUNT}\s+times?",
            _number(_came, whole=True),
        ),
        (r"samples\s+(?P<verdict>agree|differ)", _agreement),
        (rf"at\s+token\s+{_COUNT}", _number(lambda _, shown: _exactly(shown.place + 1), whole=True)),
    )
)


_MEASURES = tuple(
    (re.compile(form, re.IGNORECASE | re.ASCII), measure)
    for form, measure in (*((form, measure) for form, _, measure in _MEASURED), ("kept", _kept))
)


@dataclass(frozen=True)
class Measure:
    """A number that a decoding has, as expectations name it: ``entropy``, ``"lazy" in the model``."""

    text: str

    @classmethod
    def parse(cls, text: str) -> Measure:
        """Return the measure that a text names.

        Raises:
            LessonError: it names none.
        """
        _measure(text)
        return cls(text)

    def of(self, decoding: Decoding) -> Interval | None:
        """Return the number; None if it is about a token or a rank that the model did not list."""
        words, measure = _measure(self.text)
        try:
            return measure(words, _Shown(decoding, None, 0, None))
        except _NothingToMeasureError:
            return None


def _measure(text: str) -> tuple[_Words, _Measure]:
    if len(text) <= LONGEST:
        for form, measure in _MEASURES:
            if found := form.fullmatch(text.strip()):
                return {name: word for name, word in found.groupdict().items() if word is not None}, measure
    shown = safe_line(text, 80)
    raise LessonError(
        f"{shown} is not a number that can be predicted.{_nearest_words(text)} It can be {MEASURABLE}."
    )


def _nearest_words(text: str) -> str:
    """Ask whether known words are meant by the first one that is not known, outside of tokens and numbers."""
    known = re.findall("[a-z]+", re.sub('"[^"]*"', "", FORMS.partition(" Any number")[0]).lower())
    known += ["in", "the", "model", "after", "temperature"]
    words = re.findall("[A-Za-z]+", re.sub(_TOKEN, "", text[:LONGEST]))
    return next((did_you_mean(word, known) for word in words if word.lower() not in known), "")


def _read(text: str) -> tuple[_Words, _Claim]:
    if len(text) <= LONGEST:
        for form, claim in _FORMS:
            if found := form.fullmatch(text.strip()):
                return {name: word for name, word in found.groupdict().items() if word is not None}, claim
    shown = safe_line(text, 80)
    raise LessonError(f"{shown} is not an expectation.{_nearest_words(text)} The forms are: {FORMS}.")


def _index(name: str, decoding: Decoding) -> int:
    """Return the index of the most likely listed token of that name."""
    distribution = decoding.distribution
    tokens = map(distribution.token, range(len(distribution)))
    index = place_of(name, (label(token.text, token.bytes, LONGEST) for token in tokens), LONGEST)
    if index is None:
        raise _NothingToMeasureError(f'"{safe_line(name)}" is not among the tokens that the model listed')
    return index


def _decimal(value: float, percent: bool) -> Decimal:
    exact = Decimal(f"{value:.12g}")
    if not percent:
        return exact
    # a probability is never rounded to a certainty that it is not
    return (Decimal(value) if exact == 1 and value < 1 else exact).scaleb(2)


def _digits(value: Decimal, places: int, asked: Decimal, rounding: str = ROUND_HALF_EVEN) -> str:
    """Return the value with so many decimals, or as many as it takes to tell it from what was asked."""
    if not value.is_finite():
        return "∞"
    for decimals in range(places, 16):
        rounded = value.quantize(Decimal(1).scaleb(-decimals), rounding)
        if rounded == value or rounded not in (asked, 0, 100):
            return f"{rounded:,f}"
    return f"{value:.3g}"
