"""One commented file says how a relay runs; every mistake in it is explained, all of them at once."""

from __future__ import annotations

import errno
import os
import re
import stat
import tomllib
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import pytest

from tacit.cli.config_file import FileExists, config_text, default_of, write_config
from tacit.cli.relay_settings import examine, relay_config
from tacit.cli.settings import ENVIRONMENT, MEANINGS, ServeSettings, Settings, config_files, merged
from tests.cli.tacit_command import World

RUN_ONLY = {"json", "verbose", "passphrase_fd"}
FILLED_IN = {"serve.public_host": "chat.example.org", "serve.data": "/var/lib/tacit"}


def keys_of(shape: type[msgspec.Struct], path: str = "") -> list[str]:
    found: list[str] = []
    for field in msgspec.structs.fields(shape):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            found += keys_of(field.type, f"{path}{field.name}.")
        else:
            found.append(f"{path}{field.name}")
    return found


def mistakes(file: Path, environment: dict[str, str] | None = None) -> dict[str, str]:
    return {m.key: m.problem for layer in examine(str(file), environment or {}) for m in layer.wrong}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def test_every_key_stands_in_the_file_with_its_default_its_meaning_and_its_variable() -> None:
    assert set(keys_of(Settings)) - RUN_ONLY == set(MEANINGS)
    text = config_text({})
    found: dict[str, Any] = tomllib.loads(re.sub(r"^# (\w+ = .*)$", r"\1", text, flags=re.MULTILINE))
    found |= {f"serve.{key}": value for key, value in found.pop("serve").items()}
    assert found == {key: default_of(key) for key in MEANINGS}
    assert tomllib.loads(text) == {"serve": {}}
    flowing = " ".join(re.sub(r"^# ", "", text, flags=re.MULTILINE).split())
    variables = {".".join(keys): variable for variable, keys in ENVIRONMENT.items()}
    for key, meaning in MEANINGS.items():
        assert f"{meaning} ({variables[key]})" in flowing


def test_the_file_that_is_written_is_in_order_and_says_what_was_filled_in(file: Path) -> None:
    write_config(file, config_text(FILLED_IN), force=False)
    assert mistakes(file) == {}
    settings = merged(examine(str(file), {}))
    assert (settings.serve.public_host, settings.serve.data) == ("chat.example.org", "/var/lib/tacit")
    with pytest.raises(FileExists):
        write_config(file, "", force=False)
    assert "chat.example.org" in file.read_text("utf-8")


def test_all_mistakes_are_told_at_once(file: Path) -> None:
    file.write_text(
        """
        json = true
        profle = "x"
        [serve]
        prot = 1
        retention = "a while"
        registration = "all"
        public_host = "no host"
        ephemeral = true
        data = "/var/lib/tacit"
        behind_proxy = "at times"
        ws = false
        certificate = "/no/c.pem"
        private_key = "k.pem"
        """
    )
    found = mistakes(file, {"TACIT_SERVE_PORT": "99999"})
    assert found.pop("json") == "is for the command line, not for a file"
    assert found.pop("profle") == "unknown key; did you mean profile?"
    assert found.pop("serve.prot") == "unknown key; did you mean serve.port?"
    assert "30m or 90s" in found.pop("serve.retention")
    assert found.pop("serve.registration").endswith('"phone" or "invite+phone", not \'all\'')
    assert found.pop("serve.public_host").startswith("is neither a name nor an address")
    assert found.pop("serve.behind_proxy") == "takes true or false, not 'at times'"
    assert "serve.data" in found.pop("serve.ephemeral")
    assert found.pop("serve.ws").endswith("nobody could come in")
    assert "/no/c.pem: No such file" in found.pop("serve.certificate")
    assert found.pop("TACIT_SERVE_PORT") == "takes a whole number from 0 to 65535, not '99999'"
    assert found == {}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a = = b", "is no TOML: Invalid value"),
        ("[serve]\nport = 1\nport = 2", "is no TOML: Cannot overwrite a value"),
        ("serve = 3", "serve: is a table, written [serve]"),
        ("[profile]\nname = 'x'", "profile: takes text in quotes, not a table"),
        ("[serve]\nephemeral = 'perhaps'", "serve.ephemeral: takes true or false, not 'perhaps'"),
        ("[serve]\nqqq = 1", "serve.qqq: unknown key; known are serve.behind_proxy,"),
    ],
)
def test_each_mistake_says_what_would_be_right(file: Path, text: str, problem: str) -> None:
    file.write_text(text)
    (found,) = [mistake for layer in examine(str(file), {}) for mistake in layer.wrong]
    assert problem in str(found)


