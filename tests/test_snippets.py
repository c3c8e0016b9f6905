"""The request as code to paste: it is run here, and what arrives at a server is what was chosen."""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misbehaving_server import Answer, Asked, MisbehavingServer
from softmax_visualizer.decoding import DecodingSettings
from softmax_visualizer.display.snippets import snippets
from softmax_visualizer.models.base import Framing
from softmax_visualizer.models.configuration import OPENAI_BASE_URL, Configuration
from softmax_visualizer.models.continuing import CONTINUE
from softmax_visualizer.models.openai_compatible import OpenAICompatibleModel
from terminal import fresh_environment

HOSTILE = {
    "quotes": """It's "so" '''so''' \"""so\""" and '"'"' so""",
    "newlines": "one\ntwo\r\n\tthree\n\nEOF\n",
    "substitutions": "$(touch owned) `touch owned` ${HOME} $OPENAI_API_KEY <(touch owned) ; touch owned #",
    "history": 'Hi!! it\'s !1 and !touch "!x" ^a^b',
    "scripts": "日本語 👨‍👩‍👧 e\u0301 \u202eabc \u2028 \x9b \x1b[31m \x00 \x7f {x} %s \\n \\",
    "an option": "--help @/etc/passwd",
}
EVERYTHING = "\n".join(HOSTILE.values())

SETTINGS = DecodingSettings(0.7, 0.9, 40, 0.05)

FINE = Answer(
    {
        "id": "1",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "fine"}, "text": "fine"}],
    }
)
"""An answer to a chat and to a bare completion alike."""


@pytest.fixture
def server() -> Iterator[MisbehavingServer]:
    with MisbehavingServer(FINE) as server:
        yield server


def request_for(url: str | None, prompt: str, framing: Framing = "answer") -> Mapping[str, Any]:
    """What this program itself sends."""
    return OpenAICompatibleModel(Configuration(base_url=url, model="m", framing=framing)).request(prompt)


