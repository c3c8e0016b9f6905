"""A server's own samples: asked over HTTP, counted, and told what its decoder does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from misbehaving_server import Answer, MisbehavingServer
from sampling_server import Sampler, serving
from softmax_visualizer.cli import main
from softmax_visualizer.decoding import DecodingSettings
from softmax_visualizer.decoding.sampling import Counts
from softmax_visualizer.models import sampling
from softmax_visualizer.models.base import ModelError
from softmax_visualizer.models.bundled import BundledModel
from softmax_visualizer.models.configuration import Configuration
from softmax_visualizer.models.openai_compatible import OpenAICompatibleModel

HOT = DecodingSettings(1.5, 0.8)
MODELS = Answer({"data": [{"id": "m"}]})
LLAMA = Answer({"data": [{"id": "m", "owned_by": "llamacpp"}]})

pytestmark = pytest.mark.usefixtures("here")


def body_of(run: pytest.CaptureFixture[str]) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(run.readouterr().out, parse_constant=pytest.fail)
    return record


async def taken(server: MisbehavingServer, count: int, *, defaults: bool = False) -> tuple[Counts, str]:
    """Return the samples of a server, and why there are no more of them."""
    model = OpenAICompatibleModel(Configuration(base_url=server.url, model="m", top_logprobs=200))
    counts, failure = Counts(), ""
    try:
        answer = await model.ask("a prompt")
        async for came in model.samples(answer, HOT, count, defaults=defaults):
            counts += came
    except ModelError as error:
        failure = str(error)
    finally:
        await model.close()
    return counts, failure


def sample(server: MisbehavingServer, *arguments: str) -> int:
    own = ("--base-url", server.url, "--model", "m", "--top-logprobs", "200")
    return main(["sample", "a prompt", "-t", "1.5", "-p", "0.8", *own, *arguments])


def nameless(body: dict[str, Any]) -> dict[str, Any]:
    """The answer of a server that does not say what it sampled."""
    answer = serving(Sampler(), takes_n=False)(body)
    if body["temperature"] == 1.5:
        answer["choices"][0]["logprobs"] = {"content": []}
    return answer


# --- what is found out ---


@pytest.mark.parametrize(
    ("sampler", "verdicts", "fits"),
    [
        (Sampler("temperature-first"), ["agrees", "differs"], None),
        (Sampler("temperature-last"), ["differs", "agrees"], None),
        (Sampler(ignores_temperature=True), ["differs", "differs"], {"temperature": 1.0}),
        (Sampler("temperature-last", min_p=0.05), ["differs", "differs"], {"min_p": 0.05}),
        (Sampler("temperature-last", top_k=40), ["differs", "differs"], {"top_k": 40}),
    ],
    ids=["temperature first", "temperature last", "temperature ignored", "min-p unasked", "top-k unasked"],
)
def test_a_servers_samples_tell_what_its_decoder_does(
    sampler: Sampler,
    verdicts: list[str],
    fits: dict[str, Any] | None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with MisbehavingServer(Answer(serving(sampler)), models=MODELS) as server:
        assert sample(server, "-n", "800", "--from", "server", "--format", "json") == 0
    record = body_of(capsys)
    assert (record["by"], record["samples"], record["seed"]) == ("server", 800, None)
    assert [test["verdict"] for test in record["tests"]] == verdicts
    assert bool(record["fits"]) == (fits is not None)
    if fits is not None:
        assert any(fits.items() <= fit["settings"].items() for fit in record["fits"])
    came = sum(token["count"] for token in record["tokens"]) + record["rest"]["count"]
    expected = sum(token["expected"]["estimate"] for token in record["tokens"])
    assert came == 800
    assert expected + record["rest"]["expected"]["estimate"] == pytest.approx(800)


def test_a_list_that_is_short_has_the_others_as_its_rest(capsys: pytest.CaptureFixture[str]) -> None:
    with MisbehavingServer(Answer(serving(Sampler(), listed=10)), models=MODELS) as server:
        sample(server, "-n", "400", "--from", "server", "--format", "json", "--vocabulary-size", "200")
    record = body_of(capsys)
    assert len(record["tokens"]) == 10
    assert record["rest"]["count"] > 50
    assert record["tests"][0]["verdict"] != "differs"


def test_check_tells_the_decoder_too(capsys: pytest.CaptureFixture[str]) -> None:
    decoder = Sampler("temperature-last", top_k=40)
    with MisbehavingServer(Answer(serving(decoder)), models=LLAMA) as server:
        own = ("--base-url", server.url, "--model", "m", "--top-logprobs", "200")
        assert main(["check", *own, "--samples", "800"]) == 0
    out = capsys.readouterr().out
    off, on = out[out.index("its cuts off") :].split("its cuts on")
    assert "temperature last: agrees" in off
    assert "what fits best: T 1.50, top-p 0.80, top-k 40, temperature last" in on


# --- how it is asked ---


async def test_a_server_that_takes_n_is_asked_for_many_at_once() -> None:
    with MisbehavingServer(Answer(serving(Sampler())), models=MODELS) as server:
        counts, failure = await taken(server, 100)
    assert (counts.total, failure) == (100, "")
    bodies = [each.body for each in server.asked[1:]]
    assert {body["n"] for body in bodies} <= {16, 4}
    assert sum(body["n"] for body in bodies) == 100
    assert all((body["temperature"], body["top_p"], body["top_logprobs"]) == (1.5, 0.8, 1) for body in bodies)


async def test_one_that_gives_a_single_choice_is_asked_one_by_one() -> None:
    with MisbehavingServer(Answer(serving(Sampler(), takes_n=False)), models=MODELS) as server:
        counts, failure = await taken(server, 30)
    assert (counts.total, failure) == (30, "")
    assert len(server.asked) == 31


async def test_one_that_refuses_n_is_asked_one_by_one() -> None:
    usual = serving(Sampler())
    refusal = Answer({"error": {"message": "Field 'n': must be 1"}}, status=400)
    answers = [Answer(usual), refusal, refusal, Answer(usual)]
    with MisbehavingServer(*answers, models=MODELS) as server:
        counts, failure = await taken(server, 30)
    assert (counts.total, failure) == (30, "")
    assert all("n" not in each.body for each in server.asked[3:])


@pytest.mark.parametrize(("models", "sent"), [(LLAMA, {"top_k": 0, "min_p": 0.0}), (MODELS, {})])
async def test_cuts_of_an_engines_own_are_switched_off_where_it_is_known(
    models: Answer, sent: dict[str, Any]
) -> None:
    with MisbehavingServer(Answer(serving(Sampler())), models=models) as server:
        await taken(server, 16)
        await taken(server, 16, defaults=True)
    off, on = [each.body for each in server.asked if "n" in each.body]
    assert {name: off[name] for name in ("top_k", "min_p") if name in off} == sent
    assert not {"top_k", "min_p"} & on.keys()


async def test_a_limit_of_the_rate_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    async def pause(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(sampling.asyncio, "sleep", pause)
    usual = serving(Sampler())
    limited = Answer({"error": {"message": "slow down"}}, status=429, headers={"Retry-After": "7"})
    with MisbehavingServer(
        Answer(usual), Answer(usual), limited, limited, Answer(usual), models=MODELS
    ) as server:
        counts, failure = await taken(server, 60)
    assert (counts.total, failure) == (60, "")
    # the client's own waits are of no time
    assert {each for each in waited if each} == {7.0}


async def test_a_limit_that_never_ends_is_given_up_and_what_came_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sampling, "LONGEST_WAIT", 0.0)
    usual = serving(Sampler())
    limited = Answer({"error": {"message": "slow down"}}, status=429, headers={"Retry-After": "9999"})
    with MisbehavingServer(Answer(usual), Answer(usual), limited, models=MODELS) as server:
        counts, failure = await taken(server, 60)
    assert counts.total == 16
    assert "slow down" in failure


async def test_a_server_that_fails_half_way_leaves_what_came() -> None:
    usual = serving(Sampler())
    broken = Answer({"error": {"message": "out of memory"}}, status=500)
    with MisbehavingServer(Answer(usual), Answer(usual), broken, models=MODELS) as server:
        counts, failure = await taken(server, 60)
    assert counts.total == 16
    assert "out of memory" in failure


def test_what_came_is_printed_where_a_server_fails_half_way(capsys: pytest.CaptureFixture[str]) -> None:
    usual = serving(Sampler())
    broken = Answer({"error": {"message": "out of memory"}}, status=500)
    with MisbehavingServer(Answer(usual), Answer(usual), broken, models=MODELS) as server:
        assert sample(server, "-n", "60", "--from", "server") == 1
    found = capsys.readouterr()
    assert "Samples 16 by the server" in found.out
    assert "16 of 60 samples came." in found.err
    assert "out of memory" in found.err


async def test_a_sample_that_is_not_named_is_counted_apart() -> None:
    with MisbehavingServer(Answer(nameless), models=MODELS) as server:
        counts, _ = await taken(server, 5)
    assert (counts.total, counts.untold) == (0, 5)


async def test_a_sample_that_ends_the_text_is_the_listed_token_that_does() -> None:
    logits = {"": 1.0, " a": 0.5, " b": 0.0}
    usual = serving(Sampler(logits=logits), listed=3, takes_n=False)

    def ending(body: dict[str, Any]) -> dict[str, Any]:
        answer = usual(body)
        if body["temperature"] == 1.5:
            return {"model": "m", "choices": [{"finish_reason": "stop", "message": {"content": ""}}]}
        return answer

    with MisbehavingServer(Answer(ending), models=MODELS) as server:
        counts, _ = await taken(server, 3)
    assert counts == Counts(((0, 3),))


async def test_tokens_that_spell_the_same_and_have_no_numbers_have_no_part_in_the_counts() -> None:
    logits = {"\ufffd": 0.9, " a": 0.5, " b": 0.0}
    usual = serving(Sampler(logits=logits), listed=3, takes_n=False)
    with MisbehavingServer(Answer(usual), models=MODELS) as server:
        counts, _ = await taken(server, 60)
    assert counts.untold > 0
    assert {index for index, _ in counts.tokens} <= {1, 2}


async def test_an_end_of_the_text_by_a_name_that_nobody_knows_is_still_that_token() -> None:
    logits = {" a": 1.0, "<|custom_end|>": 0.5, " b": 0.0}
    usual = serving(Sampler(logits=logits), listed=3, takes_n=False)

    def ending(body: dict[str, Any]) -> dict[str, Any]:
        if body["temperature"] == 1.5:
            return {"model": "m", "choices": [{"finish_reason": "stop", "message": {"content": ""}}]}
        return usual(body)

    with MisbehavingServer(Answer(ending), models=MODELS) as server:
        counts, _ = await taken(server, 3)
    assert counts == Counts(((1, 3),))


async def test_half_a_character_that_is_sampled_first_is_asked_for_again() -> None:
    usual = serving(Sampler())
    half = {"choices": [{"finish_reason": "length", "message": {"content": "\ufffd"}, "logprobs": None}]}
    with MisbehavingServer(Answer(half), Answer(usual), models=MODELS) as server:
        model = OpenAICompatibleModel(Configuration(base_url=server.url, model="m"))
        answer = await model.ask("a prompt")
        await model.close()
    assert len(answer.distribution) == 20
    # the very same request, since only the sample was at fault
    assert server.asked[0].body == server.asked[1].body


def test_a_check_says_what_it_found_where_sampling_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    usual = serving(Sampler())

    def refusing(body: dict[str, Any]) -> dict[str, Any]:
        if body["temperature"] == 1.5:
            return {"error": {"message": "temperature must be 1"}}
        return usual(body)

    with MisbehavingServer(Answer(refusing), models=MODELS) as server:
        assert main(["check", "--base-url", server.url, "--model", "m", "--samples", "100"]) == 0
    out = capsys.readouterr().out
    assert "log-probabilities  20 of the 20 asked for" in out
    assert "its cuts off       no samples: " in out


def test_samples_of_which_none_is_named_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with MisbehavingServer(Answer(nameless), models=MODELS) as server:
        assert sample(server, "-n", "5", "--from", "server") == 2
    assert "did not say which tokens it sampled" in capsys.readouterr().err


# --- what is refused ---


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-n", "0"], "-n must be 1 or more"),
        (["-n", "1000000000"], "-n must be 1,000,000 or less"),
        (["-n", "many"], "-n must be a whole number"),
        (["-n", "20000", "--from", "server"], "-n must be 10,000 or less"),
        (["--server-defaults"], "add --from server"),
        (["--from", "nobody"], "--from cannot be 'nobody'"),
    ],
)
def test_wrong_numbers_get_a_sentence(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sample", "a prompt", "--model", "bundled", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_the_bundled_model_has_no_decoder_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sample", "a prompt", "--model", "bundled", "--from", "server"]) == 2
    assert "This is no server" in capsys.readouterr().err
    with pytest.raises(ModelError, match="This is no server"):
        BundledModel().samples(None, HOT, 1)  # type: ignore[arg-type]


def test_secrets_of_a_server_stay_out(capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-this-test-0123456789")
    usual = serving(Sampler())
    said = Answer({"error": {"message": "the key sk-of-this-test-0123456789 is used up"}}, status=500)
    with MisbehavingServer(Answer(usual), Answer(usual), said, models=MODELS) as server:
        assert sample(server, "-n", "60", "--from", "server") == 1
    found = capsys.readouterr()
    assert "0123456789" not in found.out + found.err


# --- what is printed ---


def test_the_programs_samples_are_the_same_for_a_seed(capsys: pytest.CaptureFixture[str]) -> None:
    printed = []
    for seed in ("1", "1", "2"):
        arguments = [
            "sample",
            "She opened the",
            "--model",
            "bundled",
            "-n",
            "1000",
            "-t",
            "1.5",
            "--seed",
            seed,
        ]
        assert main([*arguments, "--format", "json"]) == 0
        printed.append(body_of(capsys))
    assert printed[0] == printed[1] != printed[2]
    assert (printed[0]["by"], printed[0]["seed"], printed[0]["samples"]) == ("program", 1, 1000)
    assert printed[0]["schema"] == "softmax-visualizer/samples/1"


def test_text_and_csv_hold_the_counts(capsys: pytest.CaptureFixture[str]) -> None:
    own = ["sample", "She opened the", "--model", "bundled", "-n", "100", "--top", "3"]
    assert main(own) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[3] == "Samples 100 by the program, seed 1"
    assert any(line.startswith(" ␣door") for line in lines)
    assert lines[-1].startswith("Either order: agrees (p = ")
    assert main([*own, "--format", "csv"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert rows[0] == "text,bytes,count,expected_low,expected_estimate,expected_high"
    assert sum(int(row.split(",")[2]) for row in rows[1:]) == 100
