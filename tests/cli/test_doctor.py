"""``tacit doctor``: whatever is broken, the first failing line names it, says what to do, and the code follows."""

from __future__ import annotations

import hashlib
import socket
import ssl
import threading
from pathlib import Path
from typing import Any

import pytest

from tacit.cli.doctor_words import LABELS, rows, words
from tacit.cli.machine import examine_machine, folder, terminal
from tacit.identity import parse_link
from tacit.net.errors import NotARelay
from tacit.net.links import FrameLink
from tacit.sdk.diagnosis import RELAY_CHECKS, Finding, examine_relay
from tacit.sdk.parts import Parts
from tacit.testing.links import Cut
from tacit.testing.story import story
from tacit.testing.world import World as Story
from tacit.ui.layout import Layout
from tacit.ui.rows import UNICODE_GLYPHS, plain
from tests.cli.tacit_command import Ran, World

pytestmark = pytest.mark.processes

PASSPHRASE = "correct horse battery"


def states(ran: Ran) -> dict[str, str]:
    return {check["check"]: check["state"] for check in ran.json["checks"]}


def first_failure(ran: Ran) -> dict[str, Any]:
    found: dict[str, Any] = next(check for check in ran.json["checks"] if check["state"] == "failed")
    return found


def test_a_set_up_that_works_passes_every_check(town: World) -> None:
    ran = town.ok("doctor", "-P", "alice", "--json")
    found = states(ran)
    assert list(found) == list(LABELS)
    assert {check for check, state in found.items() if state != "ok"} == {"terminal"}
    assert ran.json["ok"] is True
    shown = town.ok("doctor", "-P", "alice").out
    assert "the one that the link names" in shown
    assert "FAILS" not in shown
    assert len(shown.splitlines()) == len(LABELS)


def test_a_way_can_be_checked_before_there_is_a_profile(town: World) -> None:
    ran = town.ok("doctor", town.extra["RELAY_LINK"], "--json")
    found = states(ran)
    assert [found[check] for check in RELAY_CHECKS] == ["ok"] * len(RELAY_CHECKS)
    assert "login" not in found
    # By which whoever comes with other programs knows that they were shown the same certificate.
    relay = parse_link(town.extra["RELAY_LINK"])
    shown = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate((relay.host, relay.port)))
    (pin,) = (check for check in ran.json["checks"] if check["check"] == "pin")
    assert pin["facts"] == {"certificate": hashlib.sha256(shown).hexdigest()}


def test_no_line_is_longer_than_the_terminal_is_wide() -> None:
    finding = Finding("profile", "failed", {}, NotARelay())
    for width in (60, 80):
        first, *more = [plain(row) for row in rows(finding, Layout(width, UNICODE_GLYPHS))]
        assert len(more) > 1
        assert max(map(len, [first, *more])) < width
        assert {len(line) - len(line.lstrip()) for line in more} == {first.index(NotARelay().sentence[:9])}
    assert len(rows(finding, Layout(0, UNICODE_GLYPHS))) == 2


def test_without_a_profile_it_says_how_to_make_one(world: World) -> None:
    ran = world.tacit("doctor", "--json")
    assert (ran.code, first_failure(ran)["code"]) == (7, "no-such-profile")
    assert "tacit join LINK" in first_failure(ran)["todo"]
    assert states(ran)["network"] == "skipped"


def test_a_profile_that_is_open_elsewhere_is_no_failure(town: World) -> None:
    with town.running("listen", "-P", "bob", "--json") as listening:
        assert listening.stdout is not None
        listening.stdout.readline()
        ran = town.ok("doctor", "-P", "bob", "--json")
    assert states(ran)["profile"] == "warning"
    assert {check["words"] for check in ran.json["checks"] if check["check"] in RELAY_CHECKS} == {
        "left out, because the other tacit has the profile"
    }
    assert "/status" in next(check["todo"] for check in ran.json["checks"] if check["check"] == "profile")


def test_a_relay_that_is_away_fails_at_the_network_and_what_waits_is_counted(world: World) -> None:
    with world.relay() as relay:
        world.ok("init", "--name", "alice", "--relay", relay["link"], "--no-passphrase")
        world.ok("init", "-P", "bob", "--name", "bob", "--relay", relay["link"], "--no-passphrase")
        world.ok("send", "@bob", "hi")
    assert world.tacit("send", "@bob", "later", "--timeout", "0.2").code == 3
    ran = world.tacit("doctor", "--json")
    assert (ran.code, first_failure(ran)["check"]) == (3, "network")
    found = states(ran)
    assert (found["name"], found["tls"], found["login"], found["queue"]) == ("ok", "skipped", "skipped", "warning")
    assert found["relay"] == "ok"


def test_another_relay_at_that_place_fails_at_its_key_and_nobody_logs_in(world: World) -> None:
    with world.relay() as relay:
        other = relay["link"].replace(relay["link"].partition("#")[2], "a" * 52)
        ran = world.tacit("doctor", other, "--json")
    assert (ran.code, first_failure(ran)["check"]) == (4, "pin")
    assert states(ran)["tls"] == "ok"


