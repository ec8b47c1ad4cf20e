"""``python -m tests.mls.golden.make`` writes the golden files of this release; run it when the stored form changes.

Entropy is seeded; only what HPKE encapsulates differs from run to run. A file of an earlier release is never written
again: a new form has a new version, and so a new name.
"""

from __future__ import annotations

import sys

from tacit.crypto.suites import DEFAULT_SUITE, X25519_SUITE
from tacit.limits import MAX_PAST_EPOCHS
from tacit.mls import (
    ExternalPSK,
    Policy,
    PreSharedKey,
    PreSharedKeyID,
    save,
)
from tests.mls.crew import Crew
from tests.mls.golden.form import NEXT, NOW_S, PAST, PSK_ID, SKIPPED, Golden, dump, path_of

SUITES = (DEFAULT_SUITE, X25519_SUITE)


def make(suite_id: int) -> Golden:
    """Live a little, and stop in the middle of it."""
    crew = Crew(4, suite_id, seed=9420)
    for _ in range(MAX_PAST_EPOCHS):
        crew.say("alice", b"hello")
        crew.commit("carol")
    crew.seal("alice", b"never arrives")
    crew.say("dave", b"my last words")
    past_letter = crew.seal("alice", PAST)
    crew.remove("carol", "dave")
    skipped_letter = crew.seal("alice", SKIPPED)
    crew.say("alice", b"overtakes it")
    next_letter = crew.seal("alice", NEXT)
    crew.propose_update("bob")
    crew.propose_update("carol")

    alice = crew["alice"]
    after, alices = alice.create_commit([], entropy=crew.entropy, now_s=NOW_S, authenticate=crew.authenticate)
    crew.groups["alice"] = after
    psk = crew.entropy(32)
    proposal = PreSharedKey(PreSharedKeyID(ExternalPSK(PSK_ID), crew.entropy(crew.suite.hash_size)))
    policy = Policy(find_psk=lambda psk_id: psk)
    crew.groups["bob"], pending = crew["bob"].create_commit(
        [proposal], entropy=crew.entropy, now_s=NOW_S, authenticate=crew.authenticate, policy=policy
    )
    bob, saved, theirs = crew["bob"], save(crew["bob"]), save(alice)
    past = {epoch: bob.resumption_psk(epoch) for epoch in range(bob.epoch)}
    return Golden(
        format=saved.epoch_blob[0],
        suite=suite_id,
        epoch=bob.epoch,
        members=[member.leaf_node.credential_identity.decode() for member in bob.members()],
        authenticator=bob.epoch_authenticator,
        resumption_psks={str(epoch): psk.reveal() for epoch, psk in past.items() if psk is not None},
        alice_epoch=theirs.epoch_blob,
        alice_ratchets=theirs.ratchet_blob,
        bob_epoch=saved.epoch_blob,
        bob_ratchets=saved.ratchet_blob,
        bob_pending=pending.encode(bob),
        bob_pending_alone=pending.encode(),
        psk=psk,
        erin_bundle=crew.bundle("erin").encode(),
        skipped_letter=skipped_letter,
        past_letter=past_letter,
        next_letter=next_letter,
        alice_commit=alices.commit,
        next_authenticator=alices.group_after.epoch_authenticator,
    )


def main() -> int:
    """Write one file for each suite."""
    for suite_id in SUITES:
        golden = make(suite_id)
        path = path_of(golden.format, suite_id)
        path.write_text(dump(golden), encoding="utf-8")
        sys.stdout.write(f"{path.name}: {path.stat().st_size} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