def run(home: Path, *command: str, text: str = "", **environment: str) -> subprocess.CompletedProcess[bytes]:
    environment = {"OPENAI_API_KEY": "test", **environment}
    done = subprocess.run(
        command,
        input=text.encode(),
        capture_output=True,
        env=fresh_environment(home, **environment),
        cwd=home,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert not (home / "owned").exists()
    return done


def run_python(code: str, home: Path, **environment: str) -> str:
    (home / "pasted.py").write_text(code, "utf-8")
    return run(home, sys.executable, "pasted.py", **environment).stdout.decode()


def run_bash(code: str, home: Path) -> dict[str, Any]:
    (home / "pasted.sh").write_text(code, "utf-8")
    answer: dict[str, Any] = json.loads(run(home, "bash", "pasted.sh").stdout)
    return answer


def only_request(server: MisbehavingServer) -> Asked:
    (asked,) = server.asked
    assert asked.headers["authorization"] == "Bearer test"
    assert asked.headers["content-type"] == "application/json"
    return asked


def arguments_of(code: str) -> dict[str, Any]:
    """The arguments of the call that asks, without running it."""
    calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    (asking,) = (call for call in calls if ast.unparse(call.func).endswith(".create"))
    return {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in asking.keywords}


def comments_of(code: str) -> str:
    return "\n".join(line for line in code.splitlines() if line.startswith("#"))


needs_curl = pytest.mark.skipif(
    not (shutil.which("curl") and shutil.which("bash")), reason="curl or bash is not installed"
)


def test_there_are_three_forms_in_this_order() -> None:
    assert list(snippets({}, None, "Hi", DecodingSettings())) == ["Python", "curl", "JSON"]


# --- run for real ---

BODIES: dict[Framing, dict[str, Any]] = {
    "answer": {"messages": [{"role": "user", "content": EVERYTHING}]},
    "continue": {
        "messages": [{"role": "system", "content": CONTINUE}, {"role": "user", "content": EVERYTHING}]
    },
    "raw": {"prompt": EVERYTHING},
}
CHOSEN = {"temperature": 0.7, "top_p": 0.9, "top_k": 40, "min_p": 0.05}


@pytest.mark.parametrize("framing", BODIES)
def test_python_asks_what_was_asked_with_the_chosen_settings(
    server: MisbehavingServer, tmp_path: Path, framing: Framing
) -> None:
    forms = snippets(request_for(server.url, EVERYTHING, framing), server.url, EVERYTHING, SETTINGS)
    assert run_python(forms["Python"], tmp_path) == "fine\n"
    asked = only_request(server)
    assert asked.path == ("/v1/completions" if framing == "raw" else "/v1/chat/completions")
    assert asked.body == {"model": "m", **BODIES[framing], **CHOSEN}
    assert asked.body == json.loads(forms["JSON"])


@needs_curl
@pytest.mark.parametrize("framing", BODIES)
def test_curl_asks_what_was_asked_with_the_chosen_settings(
    server: MisbehavingServer, tmp_path: Path, framing: Framing
) -> None:
    forms = snippets(request_for(server.url, EVERYTHING, framing), server.url, EVERYTHING, SETTINGS)
    assert run_bash(forms["curl"], tmp_path) == FINE.body
    asked = only_request(server)
    assert asked.path == ("/v1/completions" if framing == "raw" else "/v1/chat/completions")
    assert asked.body == {"model": "m", **BODIES[framing], **CHOSEN}
    assert asked.body == json.loads(forms["JSON"])


@needs_curl
@pytest.mark.parametrize("kind", HOSTILE)
def test_curl_survives_being_pasted_where_bash_expands_its_history(
    server: MisbehavingServer, tmp_path: Path, kind: str
) -> None:
    prompt = HOSTILE[kind]
    code = snippets(request_for(server.url, prompt), server.url, prompt, SETTINGS)["curl"]
    # an interactive bash reads line by line, and looks for ! before it looks for commands
    run(tmp_path, "bash", "--norc", "-i", text=f"set -o history -H\ntrue touch owned\n{code}\nexit 0\n")
    assert only_request(server).body["messages"] == [{"role": "user", "content": prompt}]


def test_python_asks_openai_without_what_it_does_not_know(server: MisbehavingServer, tmp_path: Path) -> None:
    code = snippets(request_for(None, "Hi"), OPENAI_BASE_URL, "Hi", SETTINGS)["Python"]
    assert "OpenAI()" in code
    run_python(code, tmp_path, OPENAI_BASE_URL=server.url)
    message = {"role": "user", "content": "Hi"}
    assert only_request(server).body == {
        "model": "m", "messages": [message], "temperature": 0.7, "top_p": 0.9,
    }  # fmt: skip


@needs_curl
def test_curl_asks_openai_without_what_it_does_not_know(server: MisbehavingServer, tmp_path: Path) -> None:
    code = snippets(request_for(None, "Hi"), OPENAI_BASE_URL, "Hi", SETTINGS)["curl"]
    assert f"curl {OPENAI_BASE_URL}/chat/completions " in code
    run_bash(code.replace(OPENAI_BASE_URL, server.url), tmp_path)
    assert only_request(server).body.keys() == {"model", "messages", "temperature", "top_p"}


def test_python_passes_on_a_field_that_the_package_does_not_know(
    server: MisbehavingServer, tmp_path: Path
) -> None:
    request = request_for(server.url, "Hi")
    request = {**request, "body": {**request["body"], "continue_final_message": True}}
    run_python(snippets(request, server.url, "Hi", DecodingSettings())["Python"], tmp_path)
    assert only_request(server).body["continue_final_message"] is True


def test_the_query_of_the_base_url_is_sent_as_well(server: MisbehavingServer, tmp_path: Path) -> None:
    url = f"{server.url}?api-version=2024-10-21&tag=a%26b"
    forms = snippets(request_for(url, "Hi"), server.url, "Hi", SETTINGS)
    run_python(forms["Python"], tmp_path)
    if shutil.which("curl") and shutil.which("bash"):
        run_bash(forms["curl"], tmp_path)
    for asked in server.asked:
        assert asked.path == "/v1/chat/completions?api-version=2024-10-21&tag=a%26b"


def test_a_secret_in_it_is_left_to_be_filled_in(server: MisbehavingServer) -> None:
    request = request_for(f"{server.url}?api-version=1&code=swordfish-123", "Hi")
    forms = snippets(request, server.url, "Hi", SETTINGS)
    assert "swordfish" not in str(forms)
    assert "api-version=1&code=HIDDEN" in forms["curl"]
    for form in ("Python", "curl"):
        assert "Put your own value into the address, in the place of HIDDEN." in comments_of(forms[form])


def test_it_is_not_sent_to_another_server_than_the_one_that_was_asked() -> None:
    request = request_for("https://one.example/v1?api-version=1", "Hi")
    assert "api-version" not in str(snippets(request, None, "Hi", SETTINGS))


# --- what is asked ---


def test_without_a_request_a_chat_is_put_to_a_model_that_is_still_to_be_named() -> None:
    forms = snippets({}, None, "Hi", SETTINGS)
    assert json.loads(forms["JSON"]) == {
        "model": "your-model",
        "messages": [{"role": "user", "content": "Hi"}],
        "temperature": 0.7,
        "top_p": 0.9,
    }
    assert "OpenAI()" in forms["Python"]
    for form in ("Python", "curl"):
        assert "your-model" in comments_of(forms[form])
    assert "your-model" not in snippets(request_for(None, "Hi"), None, "Hi", SETTINGS)["Python"]


def test_what_is_not_set_is_not_asked_for_but_a_top_p_of_1_is() -> None:
    url = "http://127.0.0.1:8080/v1"
    body = json.loads(snippets(request_for(url, "Hi"), url, "Hi", DecodingSettings())["JSON"])
    assert body.keys() == {"model", "messages", "temperature", "top_p"}
    assert body["temperature"] == body["top_p"] == 1


@pytest.mark.parametrize(
    ("endpoint", "is_openai"),
    [
        (OPENAI_BASE_URL, True),
        ("https://api.openai.com:443/v1", True),
        ("https://API.OpenAI.com/v1", True),
        ("https://eu.api.openai.com/v1", True),
        ("https://api.openai.com", True),
        ("https://api.openai.com.example.org/v1", False),
        ("https://notapi.openai.com/v1", False),
        ("https://example.org/api.openai.com/v1", False),
        ("http://[::1]:8080/v1", False),
    ],
)
def test_only_openai_itself_is_spared_what_it_does_not_know(endpoint: str, is_openai: bool) -> None:
    assert Configuration(base_url=endpoint).is_openai == is_openai
    code = snippets(request_for(endpoint, "Hi"), endpoint, "Hi", SETTINGS)["Python"]
    assert ("extra_body" in arguments_of(code)) != is_openai
    assert (f"base_url={endpoint!r}" in code) == (endpoint != OPENAI_BASE_URL)


def test_what_made_the_model_answer_stays_and_what_read_the_log_probabilities_goes() -> None:
    request = {
        "url": f"{OPENAI_BASE_URL}/chat/completions",
        "body": {
            "model": "m",
            "messages": [{"role": "user", "content": "Hi"}],
            "logprobs": True,
            "top_logprobs": 5,
            "n_probs": 5,
            "max_tokens": 1,
            "max_completion_tokens": 16,
            "stream": False,
            "temperature": 1,
            "top_p": 1,
            "reasoning_effort": "none",
        },
    }
    code = snippets(request, OPENAI_BASE_URL, "Hi", SETTINGS)["Python"]
    assert arguments_of(code) == {
        "model": "m",
        "messages": [{"role": "user", "content": "Hi"}],
        "temperature": 0.7,
        "top_p": 0.9,
        "reasoning_effort": "none",
    }


def test_what_the_server_refused_is_sent_only_where_it_matters_and_then_with_a_warning() -> None:
    request = request_for(None, "Hi")
    body = {name: value for name, value in request["body"].items() if name != "top_p"}
    request = {**request, "body": body}
    without = snippets(request, None, "Hi", DecodingSettings(0.7))
    assert "top_p" not in json.loads(without["JSON"])
    assert "refused" not in without["Python"]
    with_it = snippets(request, None, "Hi", DecodingSettings(0.7, 0.9))
    assert json.loads(with_it["JSON"])["top_p"] == 0.9
    assert "refused top_p" in comments_of(with_it["Python"])
    assert "refused top_p" in comments_of(with_it["curl"])


# --- what the comments say ---


@pytest.mark.parametrize("form", ["Python", "curl"])
def test_comments_name_what_the_request_cannot_say(form: str) -> None:
    def said(endpoint: str | None, settings: DecodingSettings, framing: Framing = "answer") -> str:
        return comments_of(snippets(request_for(endpoint, "Hi", framing), endpoint, "Hi", settings)[form])

    local = "http://127.0.0.1:8080/v1"
    assert "OPENAI_API_KEY" in said(None, DecodingSettings())
    assert "top_k 40, min_p 0.05" in said(None, SETTINGS)
    assert "min_p" not in said(None, DecodingSettings(0.7, 0.9))
    assert "llama.cpp and vLLM: top_k, min_p" in said(local, SETTINGS)
    assert "not set" not in said(local, SETTINGS)
    assert "llama.cpp takes 40 and 0.05" in said(local, DecodingSettings(0.7, 0.9, top_k=40))
    assert "temperature-last" in said(None, DecodingSettings(0.7, 0.9, order="temperature-last"))
    assert "temperature-first" in said(None, DecodingSettings(0.7, 0.9))
    assert "order" not in said(None, DecodingSettings(0.7))
    assert "max_tokens" in said(local, SETTINGS, "raw")
    assert "max_tokens" not in said(local, SETTINGS)


def test_comments_hold_nothing_that_a_shell_which_takes_them_for_commands_would_act_on() -> None:
    refused = {"url": "", "body": {"model": "m", "prompt": "Hi"}}
    for endpoint in (OPENAI_BASE_URL, "http://127.0.0.1:8080/v1"):
        for request in ({}, refused):
            for settings in (SETTINGS, DecodingSettings(0.7, 0.9)):
                comments = comments_of(snippets(request, endpoint, "Hi", settings)["curl"])
                assert re.fullmatch(r"[\w\s#.,:-]+", comments, re.ASCII)


# --- any text, any number ---

any_text = st.text(st.characters(exclude_categories=()))
settings = st.builds(
    DecodingSettings,
    st.floats(0, 1e300),
    st.floats(0, 1),
    st.none() | st.integers(1, 10**6),
    st.floats(0, 1),
)


@given(any_text, any_text, settings, st.sampled_from(["answer", "raw"]))
def test_every_form_gives_back_every_text_and_number(
    prompt: str, model: str, settings: DecodingSettings, framing: Framing
) -> None:
    url = "http://127.0.0.1:8080/v1"
    request = request_for(url, prompt, framing)
    forms = snippets({**request, "body": {**request["body"], "model": model}}, url, prompt, settings)
    text = [{"role": "user", "content": prompt}] if framing == "answer" else prompt
    body = {
        "model": model,
        "messages" if framing == "answer" else "prompt": text,
        "temperature": settings.temperature,
        "top_p": settings.top_p,
        **({"top_k": settings.top_k} if settings.top_k else {}),
        **({"min_p": settings.min_p} if settings.min_p else {}),
    }
    assert json.loads(forms["JSON"]) == body
    words = shlex.split(forms["curl"], comments=True)
    assert json.loads(words[words.index("--data") + 1]) == body
    arguments = arguments_of(forms["Python"])
    assert arguments | arguments.pop("extra_body", {}) == body
    for form in forms.values():
        assert form.replace("\n", "").isprintable()
        form.encode()  # not so for half a character
        assert not form.endswith("\n")


def test_numbers_are_written_as_they_were_set() -> None:
    forms = snippets({}, "http://127.0.0.1:8080/v1", "Hi", DecodingSettings(0.7, 0.95, 40, 0.05))
    assert (
        "temperature=0.7,\n    top_p=0.95,\n    extra_body={'top_k': 40, 'min_p': 0.05}," in forms["Python"]
    )
    assert '"temperature": 0.7,\n  "top_p": 0.95,\n  "top_k": 40,\n  "min_p": 0.05\n}' in forms["JSON"]


def test_text_of_every_script_stays_legible() -> None:
    for form in snippets({}, None, "Grüße, 日本語 👍", DecodingSettings()).values():
        assert "Grüße, 日本語 👍" in form


def test_the_key_of_the_environment_is_in_no_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "OPENAI_API_KEY", "sk-a-key-of-somebody")
    assert not any("sk-a" in form for form in snippets({}, None, "Hi", SETTINGS).values())
