"""Keys that are mixed into an epoch: from elsewhere, from earlier epochs of this group, and from other groups."""

from __future__ import annotations

import pytest

from tacit.limits import MAX_RESUMPTION_PSKS
from tacit.mls import (
    Add,
    ExternalPSK,
    Group,
    Policy,
    PreSharedKey,
    PreSharedKeyID,
    PSKUnavailable,
    ResumptionPSK,
    ResumptionPSKUsage,
    StagedCommit,
    join,
    load,
    save,
)
from tests.mls.crew import NOW_S, Crew
from tests.mls.refusal import refuses

SHARED = Policy(find_psk=lambda psk_id: b"between us" if psk_id.key == ExternalPSK(b"tea") else None)


def of_epoch(group: Group, epoch: int) -> ResumptionPSK:
    return ResumptionPSK(ResumptionPSKUsage.APPLICATION, group.group_id, epoch)


def inject(crew: Crew, by: str, key: ExternalPSK | ResumptionPSK, policy: Policy | None = None) -> bytes:
    """Commit the key, for everybody; without a path, so that nothing but the key is new."""
    proposal = crew[by].name_psk(key, entropy=crew.entropy)
    crew.groups[by], pending = crew[by].create_commit(
        [proposal],
        force_path=False,
        entropy=crew.entropy,
        now_s=NOW_S,
        authenticate=crew.authenticate,
        policy=policy or Policy(),
    )
    for name, group in list(crew.groups.items()):
        if name == by:
            continue
        event = group.process(pending.commit, authenticate=crew.authenticate, now_s=NOW_S, policy=policy or Policy())
        assert isinstance(event, StagedCommit)
        assert event.psks == (proposal.psk,)
        assert event.group_after is not None
        crew.groups[name] = event.group_after
    crew.groups[by] = crew[by].merge(pending)
    crew.check_agreement()
    return pending.commit


def test_what_two_know_from_elsewhere_goes_into_the_epoch() -> None:
    crew = Crew(2)
    inject(crew, "alice", ExternalPSK(b"tea"), SHARED)
    crew.say("bob", b"now with tea")


def test_who_does_not_know_the_key_is_told_so_and_loses_nothing() -> None:
    crew = Crew(3)
    proposal = crew["alice"].name_psk(ExternalPSK(b"tea"), entropy=crew.entropy)
    _, pending = crew["alice"].create_commit(
        [proposal], entropy=crew.entropy, now_s=NOW_S, authenticate=crew.authenticate, policy=SHARED
    )
    assert isinstance(refuses(crew, "bob", pending.commit, "12.4.2/psk-available"), PSKUnavailable)
    with pytest.raises(PSKUnavailable):
        crew.create_commit("bob", [proposal])
    other = Policy(find_psk=lambda psk_id: b"another key")
    refuses(crew, "bob", pending.commit, "6.1/confirmation-tag", policy=other)


def test_a_key_that_was_proposed_is_committed_by_another() -> None:
    crew = Crew(3)
    crew.propose("carol", crew["carol"].name_psk(of_epoch(crew["carol"], 1), entropy=crew.entropy))
    pending = crew.commit("bob")
    assert pending.group_after.epoch == 2


def test_a_key_that_the_committer_lacks_stays_out_and_the_rest_goes_in() -> None:
    """Else anybody could keep others from being added by proposing a key that nobody has."""
    crew = Crew(3)
    crew.propose("carol", crew["carol"].name_psk(ExternalPSK(b"tea"), entropy=crew.entropy))
    crew.propose_update("carol")
    newcomer = crew.bundle("dave")
    crew.propose("carol", Add(newcomer.key_package))
    pending = crew.commit("bob")
    assert pending.welcome is not None
    assert len(crew["bob"].members()) == 4
    joined = join(pending.welcome, [newcomer], authenticate=crew.authenticate, known_group=lambda group_id: False)
    crew.groups["dave"] = joined.group
    crew.say("dave", b"without tea")


def test_members_remember_the_epochs_that_they_were_in() -> None:
    crew = Crew(2)
    crew.commit("alice")
    crew.add("alice", "carol")
    for epoch in (1, 2, 3):
        key = crew["alice"].resumption_psk(epoch)
        assert key is not None
        assert key == crew["bob"].resumption_psk(epoch)
    assert crew["carol"].resumption_psk(2) is None
    assert crew["carol"].resumption_psk(3) == crew["bob"].resumption_psk(3)


