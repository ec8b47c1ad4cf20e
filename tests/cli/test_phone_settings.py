"""How codes reach phones, from a configuration file to the relay: every way, and every mistake with its reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from tacit.cli.phone_settings import SMTP_PASSWORD, WEBHOOK_SECRET
from tacit.cli.relay_settings import examine, relay_config
from tacit.cli.settings import BadConfig, merged
from tacit.relay.config import BadRelayConfig
from tacit.relay.delivery import Console, Mail, Webhook

COMMON = 'registration = "phone"\npublic_host = "relay.example"\nphone_countries = "DE"\n'
WEBHOOK = COMMON + 'phone_delivery = "webhook"\nphone_webhook_url = "https://sms.example/send"\n'
MAIL = COMMON + (
    'phone_delivery = "smtp"\nphone_smtp_host = "mail.example"\nphone_smtp_from = "relay@mail.example"\n'
    'phone_smtp_to = "{number}@sms.example"\n'
)
SECRETS = {WEBHOOK_SECRET: "sixteen bytes or", SMTP_PASSWORD: "a password"}


def written(folder: Path, text: str) -> str:
    file = folder / "config.toml"
    file.write_text(f"[serve]\n{text}")
    return str(file)


def mistakes(folder: Path, text: str, environment: dict[str, str]) -> dict[str, str]:
    return {m.key: m.problem for layer in examine(written(folder, text), environment) for m in layer.wrong}


def test_each_way_is_made_of_its_settings(tmp_path: Path) -> None:
    for text, kind in ((WEBHOOK, Webhook), (MAIL, Mail), (COMMON + 'phone_delivery = "console"\n', Console)):
        assert mistakes(tmp_path, text, SECRETS) == {}
        config = relay_config(merged(examine(written(tmp_path, text), SECRETS)), SECRETS)
        assert isinstance(config.phone_route, kind)
        assert (config.needs_phone, config.phone_sends_per_day, config.find_by_phone) == (True, 200, False)


def test_a_secret_stands_in_a_file_too_and_in_no_settings(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"another secret of more bytes\nand a remark\n")
    text = f'{WEBHOOK}phone_webhook_secret_file = "{secret}"\n'
    settings = merged(examine(written(tmp_path, text), {}))
    route = relay_config(settings, {}).phone_route
    assert isinstance(route, Webhook)
    assert route.secret.reveal() == b"another secret of more bytes"
    assert "another secret" not in repr(route) + repr(settings)


@pytest.mark.parametrize(
    ("text", "environment", "key", "problem"),
    [
        (WEBHOOK, {}, "phone_webhook_secret_file", "16 bytes"),
        (WEBHOOK, {WEBHOOK_SECRET: "short"}, "phone_webhook_secret_file", "16 bytes"),
        (WEBHOOK.replace("https", "http"), SECRETS, "phone_webhook_url", "https"),
        (WEBHOOK + 'phone_webhook_secret_file = "/nowhere"\n', SECRETS, "phone_webhook_secret_file", "No such file"),
        (MAIL.replace("mail.example", "", 1), SECRETS, "phone_smtp_host", "needed"),
        (MAIL.replace("{number}@", "sms@"), SECRETS, "phone_smtp_to", "{number}"),
        (MAIL.replace("{number}@sms.example", "a@{number}"), SECRETS, "phone_smtp_to", "{number}"),
        (MAIL.replace("relay@", "relay"), SECRETS, "phone_smtp_from", "address"),
        (MAIL + 'phone_smtp_security = "none"\n', SECRETS, "phone_smtp_security", "this machine"),
        (MAIL + 'phone_smtp_user = "relay"\n', {}, "phone_smtp_password_file", "logs in"),
        (COMMON, SECRETS, "phone_delivery", "has to know how"),
        (WEBHOOK.replace('"DE"', '""'), SECRETS, "phone_countries", "empty"),
        (WEBHOOK.replace('"DE"', '"DE ZZ"'), SECRETS, "phone_countries", "ZZ"),
        (WEBHOOK + 'phone_region = "AT"\n', SECRETS, "phone_region", "one of phone_countries"),
        ('find_by_phone = true\npublic_host = "h"\n', SECRETS, "find_by_phone", "no use"),
    ],
)  # fmt: skip
def test_every_mistake_is_named_with_its_key(
    tmp_path: Path, text: str, environment: dict[str, str], key: str, problem: str
) -> None:
    found = mistakes(tmp_path, text, environment)
    assert list(found) == [f"serve.{key}"]
    assert problem in found[f"serve.{key}"]


def test_a_relay_does_not_start_with_one(tmp_path: Path) -> None:
    settings = merged(examine(written(tmp_path, WEBHOOK), {}))
    with pytest.raises(BadConfig, match="phone_webhook_secret_file"):
        relay_config(settings, {})


def test_what_is_missing_is_named_as_it_is_written_in_a_file(tmp_path: Path) -> None:
    settings = merged(examine(written(tmp_path, COMMON), {}))
    with pytest.raises(BadRelayConfig, match="phone_delivery is missing"):
        relay_config(settings, {})