def test_something_that_is_no_relay_fails_at_encryption(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.listen()
        link = f"tacit+tcp://127.0.0.1:{server.getsockname()[1]}/#{'a' * 52}"
        server.settimeout(60)

        def hang_up() -> None:
            for _ in range(2):
                server.accept()[0].close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        ran = world.tacit("doctor", link, "--json")
        thread.join()
    assert (ran.code, first_failure(ran)["check"]) == (3, "tls")


def test_a_wrong_passphrase_is_locked_and_not_asked_for_again(town: World) -> None:
    town.ok("init", "-P", "kept", "--name", "kept", "--relay", town.extra["RELAY_LINK"], TACIT_PASSPHRASE=PASSPHRASE)
    ran = town.tacit("doctor", "-P", "kept", "--json", TACIT_PASSPHRASE="another")
    assert (ran.code, first_failure(ran)["code"]) == (6, "wrong-passphrase")


@story
async def test_a_clock_that_is_wrong_is_told_by_how_much(world: Story) -> None:
    alice = await world.person("alice")
    relay = parse_link(alice.client.contact_link)

    async def connect(link: Any, verify_name: bool) -> FrameLink:
        return await alice.way.connect(link, verify_name)

    async def clock_check(ahead_s: float) -> Finding:
        class Ahead:
            def now_s(self) -> float:
                return world.clock.now_s() + ahead_s

            def monotonic_s(self) -> float:
                return world.clock.monotonic_s()

            async def sleep(self, delay_s: float) -> None:
                await world.clock.sleep(delay_s)

        parts = Parts(connect=connect, clock=Ahead())
        return [finding async for finding in examine_relay(relay, parts, sockets=False)][-1]

    assert (await clock_check(1)).state == "ok"
    behind = await clock_check(-600)
    assert (behind.state, words(behind)) == ("warning", "10 minutes behind the relay's")
    days = await clock_check(200_000)
    assert (days.state, words(days)) == ("failed", "2 days ahead of the relay's")


@story
async def test_who_hangs_up_without_a_greeting_is_no_relay(world: Story) -> None:
    alice = await world.person("alice")
    relay = parse_link(alice.client.contact_link)

    async def connect(link: Any, verify_name: bool) -> FrameLink:
        return await alice.way.connect(link, verify_name)

    alice.way.cut()
    alice.way.meddle(lambda passing: None if passing.to_relay else [Cut()])
    found = [
        finding async for finding in examine_relay(relay, Parts(connect=connect, clock=world.clock), sockets=False)
    ]
    (failed,) = (finding for finding in found if finding.state == "failed")
    assert failed.check == "tls"
    assert isinstance(failed.error, NotARelay)
    assert f"{relay.host}:{relay.port}" in str(failed.error)


def test_folders_that_others_can_read_are_named(tmp_path: Path) -> None:
    assert folder(tmp_path / "nothing").facts["exists"] is False
    profile = tmp_path / "profiles" / "default"
    profile.mkdir(parents=True)
    for place in (profile.parent, profile):
        place.chmod(0o700)
    (profile / "store.db").touch(0o600)
    assert folder(tmp_path).state == "ok"
    (profile / "store.db").chmod(0o640)
    found = folder(tmp_path)
    assert (found.state, found.facts["open"]) == ("failed", [str(profile / "store.db")])


def test_a_proxy_that_is_away_fails_at_the_network_and_one_that_makes_no_sense_too(world: World) -> None:
    link = f"tacit://relay.example:8765/#{'a' * 52}"
    away = world.tacit("doctor", link, "--json", "--proxy", "socks5h://127.0.0.1:1")
    assert (away.code, first_failure(away)["check"], first_failure(away)["code"]) == (3, "network", "proxy-unreachable")
    assert states(away)["name"] == "skipped"
    nonsense = world.tacit("doctor", link, "--json", ALL_PROXY="gopher://127.0.0.1")
    assert (first_failure(nonsense)["check"], first_failure(nonsense)["code"]) == ("network", "bad-proxy")
    assert states(nonsense)["proxies"] == "warning"


def test_a_proxy_that_is_none_is_told_where_none_is_needed(town: World) -> None:
    ran = town.ok("doctor", town.extra["RELAY_LINK"], "--json", ALL_PROXY="gopher://127.0.0.1")
    assert (states(ran)["proxies"], states(ran)["network"]) == ("warning", "ok")
    ran = town.tacit("doctor", town.extra["RELAY_LINK"], "--json", "--proxy", "gopher://127.0.0.1")
    assert (ran.code, first_failure(ran)["check"], first_failure(ran)["code"]) == (2, "network", "bad-proxy")


def test_values_of_proxy_variables_are_never_shown(tmp_path: Path) -> None:
    environment = {"ALL_PROXY": "socks5://me:secret@127.0.0.1:9050", "TERM": "xterm"}
    found = {finding.check: finding for finding in examine_machine(tmp_path, environment)}
    assert found["proxies"].facts == {"variables": ["ALL_PROXY"]}
    assert "secret" not in words(found["proxies"])
    assert found["libraries"].state == found["python"].state == "ok"
    assert terminal(environment).state == "skipped"