def test_an_earlier_epoch_of_the_group_is_found_by_itself() -> None:
    """Hazard of losing it over a restart."""
    crew = Crew(3)
    crew.commit("alice")
    crew.commit("bob")
    crew.groups = {name: load(save(group)) for name, group in crew.groups.items()}
    inject(crew, "carol", of_epoch(crew["carol"], 1))
    inject(crew, "carol", of_epoch(crew["carol"], crew["carol"].epoch))
    crew.say("alice", b"we were all there")


def test_a_newcomer_was_not_there() -> None:
    crew = Crew(2)
    crew.add("alice", "carol")
    proposal = crew["alice"].name_psk(of_epoch(crew["alice"], 1), entropy=crew.entropy)
    pending = crew.create_commit("alice", [proposal])
    assert isinstance(refuses(crew, "carol", pending.commit, "12.4.2/psk-available"), PSKUnavailable)
    assert isinstance(crew["bob"].process(pending.commit, authenticate=crew.authenticate, now_s=NOW_S), StagedCommit)


def test_epochs_too_long_ago_are_forgotten() -> None:
    """Source: RFC 9420 §8.6, on an upper limit"""
    crew = Crew(2)
    first = crew["alice"].resumption_psk(1)
    assert first is not None
    for _ in range(MAX_RESUMPTION_PSKS - 1):
        crew.commit("alice")
    assert crew["bob"].resumption_psk(1) == first
    assert first.reveal() in save(crew["bob"]).epoch_blob
    crew.commit("alice")
    assert crew["bob"].resumption_psk(1) is None
    for group in crew.groups.values():
        saved = save(group)
        assert first.reveal() not in saved.epoch_blob + saved.ratchet_blob
        assert len(group.state.held_psks) == MAX_RESUMPTION_PSKS
    held = Policy(find_psk=lambda psk_id: first.reveal())
    key = of_epoch(crew["alice"], 1)
    with pytest.raises(PSKUnavailable):
        inject(crew, "alice", key)
    inject(crew, "alice", key, held)


def test_the_group_knows_its_own_keys_better_than_the_application() -> None:
    crew = Crew(2)
    crew.commit("alice")
    inject(crew, "alice", of_epoch(crew["alice"], 1), Policy(find_psk=lambda psk_id: b"wrong"))


def test_keys_of_another_group_come_from_the_application() -> None:
    crew, other = Crew(2), Crew(2, seed=1)
    elsewhere = other["alice"].resumption_psk(1)
    assert elsewhere is not None
    key = ResumptionPSK(ResumptionPSKUsage.APPLICATION, b"another crew", 1)
    with pytest.raises(PSKUnavailable):
        inject(crew, "alice", key)
    inject(crew, "alice", key, Policy(find_psk=lambda psk_id: elsewhere.reveal() if psk_id.key == key else None))


def test_a_newcomer_needs_every_key_of_the_commit_that_adds_it() -> None:
    crew = Crew(2)
    bundle = crew.bundle("carol")
    tea = crew["alice"].name_psk(ExternalPSK(b"tea"), entropy=crew.entropy)
    before = crew["alice"].name_psk(of_epoch(crew["alice"], 1), entropy=crew.entropy)
    _, pending = crew["alice"].create_commit(
        [tea, Add(bundle.key_package), before],
        entropy=crew.entropy,
        now_s=NOW_S,
        authenticate=crew.authenticate,
        policy=SHARED,
    )
    assert pending.welcome is not None

    def come(policy: Policy, resume: Group | None) -> Group:
        assert pending.welcome is not None
        return join(
            pending.welcome,
            [bundle],
            authenticate=crew.authenticate,
            known_group=lambda group_id: False,
            resume=lambda group_id: resume if group_id == crew["alice"].group_id else None,
            policy=policy,
        ).group

    for policy, resume in ((SHARED, None), (Policy(), crew["alice"]), (Policy(), None)):
        with pytest.raises(PSKUnavailable):
            come(policy, resume)
    assert come(SHARED, crew["alice"]).epoch_authenticator == pending.group_after.epoch_authenticator


def test_a_key_counts_with_the_nonce_of_its_use() -> None:
    """The same key again is another input, and the same input again is refused."""
    crew = Crew(2)
    key = ExternalPSK(b"tea")
    one = crew["alice"].name_psk(key, entropy=crew.entropy)
    other = PreSharedKey(PreSharedKeyID.fresh(crew.suite.id, key, crew.entropy))
    _, pending = crew["alice"].create_commit(
        [one, other], entropy=crew.entropy, now_s=NOW_S, authenticate=crew.authenticate, policy=SHARED
    )
    assert pending.group_after.epoch == 2
    with pytest.raises(Exception, match="psk-twice"):
        crew.create_commit("alice", [one, one])
