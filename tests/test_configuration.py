"""Where settings come from, and what is said about one that cannot be used."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from softmax_visualizer.models.configuration import Configuration, Secret
from softmax_visualizer.models.settings import ConfigurationError
from softmax_visualizer.models.vocabulary import ASSUMED_VOCABULARY_SIZE, is_one_size, known_vocabulary_size

KEY = "sk-proj-0123456789abcdef"
LOCAL = "http://127.0.0.1:8080/v1"


def load(directory: Path, environment: dict[str, str] | None = None, **flags: Any) -> Configuration:
    return Configuration.load(environment=environment or {}, directory=directory, **flags)


class TestPrecedence:
    def test_a_flag_wins_over_the_environment_and_that_over_the_file(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text(
            "OPENAI_MODEL=of-file\nOPENAI_TIMEOUT=3\nOPENAI_BASE_URL=http://localhost:1\n"
        )
        environment = {"OPENAI_MODEL": "of-environment", "OPENAI_TIMEOUT": "4"}
        configuration = load(tmp_path, environment, model="of-flag")
        assert (configuration.model, configuration.timeout) == ("of-flag", 4.0)
        assert configuration.base_url == "http://localhost:1"

    def test_the_nearest_file_upwards_is_read(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text("OPENAI_MODEL=far\n")
        (tmp_path / "a" / "b").mkdir(parents=True)
        assert load(tmp_path / "a" / "b").model == "far"
        (tmp_path / "a" / ".env").write_text("OPENAI_MODEL=near\n")
        assert load(tmp_path / "a" / "b").model == "near"

    @pytest.mark.parametrize("empty", ["", "  ", "\n"])
    def test_set_but_empty_is_not_set(self, tmp_path: Path, empty: str) -> None:
        (tmp_path / ".env").write_text("OPENAI_MODEL=of-file\n")
        environment = {"OPENAI_MODEL": empty, "OPENAI_API_KEY": empty, "OPENAI_BASE_URL": empty}
        configuration = load(tmp_path, environment, model=empty)
        assert configuration.model == "of-file"
        assert configuration.api_key is None
        assert configuration.base_url is None

    def test_stray_whitespace_is_taken_off(self, tmp_path: Path) -> None:
        configuration = load(tmp_path, {"OPENAI_API_KEY": f" {KEY}\n", "OPENAI_BASE_URL": f" {LOCAL} "})
        assert configuration.api_key == Secret(KEY)
        assert configuration.base_url == LOCAL

    def test_without_anything_there_are_defaults(self, tmp_path: Path) -> None:
        assert load(tmp_path) == Configuration(None, None, None, 30.0, "answer", None)

    def test_every_setting_can_come_from_the_environment(self, tmp_path: Path) -> None:
        environment = {
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": LOCAL,
            "OPENAI_MODEL": "m",
            "OPENAI_TIMEOUT": "2.5",
            "SOFTMAX_VISUALIZER_FRAMING": "Raw",
            "SOFTMAX_VISUALIZER_VOCABULARY_SIZE": "512",
        }
        assert load(tmp_path, environment) == Configuration(Secret(KEY), LOCAL, "m", 2.5, "raw", 512)

    def test_the_example_file_changes_nothing_until_edited(self, tmp_path: Path) -> None:
        example = (Path(__file__).parents[1] / ".env.example").read_text(encoding="utf-8")
        (tmp_path / ".env").write_text(example, encoding="utf-8")
        assert load(tmp_path) == Configuration()
        (tmp_path / ".env").write_text(example.replace("#OPENAI_MODEL=", "OPENAI_MODEL=x"), encoding="utf-8")
        assert load(tmp_path).model == "x"


class TestSource:
    @pytest.mark.parametrize(
        ("environment", "source"),
        [
            ({}, "bundled"),
            ({"OPENAI_MODEL": "gpt-4o-mini"}, "bundled"),
            ({"OPENAI_API_KEY": KEY}, "openai"),
            ({"OPENAI_BASE_URL": LOCAL}, "openai"),
            ({"OPENAI_API_KEY": KEY, "OPENAI_MODEL": "bundled"}, "bundled"),
        ],
    )
    def test_a_key_or_a_url_means_a_server_unless_the_bundled_model_is_named(
        self, tmp_path: Path, environment: dict[str, str], source: str
    ) -> None:
        assert load(tmp_path, environment).source == source

    def test_openai_is_the_server_of_a_key_alone(self, tmp_path: Path) -> None:
        configuration = load(tmp_path, {"OPENAI_API_KEY": KEY})
        assert configuration.endpoint == "https://api.openai.com/v1"
        assert configuration.is_openai

    def test_another_server_is_not_openai(self, tmp_path: Path) -> None:
        assert not load(tmp_path, {"OPENAI_BASE_URL": "https://api.openai.com.example/v1"}).is_openai


class TestSecrecy:
    def test_a_secret_shows_itself_only_when_asked(self) -> None:
        secret = Secret(KEY)
        assert KEY not in f"{secret} {secret!r}"
        assert secret.reveal() == KEY

    def test_a_configuration_shows_neither_key_nor_credentials(self, tmp_path: Path) -> None:
        environment = {
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": "https://user:swordfish@h.example/v1?token=abcdefgh",
        }
        configuration = load(tmp_path, environment)
        shown = f"{configuration} {configuration!r} {configuration.endpoint}"
        for secret in (KEY, "swordfish", "abcdefgh", "user"):
            assert secret not in shown
        assert configuration.endpoint == "https://h.example/v1"
        assert dataclasses.replace(configuration, model="other").api_key == Secret(KEY)

    def test_secrets_are_taken_out_of_a_text(self, tmp_path: Path) -> None:
        environment = {
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": "https://user:p%40ss@h.example/v1?token=abcdefgh",
        }
        redacted = load(tmp_path, environment).redact(
            f"<{KEY}> p%40ss p@ss abcdefgh sk-proj-01*****cdef plain"
        )
        assert redacted == "<[hidden]> [hidden] [hidden] [hidden] [hidden] plain"

    def test_the_query_of_the_url_is_shown_without_its_secrets(self) -> None:
        url = "https://x/v1?api-version=2024-10-21&code=tiny&tag=a%26b&subscription=0123456789abcdef"
        configuration = Configuration(base_url=url)
        assert configuration.query == "?api-version=2024-10-21&code=HIDDEN&tag=a%26b&subscription=HIDDEN"
        assert configuration.redact("since 2024-10-21, tiny") == "since 2024-10-21, [hidden]"
        assert Configuration(base_url="https://x/v1").query == Configuration().query == ""

    def test_a_short_key_is_taken_out_as_a_word_only(self, tmp_path: Path) -> None:
        configuration = load(tmp_path, {"OPENAI_API_KEY": "ran", "OPENAI_BASE_URL": LOCAL})
        assert configuration.redact("France ran 'ran'") == "France [hidden] '[hidden]'"


class TestUnusableSettings:
    @pytest.mark.parametrize("marks", ['""', "''", "``", "“”", "‘’"])
    @pytest.mark.parametrize(
        ("variable", "value"), [("OPENAI_API_KEY", KEY), ("OPENAI_BASE_URL", LOCAL), ("OPENAI_MODEL", "m")]
    )
    def test_quotation_marks_are_named_as_what_is_wrong(
        self, tmp_path: Path, variable: str, value: str, marks: str
    ) -> None:
        quoted = f" {marks[0]}{value}{marks[1]} "
        with pytest.raises(ConfigurationError) as caught:
            load(tmp_path, {variable: quoted})
        assert f"{variable} is in quotation marks" in str(caught.value)
        assert KEY not in str(caught.value)

    def test_a_key_with_one_of_them_is_not_sent_either(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match=r"OPENAI_API_KEY holds .* a quotation mark"):
            load(tmp_path, {"OPENAI_API_KEY": f'"{KEY}'})

    @pytest.mark.parametrize(
        ("variable", "value", "words"),
        [
            ("OPENAI_BASE_URL", "localhost:8000/v1", ["localhost:8000/v1", "http://"]),
            ("OPENAI_BASE_URL", "ftp://h/v1", ["http://"]),
            ("OPENAI_BASE_URL", "http://my host/v1", ["space"]),
            ("OPENAI_BASE_URL", "http://h\x00/v1", ["space or a line break"]),
            ("OPENAI_BASE_URL", "http:///v1", ["host"]),
            ("OPENAI_BASE_URL", "http://localhost:99999/v1", ["port"]),
            ("OPENAI_BASE_URL", "http://[::1/v1", ["host"]),
            ("OPENAI_BASE_URL", f"{LOCAL}/chat/completions", ["before /chat/completions"]),
            ("OPENAI_API_KEY", "sk-schlüssel", ["ASCII", "header"]),
            ("OPENAI_API_KEY", "sk-one sk-two", ["space"]),
            ("OPENAI_API_KEY", "sk-one\nsk-two", ["line break"]),
            ("OPENAI_MODEL", "gpt\x1b[2J", ["printed"]),
            ("OPENAI_TIMEOUT", "soon", ["soon", "positive number of seconds"]),
            ("OPENAI_TIMEOUT", "0", ["positive"]),
            ("OPENAI_TIMEOUT", "-1", ["positive"]),
            ("OPENAI_TIMEOUT", "nan", ["positive"]),
            ("OPENAI_TIMEOUT", "inf", ["positive"]),
            ("SOFTMAX_VISUALIZER_FRAMING", "chat", ["chat", "answer", "continue", "raw"]),
            ("SOFTMAX_VISUALIZER_VOCABULARY_SIZE", "1", ["whole number of 2 or more"]),
            ("SOFTMAX_VISUALIZER_VOCABULARY_SIZE", "2.5", ["whole number of 2 or more"]),
            ("SOFTMAX_VISUALIZER_VOCABULARY_SIZE", "9" * 400, ["whole number of 2 or more"]),
        ],
    )
    def test_the_message_names_the_variable_and_what_is_wrong(
        self, tmp_path: Path, variable: str, value: str, words: list[str]
    ) -> None:
        with pytest.raises(ConfigurationError) as caught:
            load(tmp_path, {variable: value})
        message = str(caught.value)
        assert message.startswith(variable)
        assert message.endswith(".")
        for word in words:
            assert word in message
        assert "sk-" not in message

    def test_the_message_names_the_flag_or_the_file_that_said_so(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match=r"^--timeout is"):
            load(tmp_path, {"OPENAI_TIMEOUT": "3"}, timeout="never")
        (tmp_path / ".env").write_text("OPENAI_TIMEOUT=never\n")
        with pytest.raises(ConfigurationError, match=r"^OPENAI_TIMEOUT in .*\.env is"):
            load(tmp_path)

    @pytest.mark.parametrize(
        "url",
        [
            "user:swordfish@h/v1",
            "http://user:sword/fish@h/v1",
            "https://user:swordfish@h:99999/v1?k=swordfish",
        ],
    )
    def test_an_unusable_url_is_not_quoted_where_it_may_hold_a_password(
        self, tmp_path: Path, url: str
    ) -> None:
        with pytest.raises(ConfigurationError) as caught:
            load(tmp_path, {"OPENAI_BASE_URL": url})
        assert "sword" not in str(caught.value)

    def test_a_file_that_is_no_utf8_is_named(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_bytes("OPENAI_MODEL=größe\n".encode("utf-16"))
        with pytest.raises(ConfigurationError, match=r"\.env is not UTF-8"):
            load(tmp_path)

    def test_a_file_that_cannot_be_read_is_named(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / ".env").write_text("OPENAI_MODEL=m\n")

        def closed(*_: object, **__: object) -> int:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("os.open", closed)
        with pytest.raises(ConfigurationError, match=r"\.env cannot be read \(Permission denied\)"):
            load(tmp_path)

    def test_a_directory_called_env_is_no_file(self, tmp_path: Path) -> None:
        (tmp_path / ".env").mkdir()
        assert load(tmp_path).model is None


class TestPlainHttp:
    FAR = "http://llm.example:8000/v1"

    def test_a_key_does_not_travel_unencrypted_to_another_machine(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="unencrypted") as caught:
            load(tmp_path, {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": self.FAR})
        assert "SOFTMAX_VISUALIZER_ALLOW_PLAIN_HTTP=1" in str(caught.value)
        assert KEY not in str(caught.value)

    def test_nor_does_a_password_in_the_url(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="unencrypted") as caught:
            load(tmp_path, {"OPENAI_BASE_URL": "http://user:swordfish@llm.example/v1"})
        assert "swordfish" not in str(caught.value)

    @pytest.mark.parametrize(
        "environment",
        [
            {"OPENAI_BASE_URL": FAR},
            {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "https://llm.example/v1"},
            {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": FAR, "SOFTMAX_VISUALIZER_ALLOW_PLAIN_HTTP": "1"},
            *(
                {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f"http://{host}:8000/v1"}
                for host in (
                    "localhost",
                    "LOCALHOST",
                    "llm.localhost",
                    "127.0.0.1",
                    "127.8.8.8",
                    "[::1]",
                    "0.0.0.0",
                )
            ),
        ],
    )
    def test_what_is_safe_or_allowed_passes(self, tmp_path: Path, environment: dict[str, str]) -> None:
        assert load(tmp_path, environment).source == "openai"


def test_importing_it_loads_neither_openai_nor_dotenv_nor_numpy() -> None:
    code = "import sys, softmax_visualizer.models.configuration; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"openai", "dotenv", "numpy", "httpx2", "textual"} & set(loaded)


class TestVocabularySizes:
    @pytest.mark.parametrize(
        ("model", "size"),
        [
            ("gpt-4o-mini", 200_019),
            ("gpt-4o-mini-2024-07-18", 200_019),
            ("openai/gpt-4.1", 200_019),
            ("ft:gpt-4o-mini-2024-07-18:someone::id", 200_019),
            ("gpt-5.6-luna", 201_088),
            ("gpt-4-turbo", 100_277),
            ("gpt-3.5-turbo", 100_277),
            ("gpt-oss:20b", 201_088),
            ("Qwen/Qwen2.5-7B-Instruct", 152_064),
            ("Qwen/Qwen2.5-0.5B", 152_064),
            ("Qwen/Qwen3-Omni-30B-A3B-Instruct", 152_064),
            ("qwen3:8b", 152_064),
            ("qwen3.5:9b", 248_320),
            ("gemma-3-27b-it", 262_208),
            ("deepseek-ai/DeepSeek-V3-0324", 129_280),
            ("phi3:mini", 32_064),
        ],
    )
    def test_names_with_a_documented_vocabulary(self, model: str, size: int) -> None:
        assert known_vocabulary_size(model) == size
        assert size < ASSUMED_VOCABULARY_SIZE

    @pytest.mark.parametrize(
        "model", ["gpt-5.6-luna", "Qwen/Qwen2.5-0.5B", "gemma-3-1b-it", "gpt-6-luna", "x"]
    )
    def test_a_name_that_could_mean_two_sizes_gives_an_upper_bound(self, model: str) -> None:
        assert not is_one_size(model)

    @pytest.mark.parametrize("model", ["gpt-4o-mini", "gpt-oss:20b", "deepseek-v3.2-exp", "phi3:mini"])
    def test_a_name_that_means_one_size_gives_it(self, model: str) -> None:
        assert is_one_size(model)

    @pytest.mark.parametrize(
        "model",
        [
            "gpt-6-luna",
            "gpt-4.5-preview",
            "gpt-40",
            "my-gpt-4o",
            "llama3.2",
            "gemma-3n-e4b",
            "Qwen/Qwen2-Audio-7B",
            "phi-3-small-8k",
            "phi-35",
            "",
        ],
    )
    def test_other_names_tell_nothing(self, model: str) -> None:
        assert known_vocabulary_size(model) is None


def test_a_file_cannot_send_the_environments_key_to_a_server_of_its_choice(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OPENAI_BASE_URL=https://elsewhere.example/v1\n")
    with pytest.raises(ConfigurationError, match=r"elsewhere\.example") as raised:
        Configuration.load(environment={"OPENAI_API_KEY": "sk-mine"}, directory=tmp_path)
    assert "sk-mine" not in str(raised.value)


@pytest.mark.parametrize(
    ("content", "environment"),
    [
        ("OPENAI_BASE_URL=https://elsewhere.example/v1\nOPENAI_API_KEY=sk-theirs\n", {}),
        ("OPENAI_BASE_URL=http://127.0.0.1:8080/v1\n", {"OPENAI_API_KEY": "sk-mine"}),
        (
            "OPENAI_API_KEY=sk-mine\n",
            {"OPENAI_BASE_URL": "https://elsewhere.example/v1"},
        ),
    ],
)
def test_a_file_and_the_environment_can_share_the_settings_otherwise(
    content: str, environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text(content)
    assert Configuration.load(environment=environment, directory=tmp_path).base_url


def test_a_model_that_no_server_can_be_asked_for_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"gpt-4o.*OPENAI_API_KEY"):
        Configuration.load(model="gpt-4o", environment={}, directory=Path("/"))
    # a variable may be left over from elsewhere, so without a key it is not a wish
    assert Configuration.load(environment={"OPENAI_MODEL": "gpt-4o"}, directory=Path("/")).source == "bundled"
