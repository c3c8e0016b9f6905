"""The cuts agree with what the real samplers of Hugging Face transformers and llama.cpp keep.

``data/oracle`` is a part of the numbers that those engines computed; with the project's shared folder beside
the repository, all of them are compared.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from softmax_visualizer.decoding import DecodingSettings, SettingsError, TokenDistribution, decode

PART = Path(__file__).parent / "data" / "oracle" / "samplers.json"
OURS = {"temperature", "top_k", "top_p", "min_p", "min_tokens_to_keep"}


def check_all(path: Path) -> dict[str, int]:
    content = json.loads(path.read_text())
    counts = {"checked": 0, "refused": 0, "skipped": 0, "llama": 0}
    for case in content["cases"]:
        params = dict(case["params"])
        keep = params.pop("min_tokens_to_keep", 1)
        # a least number of kept tokens is not a setting here; it matters only where fewer would be kept
        if not set(params) <= OURS or keep > 1:
            counts["skipped"] += 1
            continue
        if case.get("nan"):
            counts["refused"] += 1
            continue
        if "error" in case:
            if params.get("temperature") == 0:
                check_greedy(case)
            elif not is_off(params):
                with pytest.raises(SettingsError):
                    DecodingSettings(**params)
            counts["refused"] += 1
            continue
        if params.get("top_p") == 1.0 and case.get("fragile"):
            # at p = 1 engines switch top-p off, though its class would drop what underflows to 0
            counts["skipped"] += 1
            continue
        if case["kind"] == "large":
            check_large(case, params)
        else:
            check_case(case, params)
        counts["checked"] += 1
        # llama.cpp divides by T in float32, whose steps show where T is a millionth
        if "llama_order_probs" in case and params.get("temperature", 1.0) > 1e-5:
            check_llama_order(case, params)
            counts["llama"] += 1
    return counts


def is_off(params: dict[str, Any]) -> bool:
    """Values that the engines' classes refuse because there they mean "off"."""
    return all(
        value == {"temperature": 1.0, "top_p": 1.0, "min_p": 0.0}.get(name) for name, value in params.items()
    )


def final(logits: list[Any], order: str, params: dict[str, Any]) -> tuple[list[int], dict[int, float]]:
    values = [float(value) for value in logits]
    distribution = TokenDistribution.from_logits([str(index) for index in range(len(values))], values)
    decoding = decode(distribution, DecodingSettings(**params, order=order))  # type: ignore[arg-type]
    assert decoding.exact
    probabilities = decoding.after_cut.probabilities
    kept = [rank for rank in range(len(distribution)) if decoding.kept(rank) == "yes"]
    by_id = {int(distribution.token(rank).text): float(probabilities.low[rank]) for rank in kept}
    return sorted(by_id), by_id


def check_case(case: dict[str, Any], params: dict[str, Any]) -> None:
    kept, probabilities = final(case["logits"], "temperature-first", params)
    expected = dict(zip(case["kept"], case["probs"], strict=True))
    if case.get("fragile") and len(kept) == len(case.get("kept_f32", [])) != len(case["kept"]):
        return
    if case.get("tie_split"):
        np.testing.assert_allclose(
            sorted(probabilities.values()), sorted(case["probs"]), rtol=1e-6, err_msg=case["id"]
        )
        return
    assert kept == case["kept"], case["id"]
    for token, probability in expected.items():
        assert probabilities[token] == pytest.approx(probability, abs=1e-6), case["id"]


def check_llama_order(case: dict[str, Any], params: dict[str, Any]) -> None:
    _, probabilities = final(case["logits"], "temperature-last", params)
    ours, theirs = sorted(probabilities.values()), sorted(case["llama_order_probs"])
    if case.get("fragile") and len(ours) != len(theirs):
        return
    np.testing.assert_allclose(ours, theirs, atol=2e-3, err_msg=case["id"])


def check_greedy(case: dict[str, Any]) -> None:
    kept, probabilities = final(case["logits"], "temperature-first", {"temperature": 0.0})
    assert kept == case["greedy_ties"], case["id"]
    assert set(probabilities.values()) == {1 / len(kept)}


def splitmix64(seed: int, index: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        z = np.uint64(seed) * np.uint64(0xD1342543DE82EF95) + index * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def check_large(case: dict[str, Any], params: dict[str, Any]) -> None:
    generator = case["generator"]
    index = np.arange(1, generator["V"] + 1, dtype=np.uint64)
    uniforms = [
        (splitmix64(generator["seed"] * 10 + j, index) >> np.uint64(40)).astype(np.float64) / 2**24
        for j in range(4)
    ]
    logits = ((sum(uniforms) - 2) * generator["scale"]).astype(np.float32)
    for position, value in generator["boost"]:
        logits[position] = value
    assert hashlib.sha256(logits.astype("<f4").tobytes()).hexdigest() == case["logits_sha256"]
    kept, probabilities = final(logits.tolist(), "temperature-first", params)
    if not (case.get("fragile") and len(kept) == case["n_kept_f32"]):
        assert len(kept) == case["n_kept"], case["id"]
        digest = hashlib.sha256(np.array(kept, dtype="<i4").tobytes()).hexdigest()
        assert digest == case["kept_sha256"], case["id"]
    for token, probability in zip(case["top20"], case["top20_probs"], strict=True):
        assert probabilities[token] == pytest.approx(probability, abs=1e-6)


def test_the_cuts_keep_what_the_engines_keep(capsys: pytest.CaptureFixture[str]) -> None:
    counts = check_all(PART)
    with capsys.disabled():
        print(f"\n  samplers (part): {counts}")
    assert counts["checked"] > 40
    assert counts["llama"] > 20


@pytest.mark.shared
def test_the_cuts_keep_what_the_engines_keep_in_every_case(
    shared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = check_all(shared / "oracle" / "samplers.json")
    with capsys.disabled():
        print(f"\n  samplers (all): {counts}")
    assert counts["checked"] > 200


def test_llama_cpps_own_sampler_tests_hold() -> None:
    """The steps of llama.cpp's tests/test-sampling.cpp that are cuts of ours, run one after the other."""
    checked = 0
    for vector in json.loads(PART.read_text())["llama_cpp_test_vectors"]:
        names = [step[0] for step in vector["steps"]]
        if len(names) != 1 or names[0] not in ("top_k", "top_p", "min_p", "temperature"):
            continue
        (name, value, *_) = vector["steps"][0]
        if name == "min_p" and value > 1:
            continue
        with np.errstate(divide="ignore"):
            logits = np.log(np.array(vector["probs_in"]))
        params = {name: int(value) if name == "top_k" else float(value)}
        _, probabilities = final(logits.tolist(), "temperature-last", params)
        np.testing.assert_allclose(
            sorted(probabilities.values()), sorted(vector["expected_in_file"]), rtol=1e-3, atol=1e-5
        )
        checked += 1
    assert checked >= 9