@pytest.mark.parametrize(
    ("text", "key", "problem"),
    [
        ('certificate = "c.pem"', "serve.private_key", "is missing, and certificate is of no use without it"),
        ('private_key = "k.pem"', "serve.certificate", "is missing, and private_key is of no use without it"),
        ('certificate = "/no/c.pem"\nprivate_key = "k.pem"', "serve.certificate", "/no/c.pem: No such file"),
        ('certificate = "/dev/null"\nprivate_key = "/dev/null"', "serve.certificate", "Both must be PEM"),
        ('certificate = "c"\nprivate_key = "k"\nbehind_proxy = true\npublic_host = "h"', "serve.certificate", "proxy"),
        ("behind_proxy = true", "serve.behind_proxy", "needs serve.public_host"),
        ('host = "256.1.1.1"', "serve.host", "so nothing could listen there"),
        ('metrics_host = "here or there"', "serve.metrics_host", "so nothing could listen there"),
        ("TACIT_SERVE_RETENTON", "TACIT_SERVE_RETENTON", "unknown variable; did you mean TACIT_SERVE_RETENTION?"),
    ],
)
def test_what_cannot_work_is_explained(file: Path, text: str, key: str, problem: str) -> None:
    given = {key: "7d"} if text == key else {}
    file.write_text("" if given else f"[serve]\n{text}\n")
    found = mistakes(file, given)
    assert set(found) == {key}
    assert problem in found[key]


@pytest.mark.parametrize(
    ("serve", "registration"),
    [
        ({}, "invite"),
        ({"host": "0.0.0.0"}, "invite"),
        ({"host": "::"}, "invite"),
        ({"host": "192.0.2.7"}, "invite"),
        ({"host": "chat.example.org"}, "invite"),
        ({"host": "127.0.0.1"}, "open"),
        ({"host": "127.8.9.1"}, "open"),
        ({"host": "::1"}, "open"),
        ({"host": "localhost"}, "open"),
        ({"host": "127.0.0.1", "registration": "invite"}, "invite"),
        ({"host": "127.0.0.1", "behind_proxy": True}, "invite"),
        ({"registration": "open"}, "open"),
    ],
)
def test_who_can_be_reached_from_elsewhere_asks_for_an_invitation(serve: dict[str, Any], registration: str) -> None:
    settings = Settings(serve=ServeSettings(public_host="h", **serve))
    assert relay_config(settings).registration == registration


@pytest.mark.parametrize("host", ["fe80::1%eth0", "::", "0.0.0.0", "localhost", "Chat.example.org"])
def test_a_relay_listens_on_addresses_and_names(host: str) -> None:
    assert relay_config(Settings(serve=ServeSettings(public_host="h", host=host))).host == host


def test_a_file_that_root_writes_can_be_read_by_the_relays_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root's umask is often one that hides folders from everybody else."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    before = os.umask(0o077)
    try:
        write_config(tmp_path / "etc" / "tacit" / "config.toml", "", force=False)
    finally:
        os.umask(before)
    made = [tmp_path / "etc", *(tmp_path / "etc").rglob("*")]
    assert [stat.S_IMODE(path.stat().st_mode) for path in sorted(made)] == [0o755, 0o755, 0o644]


def test_a_user_without_a_home_has_no_file_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> NoReturn:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", refuse)
    assert [path for path in config_files(None, {}) if path.parts[1] != "etc"] == []


def test_a_file_that_this_user_may_not_read_is_named(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path, *__: object, **___: object) -> NoReturn:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "is_file", refuse)
    monkeypatch.setattr(Path, "read_text", refuse)
    told = [(layer.source, str(mistake)) for layer in examine(str(file), {}) for mistake in layer.wrong]
    assert told == [(str(file), "cannot be read: Permission denied")]


@pytest.mark.processes
def test_an_operator_writes_the_file_checks_it_and_a_relay_obeys_it(world: World, tmp_path: Path) -> None:
    file, folder = tmp_path / "etc" / "tacit.toml", tmp_path / "kept"
    ran = world.ok("relay", "--data", str(folder), "init", str(file), "--public-host", "chat.example.org", "--json")
    assert ran.json == {"file": str(file), "public_host": "chat.example.org"}
    assert world.tacit("relay", "init", str(file)).code == 2
    ran = world.tacit("relay", "init", str(tmp_path / "other"), "--public-host", "no host")
    assert (ran.code, "'no host' is neither a name nor an address" in ran.err) == (2, True)
    assert not (tmp_path / "other").exists()
    assert world.ok("relay", "check-config", str(file), "--json").json["ok"] is True
    with world.running("serve", "--config", str(file), "--host", "127.0.0.1", "--port", "0") as relay:
        assert relay.stdout is not None
        assert relay.stdout.readline().startswith("tacit://chat.example.org:")
    assert (folder / "relay.key").exists()
    file.write_text("[serve]\nprot = 1\nephemral = true\n")
    ran = world.tacit("relay", "check-config", str(file), "--json")
    assert ran.code == 2
    assert [mistake["key"] for mistake in ran.json["mistakes"]] == ["serve.prot", "serve.ephemral"]
    ran = world.tacit("relay", "check-config", "--config", str(file))
    assert (ran.code, "did you mean serve.ephemeral?" in ran.out) == (2, True)
