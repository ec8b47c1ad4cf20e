"""Flag, then environment, then file, then default; unknown keys name the nearest known one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest

from tacit.cli.settings import BadConfig, Settings, config_files, load, span_s
from tacit.cli.tree import Command, flags


def settings(serve: dict[str, Any] | None = None, **given: Any) -> Settings:
    context = click.Context(Command("x"))
    flags(context).update(given)
    return load(context, serve)


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import os

    for name in os.environ:
        if name.startswith("TACIT_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "tacit").mkdir()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tacit" / "config.toml"


def test_each_layer_gives_way_to_the_one_above(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    assert settings().serve.port == 8765
    file.write_text('profile = "work"\n[serve]\nport = 1000\nhost = "::1"\n')
    found = settings()
    assert (found.profile, found.serve.port, found.serve.host) == ("work", 1000, "::1")
    monkeypatch.setenv("TACIT_SERVE_PORT", "2000")
    monkeypatch.setenv("TACIT_PROFILE", "home")
    found = settings()
    assert (found.profile, found.serve.port, found.serve.host) == ("home", 2000, "::1")
    found = settings(profile="now", serve={"port": 3000, "host": None})
    assert (found.profile, found.serve.port, found.serve.host) == ("now", 3000, "::1")


def test_port_zero_is_a_port(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings(serve={"port": 0}).serve.port == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('profil = "x"', "profil: unknown key; did you mean profile?"),
        ("[serve]\nprot = 1", "serve.prot: unknown key; did you mean serve.port?"),
        ("[serve]\nzzz = 1", "known are"),
        ("[serve]\nport = 'many'", "serve.port"),
        ("[serve]\nregistration = 'all'", "serve.registration"),
        ("json = true", "command line"),
        ("a = = b", "config.toml"),
    ],
)
def test_a_wrong_file_says_where_and_what(monkeypatch: pytest.MonkeyPatch, file: Path, text: str, words: str) -> None:
    file.write_text(text)
    with pytest.raises(BadConfig, match=r"config\.toml") as error:
        settings()
    assert words in error.value.sentence


def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TACIT_SERVE_PORT", "many")
    with pytest.raises(BadConfig, match="TACIT_SERVE_PORT"):
        settings()


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="no file"):
        config_files(str(tmp_path / "none.toml"), {})


def test_spans_of_time() -> None:
    assert [span_s(text) for text in ("90s", "30m", "12h", "7d", " 7 D ")] == [90, 1800, 43200, 604800, 604800]
    for text in ("", "d", "7", "-1d", "1w", "99999999999d"):
        with pytest.raises(BadConfig):
            span_s(text)
