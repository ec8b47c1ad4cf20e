"""One whole conversation of real processes at their most talkative, full of words and keys to look for afterwards."""

from __future__ import annotations

import signal
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from tacit import mls
from tacit.client.model import GroupId
from tacit.client.paths import profile_paths
from tacit.client.store import open_profile
from tacit.codec import decode
from tests.ports import free_port
from tests.processes.programs import Ended, Profile, Relay

PASSPHRASE = "canary-passphrase-zwitschermaschine"
WRONG = "canary-wrong-passphrase-papageno"

WORDS = {
    "first text": "canary-text-erlkoenig",
    "answer": "canary-answer-nachtigall",
    "group text": "canary-group-text-grünfink",
    "text of the request": "canary-request-text-kuckuck",
    "text without a relay": "canary-without-relay-uhu",
    "text to nobody": "canary-text-to-nobody-zaunkoenig",
    "text that is too long": "canary-too-long-pirol" * 2_000,
    "text of a crash": "canary-crash-eisvogel",
    "group title": "canary-title-vogelhaus",
    "new group title": "canary-new-title-voliere",
    "own name for somebody": "canary-name-wiedehopf",
}
"""Said, typed or named by people, and nobody's business but theirs."""

HANDLES = ("canaryalice", "canarybob", "canarycarol")


@dataclass
class Conversation:
    """What everybody said, and where everything lies."""

    folder: Path
    relay: Relay
    relay_log: Path
    metrics_port: int
    people: dict[str, Profile] = field(default_factory=dict)
    results: list[Ended] = field(default_factory=list)
    """What every command printed and said."""
    ids: dict[str, bytes] = field(default_factory=dict)
    """Accounts, devices and logs."""
    crashes: list[str] = field(default_factory=list)
    """What was said by programs that crashed."""
    keys: dict[str, bytes] = field(default_factory=dict)
    """Private keys, and all that groups keep secret."""

    def does(self, name: str, *arguments: str, code: int = 0, passphrase: str = PASSPHRASE) -> Ended:
        """Run a command as somebody."""
        ended = self.people[name].run(*arguments, *self.talkative(name), env={"TACIT_PASSPHRASE": passphrase})
        assert ended.code == code, ended
        self.results.append(ended)
        return ended

    def talkative(self, name: str) -> tuple[str, ...]:
        return ("-vv", "--log-file", str(self.client_log(name)))

    def client_log(self, name: str) -> Path:
        return self.folder / f"{name}.log"


def begin(folder: Path) -> Conversation:
    """Start the relay and make three identities."""
    relay_log, metrics_port = folder / "relay.log", free_port()
    env = {"TACIT_SERVE_METRICS_PORT": str(metrics_port)}
    relay = Relay(folder / "relay", "--log-file", str(relay_log), env=env, fresh=True)
    relay.start()
    talk = Conversation(folder, relay, relay_log, metrics_port)
    for handle in HANDLES:
        talk.people[handle] = Profile(handle, folder / "clients")
        talk.does(handle, "init", "--name", handle, "--relay", relay.link)
    return talk


def converse(talk: Conversation) -> None:
    """A request, a direct chat, a group that changes, and everything that can go wrong on the way."""
    alice, bob, carol = HANDLES
    at = {handle: f"@{handle}" for handle in HANDLES}
    talk.does(alice, "send", at[bob], WORDS["first text"])
    talk.does(bob, "requests")
    talk.does(bob, "accept", at[alice])
    talk.does(bob, "contacts", "rename", at[alice], WORDS["own name for somebody"])
    talk.does(bob, "send", WORDS["own name for somebody"], WORDS["answer"])
    talk.relay.end(signal.SIGTERM)
    talk.does(bob, "send", at[alice], WORDS["text without a relay"], "--timeout", "1", code=3)
    talk.relay.start()
    talk.does(carol, "send", at[alice], WORDS["text of the request"])
    talk.does(alice, "accept", at[carol])
    talk.does(alice, "group", "create", WORDS["group title"], at[bob], at[carol])
    talk.does(bob, "listen", "--count", "1")
    talk.does(alice, "group", "rename", WORDS["group title"], WORDS["new group title"])
    talk.does(alice, "send", WORDS["new group title"], WORDS["group text"])
    heard = talk.does(carol, "listen", "--count", "1")
    assert WORDS["group text"] in [line.get("message", {}).get("text") for line in heard.lines]
    talk.does(alice, "group", "remove", WORDS["new group title"], at[carol])
    # What fails.
    talk.does(alice, "send", "@nobody-here", WORDS["text to nobody"], code=7)
    talk.does(alice, "send", at[bob], WORDS["text that is too long"], code=2)
    talk.does(alice, "status", code=6, passphrase=WRONG)


def crash(talk: Conversation) -> list[str]:
    """Have a client and the relay crash with a dump of their stacks; what they said."""
    alice, bob = HANDLES[0], HANDLES[1]
    env = {"TACIT_PASSPHRASE": PASSPHRASE, "PYTHONFAULTHANDLER": "1"}
    listening = talk.people[alice].start("listen", *talk.talkative(alice), env=env, cwd=talk.folder)
    listening.line(lambda event: event.get("state") == "online")
    talk.does(bob, "send", f"@{alice}", WORDS["text of a crash"])
    listening.line(lambda event: event.get("message", {}).get("text") == WORDS["text of a crash"])
    ended = listening.end(signal.SIGABRT)
    assert ended is not None
    assert "most recent call first" in ended.err
    return [ended.err]


def remember_keys(talk: Conversation) -> None:
    """Read every private key and ID out of the stores, to look for them elsewhere."""
    for handle, profile in talk.people.items():
        opened = open_profile(profile_paths(handle, profile.data_dir), PASSPHRASE)
        try:
            mine = opened.store.profile()
            assert mine is not None
            talk.ids |= {f"account of {handle}": mine.account_id, f"device of {handle}": mine.device_id}
            talk.keys |= {f"account key of {handle}": mine.account_private[-32:]}
            talk.keys |= {f"device key of {handle}": mine.device_private}
            for number, row in enumerate(opened.store.bundles()[:3]):
                bundle = decode(mls.KeyPackageBundle, row.bundle)
                talk.keys[f"init key {number} of {handle}"] = bundle.init_private.reveal()
                talk.keys[f"leaf key {number} of {handle}"] = bundle.encryption_private.reveal()
            for conversation in opened.store.conversations():
                group_id = GroupId(conversation.group_id)
                talk.ids[f"log {group_id.hex()[:4]} of {handle}"] = group_id
                rows = opened.store.group_rows(group_id)
                if rows:
                    group = mls.load_rows(rows)
                    talk.keys[f"authenticator {group_id.hex()[:4]} of {handle}"] = group.epoch_authenticator
        finally:
            opened.close()


def words() -> dict[str, bytes]:
    """Everything that people said, and their passphrases."""
    said = {name: word[:40].encode() for name, word in WORDS.items()}
    return said | {"passphrase": PASSPHRASE.encode(), "wrong passphrase": WRONG.encode()}


def ids_as_text(talk: Conversation) -> dict[str, bytes]:
    """IDs as people see them."""
    return {f"{name}, written": str(uuid.UUID(bytes=value)).encode() for name, value in talk.ids.items()}
