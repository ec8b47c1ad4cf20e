"""What comes from outside and breaks one rule: external commits, proposals, and group infos that let people in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tacit.crypto.errors import UnsupportedSuite
from tacit.crypto.suites import suite
from tacit.errors import DecodeError, PeerError
from tacit.limits import MAX_EPOCH, MAX_GROUP_MEMBERS
from tacit.mls import (
    Add,
    BasicCredential,
    Extension,
    ExternalInit,
    ExternalPSK,
    ExternalSender,
    GroupContextExtensions,
    GroupInfo,
    LeafIndex,
    LeafNode,
    Policy,
    PreSharedKey,
    PreSharedKeyID,
    Proposal,
    ProposalReceived,
    PSKUnavailable,
    ReInit,
    Remove,
    RequiredCapabilities,
    ResumptionPSK,
    StagedCommit,
    Update,
    create_group,
    external_senders_extension,
    join_externally,
    read_group_info,
)
from tacit.mls.checks.external import check_external_commit
from tacit.mls.commits import Commit, ProposalReference
from tacit.mls.external_init import external_pub_extension, find_external_pub
from tacit.mls.framing import Sender
from tacit.mls.labels import GROUP_INFO_TBS, sign_with_label
from tacit.mls.messages import encode_message
from tacit.mls.proposals import CustomProposal
from tacit.mls.ratchet_tree import RatchetTree
from tacit.mls.registry import ExtensionType, LeafNodeSource, ResumptionPSKUsage, SenderType, WireFormat
from tests.mls.crew import NOW_S, Crew, NotTheirKey
from tests.mls.mirror import Hook, Mirror
from tests.mls.refusal import breaks, refuses, state_of
from tests.mls.stranger import Stranger

OPEN = Policy(external_commits=True)
EVERYTHING = Policy(public_handshakes=True, external_commits=True, outside_proposals=True)
LISTENING = Policy(outside_proposals=True, authenticate_sender=lambda sender: None)
EXTERNAL = Sender(SenderType.EXTERNAL, 0)
NEWCOMER = Sender(SenderType.NEW_MEMBER_PROPOSAL)


@pytest.fixture
def stranger(crew: Crew) -> Stranger:
    """Dave, whom all know, gone bad."""
    return Stranger(crew, crew["alice"], "dave")


@pytest.fixture
def returning(crew: Crew) -> Stranger:
    """Carol, a member, who makes as if she had lost track."""
    return Stranger(crew, crew["alice"], "carol")


def psk_of(key: ExternalPSK | ResumptionPSK, nonce: bytes = bytes(32)) -> PreSharedKey:
    return PreSharedKey(PreSharedKeyID(key, nonce))


def turned_away(crew: Crew, commit: bytes, check: str | None = None, error: type[PeerError] | None = None) -> None:
    """No member takes the commit, even where external commits are welcome."""
    for name in crew.groups:
        if error is None:
            refuses(crew, name, commit, check, policy=OPEN)
        else:
            refuses(crew, name, commit, check, policy=OPEN, error=error)


def test_what_the_stranger_makes_unbroken_is_accepted(crew: Crew, stranger: Stranger, returning: Stranger) -> None:
    for commit in (stranger.commit(), returning.commit([Remove(LeafIndex(2))])):
        event = crew["bob"].process(commit, authenticate=crew.authenticate, now_s=NOW_S, policy=OPEN)
        assert isinstance(event, StagedCommit)
        assert event.group_after is not None
    asked = stranger.say(Add(crew.bundle("dave").key_package), NEWCOMER)
    assert isinstance(crew["bob"].process(asked, authenticate=crew.authenticate, policy=LISTENING), ProposalReceived)


def test_the_order_of_what_comes_in_does_not_matter(crew: Crew, returning: Stranger) -> None:
    commit = returning.commit([Remove(LeafIndex(2))], listed=lambda items: items[::-1])
    assert crew["bob"].process(commit, authenticate=crew.authenticate, policy=OPEN)


def test_every_flipped_bit_of_an_external_commit_is_noticed(crew: Crew, stranger: Stranger) -> None:
    """Hazard A27, for every fifth bit."""
    commit, group = stranger.commit(), crew["bob"]
    before = state_of(group)
    for place in range(0, len(commit) * 8, 5):
        broken = bytearray(commit)
        broken[place // 8] ^= 1 << place % 8
        with pytest.raises(PeerError):
            group.process(bytes(broken), authenticate=crew.authenticate, policy=EVERYTHING)
    assert state_of(group) == before


def test_every_cut_of_an_external_commit_is_noticed(crew: Crew, stranger: Stranger) -> None:
    commit = stranger.commit()
    for length in range(0, len(commit), 7):
        with pytest.raises(DecodeError):
            crew["bob"].process(commit[:length], authenticate=crew.authenticate, policy=EVERYTHING)


def test_external_commits_are_refused_where_nobody_asked_for_them(crew: Crew, stranger: Stranger) -> None:
    for policy in (Policy(), Policy(public_handshakes=True), LISTENING):
        refuses(crew, "bob", stranger.commit(), "12.4.3.2/external-commits", policy=policy)


@pytest.mark.parametrize("count", [0, 2, 3])
def test_an_external_commit_has_exactly_one_init(crew: Crew, stranger: Stranger, count: int) -> None:
    """Hazard B8. X01."""
    turned_away(crew, stranger.commit(listed=lambda items: items[:1] * count), "12.2/one-external-init")


def test_a_member_does_not_use_the_external_init(crew: Crew, mirror: Mirror) -> None:
    """X01, P08."""
    refuses(crew, "bob", mirror.commit([ExternalInit(bytes(32))]).message, "12.2/external-init")


def test_an_init_that_does_not_decapsulate_is_refused(crew: Crew, stranger: Stranger) -> None:
    for changed in (b"", bytes(32), stranger.fresh_key()[:-1], stranger.fresh_key() + b"\0"):
        turned_away(crew, stranger.commit(kem_output=lambda sent, changed=changed: changed), "8.3/kem-output")


def test_an_init_secret_that_the_joiner_does_not_use_is_noticed(crew: Crew, stranger: Stranger) -> None:
    other = stranger.fresh_key()
    turned_away(crew, stranger.commit(kem_output=lambda sent: other), "6.1/confirmation-tag")


def test_who_comes_back_puts_out_one_leaf_only(crew: Crew, returning: Stranger) -> None:
    """X02."""
    both = [Remove(LeafIndex(2)), Remove(LeafIndex(1))]
    turned_away(crew, returning.commit(both), "12.2/one-remove")
    turned_away(crew, returning.commit(both[:1] * 2), "12.2/one-remove")


@pytest.mark.parametrize("leaf", [3, 4, 1000, 0xFFFFFFFF])
def test_who_comes_back_puts_out_a_leaf_that_is_there(crew: Crew, stranger: Stranger, leaf: int) -> None:
    """X02; leaf 3 is blank."""
    turned_away(crew, stranger.commit([Remove(LeafIndex(leaf))]), "12.1.3/removed-leaf")


def test_nobody_puts_out_a_leaf_of_another(crew: Crew, stranger: Stranger) -> None:
    """Hazard B7. X02: the door for identity sees both leaves."""
    for leaf in range(3):
        turned_away(crew, stranger.commit([Remove(LeafIndex(leaf))]), error=NotTheirKey)


def test_who_comes_back_brings_a_new_key(crew: Crew, returning: Stranger) -> None:
    """X02: the new leaf is judged as an update of the old one."""
    old = crew["alice"].state.leaves[LeafIndex(2)].encryption_key
    commit = returning.commit([Remove(LeafIndex(2))], leaf=lambda leaf: replace(leaf, encryption_key=old))
    turned_away(crew, commit, "7.3/encryption-key-changed")


def test_who_comes_back_without_leaving_is_there_twice(crew: Crew, returning: Stranger) -> None:
    turned_away(crew, returning.commit(), "7.3/signature-key-unique")


def reinit(crew: Crew) -> ReInit:
    return ReInit(b"other", 1, crew.suite.id, ())


@pytest.mark.parametrize(
    "make",
    [
        lambda crew: Add(crew.bundle("erin").key_package),
        lambda crew: Update(crew["bob"].state.leaves[LeafIndex(1)]),
        lambda crew: GroupContextExtensions(()),
        reinit,
        lambda crew: CustomProposal(0xF123, b""),
        lambda crew: CustomProposal(0x0A0A, b"grease"),
    ],
)
def test_an_external_commit_does_nothing_else(crew: Crew, stranger: Stranger, make: Callable[[Crew], Proposal]) -> None:
    """Hazard B8. X03."""
    turned_away(crew, stranger.commit([make(crew)]), "12.2/external-commit-types")


def test_an_external_commit_refers_to_nothing(crew: Crew, stranger: Stranger) -> None:
    """Hazard B8. X04; the reference is to a proposal that all have."""
    crew.propose("bob", Remove(LeafIndex(2)))
    reference = ProposalReference(crew["alice"].pending_proposals[0].ref)
    turned_away(crew, stranger.commit(listed=lambda items: (*items, reference)), "12.4.3.2/by-value")
    turned_away(crew, stranger.commit(listed=lambda items: (reference,)), "12.4.3.2/by-value")


def test_an_external_commit_has_a_path(crew: Crew, stranger: Stranger) -> None:
    """Hazard B8. X05."""
    turned_away(crew, stranger.commit(with_path=False), "12.4.3.2/path-required")


def test_an_external_commit_is_signed_by_who_comes_in(crew: Crew, stranger: Stranger) -> None:
    """Rule 12.4.3.2/signed-by-path-leaf. X06."""
    for private in (crew.key("mallory").private, crew.key("alice").private):
        turned_away(crew, stranger.commit(signed_by=private), "6.1/signature")
    turned_away(crew, stranger.commit(signed_for=WireFormat.PRIVATE_MESSAGE), "6.1/signature")
    shapeless = stranger.commit(leaf=lambda leaf: replace(leaf, signature_key=b""))
    turned_away(crew, shapeless, "6.1/signature")


def test_the_signature_of_an_external_commit_is_for_one_epoch(crew: Crew, stranger: Stranger) -> None:
    """X06: it covers the context of the group, of which an old group info does not know."""
    crew.commit("alice")
    turned_away(crew, stranger.commit(epoch=crew["alice"].epoch), "6.1/signature")


def test_who_comes_in_has_no_membership_tag(crew: Crew, stranger: Stranger) -> None:
    """X06: there is no place for one."""
    turned_away(crew, stranger.commit(membership_tag=bytes(32)), error=DecodeError)
    turned_away(crew, stranger.commit(membership_tag=b""), error=DecodeError)


@pytest.mark.parametrize("sender", [NEWCOMER, EXTERNAL])
def test_only_who_comes_in_by_it_sends_an_external_commit(crew: Crew, stranger: Stranger, sender: Sender) -> None:
    """Hazard B8. X06."""
    turned_away(crew, stranger.commit(sender=sender), "6.1/sender-type")


def test_who_comes_in_does_not_speak_as_a_member(crew: Crew, stranger: Stranger) -> None:
    """Hazard B8."""
    for leaf in range(3):
        commit = stranger.commit(sender=Sender.member(LeafIndex(leaf)), membership_tag=bytes(32))
        for name in crew.groups:
            refuses(crew, name, commit, "6.2/membership-tag", policy=EVERYTHING)
    commit = stranger.commit(sender=Sender.member(LeafIndex(3)), membership_tag=bytes(32))
    refuses(crew, "bob", commit, "6.3.2/sender-leaf", policy=EVERYTHING)


def test_an_external_commit_is_for_this_group_and_epoch(crew: Crew, stranger: Stranger) -> None:
    turned_away(crew, stranger.commit(group_id=b"other"), "6/group-id")
    for epoch in (0, 2, 2**64 - 1):
        turned_away(crew, stranger.commit(epoch=epoch), "6/epoch")


def test_the_joiner_takes_the_leftmost_blank_leaf_and_no_other(crew: Crew, stranger: Stranger) -> None:
    """Rule 12.4.3.2/leftmost-blank.

    X07: a leaf that is signed for another place is no leaf here, and a path from there has another shape.
    """
    turned_away(crew, stranger.commit(signed_as=0), "7.3/signature")
    turned_away(crew, stranger.commit(signed_as=4), "7.3/signature")
    crew.remove("alice", "bob")
    now = Stranger(crew, crew["alice"], "dave")
    turned_away(crew, now.commit(at=3), "7.3/signature")
    turned_away(crew, now.commit(at=3, signed_as=1), "7.9.2/path-parent-hash")


def test_a_leaf_of_another_kind_does_not_come_in(crew: Crew, stranger: Stranger) -> None:
    lifetime = stranger.leaf.lifetime
    for source in (LeafNodeSource.KEY_PACKAGE, LeafNodeSource.UPDATE):
        commit = stranger.commit(
            leaf=lambda leaf, source=source: replace(
                leaf,
                source=source,
                parent_hash=b"",
                lifetime=lifetime if source is LeafNodeSource.KEY_PACKAGE else None,
            )
        )
        turned_away(crew, commit, "7.3/source")


def test_the_leaf_is_signed_with_its_own_key(crew: Crew, stranger: Stranger) -> None:
    turned_away(crew, stranger.commit(leaf_signed_by=crew.key("mallory").private), "7.3/signature")


def test_who_comes_in_is_who_he_says(crew: Crew, stranger: Stranger) -> None:
    """Hazard B5."""
    """Hazard B5."""
    other = BasicCredential(b"erin")
    crew.key("erin")
    turned_away(crew, stranger.commit(leaf=lambda leaf: replace(leaf, credential=other)), error=NotTheirKey)


def test_the_keys_that_come_in_are_new(crew: Crew, stranger: Stranger) -> None:
    taken = crew["alice"].state.leaves[LeafIndex(0)].encryption_key
    turned_away(crew, stranger.commit(leaf=lambda leaf: replace(leaf, encryption_key=taken)), "12.4.2/path-key-fresh")

    def twice(path: Any) -> Any:
        return replace(path, nodes=(replace(path.nodes[0], encryption_key=taken), *path.nodes[1:]))

    turned_away(crew, stranger.commit(path=twice), "12.4.2/path-key-fresh")


def test_the_path_of_who_comes_in_has_the_shape_of_the_tree(crew: Crew, stranger: Stranger) -> None:
    def shorter(path: Any) -> Any:
        return replace(path, nodes=path.nodes[:-1])

    def fewer(path: Any) -> Any:
        return replace(path, nodes=(*path.nodes[:-1], replace(path.nodes[-1], encrypted_path_secret=())))

    turned_away(crew, stranger.commit(path=shorter), "7.6/path-length")
    turned_away(crew, stranger.commit(path=fewer), "7.6/ciphertext-count")
    wrong = stranger.commit(leaf=lambda leaf: replace(leaf, parent_hash=bytes(32)))
    turned_away(crew, wrong, "7.9.2/path-parent-hash")


def test_a_path_secret_that_does_not_open_is_refused(crew: Crew, stranger: Stranger) -> None:
    def garbled(path: Any) -> Any:
        def garble(sent: Any) -> Any:
            return replace(sent, ciphertext=bytes(len(sent.ciphertext)))

        nodes = tuple(
            replace(node, encrypted_path_secret=tuple(map(garble, node.encrypted_path_secret))) for node in path.nodes
        )
        return replace(path, nodes=nodes)

    turned_away(crew, stranger.commit(path=garbled), "7.5/path-secret")


def test_the_confirmation_tag_of_an_external_commit_is_compared_as_a_whole(crew: Crew, stranger: Stranger) -> None:
    """Hazard B1."""
    changes: list[Hook] = [lambda tag: b"", lambda tag: tag[:-1], lambda tag: tag + b"\0", lambda tag: bytes(len(tag))]
    for change in changes:
        turned_away(crew, stranger.commit(tag=change), "6.1/confirmation-tag")


def test_pre_shared_keys_that_come_in_are_sound(crew: Crew, stranger: Stranger) -> None:
    door = ExternalPSK(b"door")
    turned_away(crew, stranger.commit([psk_of(door, bytes(31))]), "12.1.4/psk-nonce")
    for usage in (ResumptionPSKUsage.REINIT, ResumptionPSKUsage.BRANCH):
        turned_away(crew, stranger.commit([psk_of(ResumptionPSK(usage, b"crew", 1))]), "12.1.4/psk-usage")
    turned_away(crew, stranger.commit([psk_of(door)]), error=PSKUnavailable)


def test_a_resumption_psk_of_this_group_keeps_strangers_out(crew: Crew, stranger: Stranger) -> None:
    """The members know it, the stranger does not, whatever it names."""
    psk = psk_of(ResumptionPSK(ResumptionPSKUsage.APPLICATION, b"crew", 1))
    turned_away(crew, stranger.commit([psk]), "6.1/confirmation-tag")


def test_what_the_group_requires_who_comes_in_has() -> None:
    required = RequiredCapabilities(extension_types=(0xF7A0,)).as_extension()
    crew = Crew(2, extensions=(required,), extension_types=(0xF7A0,))
    crew.extension_types = ()
    turned_away(crew, Stranger(crew, crew["alice"], "dave").commit(), "7.3/required-capabilities")


def test_a_full_group_takes_nobody_in(crew: Crew) -> None:
    leaf = crew["alice"].state.leaves[LeafIndex(0)]
    nodes = tuple(leaf if index % 2 == 0 and index < 2 * MAX_GROUP_MEMBERS else None for index in range(2047))
    full = RatchetTree(crew.suite, nodes)
    with breaks("limits/group-members"):
        check_external_commit(crew.suite, full, [ExternalInit(b"")])
    check_external_commit(crew.suite, full, [ExternalInit(b""), Remove(LeafIndex(5))])


def told(crew: Crew, change: Hook, *, private: bytes | None = None, resign: bool = True) -> bytes:
    """Alice's group info with a change, signed again."""
    info = replace(change(read_group_info(crew["alice"].group_info())))
    signer = private or crew.key("alice").private
    signature = sign_with_label(crew.suite, signer, GROUP_INFO_TBS, info.to_be_signed) if resign else b""
    return encode_message(replace(info, signature=signature))


def stays_out(crew: Crew, info: bytes, check: str) -> None:
    """Who is told this does not come in."""
    with breaks(check):
        join_externally(
            info,
            b"dave",
            crew.key("dave").private,
            authenticate=crew.authenticate,
            now_s=NOW_S,
            entropy=crew.entropy,
        )


def with_pub(data: bytes) -> Hook:
    """The hook that puts this into the extension for the external key."""

    def change(info: GroupInfo) -> GroupInfo:
        extensions = (
            replace(extension, extension_data=data)
            if extension.extension_type == ExtensionType.EXTERNAL_PUB
            else extension
            for extension in info.extensions
        )
        return replace(info, extensions=tuple(extensions))

    return change


def test_a_key_by_which_nobody_can_come_in_is_refused(crew: Crew) -> None:
    """X08."""
    whole = find_external_pub(read_group_info(crew["alice"].group_info()).extensions)
    assert whole is not None
    for broken in (b"", whole[:-1], whole + b"\0", bytes(len(whole))):
        stays_out(crew, told(crew, with_pub(external_pub_extension(broken).extension_data)), "12.4.3.2/external-pub")
    for malformed in (b"", b"\x01", external_pub_extension(whole).extension_data + b"\0"):
        stays_out(crew, told(crew, with_pub(malformed)), "12.4.3.2/external-pub")
    stays_out(crew, crew["alice"].group_info(external_pub=False), "12.4.3.2/external-pub")


def test_a_group_info_for_joining_is_signed_by_the_member_that_it_names(crew: Crew) -> None:
    """X08."""
    stays_out(crew, told(crew, lambda info: info, private=crew.key("bob").private), "12.4.3/group-info-signature")
    stays_out(crew, told(crew, lambda info: info, resign=False), "12.4.3/group-info-signature")
    stays_out(crew, told(crew, lambda info: replace(info, signer=1)), "12.4.3/group-info-signature")
    for signer in (3, 4, 0xFFFFFFFF):
        stays_out(crew, told(crew, lambda info, signer=signer: replace(info, signer=signer)), "12.4.3.1/signer")


def test_a_group_info_for_joining_comes_with_its_own_tree(crew: Crew) -> None:
    """X08."""
    for tree_hash in (bytes(32), b""):
        changed = told(
            crew,
            lambda info, tree_hash=tree_hash: replace(
                info, group_context=replace(info.group_context, tree_hash=tree_hash)
            ),
        )
        stays_out(crew, changed, "12.4.3.1/tree-hash")


def test_a_group_that_uses_what_we_lack_is_not_joined(crew: Crew) -> None:
    asks = RequiredCapabilities(proposal_types=(0xF123,)).as_extension()
    other = create_group(
        b"other",
        crew.suite.id,
        b"alice",
        crew.key("alice").private,
        extension_types=(0xF7A0,),
        proposal_types=(0xF123,),
        extensions=(Extension(0xF7A0, b""), asks),
        entropy=crew.entropy,
        now_s=NOW_S,
    )
    stays_out(crew, other.group_info(), "13.4/unsupported-group-extension")


@pytest.mark.parametrize("epoch", [MAX_EPOCH, MAX_EPOCH + 1, 2**64 - 1])
def test_epochs_that_nobody_can_count_are_not_joined(crew: Crew, epoch: int) -> None:
    changed = told(crew, lambda info: replace(info, group_context=replace(info.group_context, epoch=epoch)))
    stays_out(crew, changed, "limits/epoch")


def test_a_suite_that_we_do_not_have_is_not_joined(crew: Crew) -> None:
    changed = told(crew, lambda info: replace(info, group_context=replace(info.group_context, cipher_suite=0xF999)))
    with pytest.raises(UnsupportedSuite):
        stays_out(crew, changed, "")


def test_a_false_confirmation_tag_leads_nowhere(crew: Crew) -> None:
    """Rule 12.4.3.2/trusted-group-info. X08: the joiner cannot see that it is false, and the members do not follow."""
    false = told(crew, lambda info: replace(info, confirmation_tag=bytes(len(info.confirmation_tag))))
    joined = join_externally(
        false, b"dave", crew.key("dave").private, authenticate=crew.authenticate, now_s=NOW_S, entropy=crew.entropy
    )
    turned_away(crew, joined.commit, "6.1/confirmation-tag")


@pytest.fixture
def office(crew: Crew) -> Stranger:
    """Somebody outside whom the group has named as its first external sender, with Dave's key."""
    key = crew.key("dave")
    named = external_senders_extension((ExternalSender(key.public, BasicCredential(b"office")),))
    crew.commit("alice", [GroupContextExtensions((named,))])
    return Stranger(crew, crew["alice"], "dave")


def unheard(crew: Crew, message: bytes, check: str | None = None, error: type[PeerError] | None = None) -> None:
    """No member takes the proposal up, even where the outside is listened to."""
    for name in crew.groups:
        if error is None:
            refuses(crew, name, message, check, policy=LISTENING)
        else:
            refuses(crew, name, message, check, policy=LISTENING, error=error)


def test_what_the_office_says_unbroken_is_heard(crew: Crew, office: Stranger) -> None:
    for proposal in (Remove(LeafIndex(2)), GroupContextExtensions(()), psk_of(ExternalPSK(b"x"))):
        message = office.say(proposal, EXTERNAL)
        event = crew["bob"].process(message, authenticate=crew.authenticate, policy=LISTENING)
        assert isinstance(event, ProposalReceived)


def test_the_outside_is_not_heard_where_nobody_asked(crew: Crew, office: Stranger) -> None:
    message = office.say(Remove(LeafIndex(2)), EXTERNAL)
    for policy in (Policy(), Policy(public_handshakes=True), OPEN):
        refuses(crew, "bob", message, "12.1.8/outside-proposals", policy=policy)


@pytest.mark.parametrize("index", [1, 2, 0xFFFFFFFF])
def test_who_is_not_named_is_not_heard(crew: Crew, office: Stranger, index: int) -> None:
    """F11."""
    message = office.say(Remove(LeafIndex(2)), Sender(SenderType.EXTERNAL, index))
    unheard(crew, message, "12.1.8/external-sender")


def test_where_nobody_is_named_nobody_is_heard(crew: Crew, stranger: Stranger) -> None:
    """F11."""
    unheard(crew, stranger.say(Remove(LeafIndex(2)), EXTERNAL), "12.1.8/external-sender")


@pytest.mark.parametrize(
    "make",
    [
        lambda crew: Update(crew["bob"].state.leaves[LeafIndex(1)]),
        lambda crew: ExternalInit(bytes(32)),
        lambda crew: CustomProposal(0xF123, b""),
    ],
)
def test_the_outside_proposes_no_more_than_it_may(
    crew: Crew, office: Stranger, make: Callable[[Crew], Proposal]
) -> None:
    """F11."""
    unheard(crew, office.say(make(crew), EXTERNAL), "12.1.8/external-proposal-type")


def test_the_outside_commits_nothing(crew: Crew, office: Stranger) -> None:
    """F11, F12."""
    for sender in (EXTERNAL, NEWCOMER):
        unheard(crew, office.say(Commit((), None), sender, tag=bytes(32)), "6.1/sender-type")


def test_the_outside_signs_with_the_key_that_is_named(crew: Crew, office: Stranger) -> None:
    """F09."""
    body = Remove(LeafIndex(2))
    for private in (crew.key("mallory").private, crew.key("alice").private):
        unheard(crew, office.say(body, EXTERNAL, signed_by=private), "6.1/signature")
    unheard(crew, office.say(body, EXTERNAL, signed_for=WireFormat.PRIVATE_MESSAGE), "6.1/signature")
    unheard(crew, office.say(body, EXTERNAL, signature=lambda signature: b""), "6.1/signature")


def test_the_outside_has_no_membership_tag(crew: Crew, office: Stranger) -> None:
    """F06."""
    unheard(crew, office.say(Remove(LeafIndex(2)), EXTERNAL, membership_tag=bytes(32)), error=DecodeError)


def test_what_the_outside_says_is_for_this_group_and_epoch(crew: Crew, office: Stranger) -> None:
    unheard(crew, office.say(Remove(LeafIndex(2)), EXTERNAL, group_id=b"other"), "6/group-id")
    unheard(crew, office.say(Remove(LeafIndex(2)), EXTERNAL, epoch=1), "6/epoch")


def test_what_the_outside_proposes_is_judged_as_that_of_members(crew: Crew, office: Stranger) -> None:
    unheard(crew, office.say(Remove(LeafIndex(3)), EXTERNAL), "12.1.3/removed-leaf")
    package = crew.bundle("erin").key_package
    unheard(crew, office.say(Add(replace(package, signature=b"")), EXTERNAL), "10.1/signature")
    unheard(crew, office.say(psk_of(ExternalPSK(b"x"), b"short"), EXTERNAL), "12.1.4/psk-nonce")


def test_who_asks_to_come_in_proposes_that_and_nothing_else(crew: Crew, stranger: Stranger) -> None:
    """F12."""
    for proposal in (Remove(LeafIndex(2)), GroupContextExtensions(()), ExternalInit(bytes(32)), reinit(crew)):
        unheard(crew, stranger.say(proposal, NEWCOMER), "6.1/new-member-add")


def test_nobody_asks_for_another(crew: Crew, stranger: Stranger) -> None:
    """F12: the key that signs is the one that is to come in."""
    unheard(crew, stranger.say(Add(crew.bundle("erin").key_package), NEWCOMER), "6.1/signature")


def test_a_key_of_no_form_signs_nothing(crew: Crew, stranger: Stranger) -> None:
    """F12, L13."""
    package = crew.bundle("dave").key_package
    shapeless: LeafNode = replace(package.leaf_node, signature_key=b"")
    unheard(crew, stranger.say(Add(replace(package, leaf_node=shapeless)), NEWCOMER), "6.1/signature")


def test_who_asks_to_come_in_is_judged_like_anybody(crew: Crew, stranger: Stranger) -> None:
    package = crew.bundle("dave").key_package
    unheard(crew, stranger.say(Add(replace(package, init_key=b"")), NEWCOMER), "10.1/init-key-form")
    crew.keys["dave"] = crew.suite.generate_signature_key_pair(crew.entropy)
    unheard(crew, stranger.say(Add(package), NEWCOMER), error=NotTheirKey)


def test_whoever_is_named_outside_is_judged(crew: Crew, mirror: Mirror) -> None:
    """L01, hazard: a member gives somebody outside a say. Judged where the outside is listened to."""
    senders = (ExternalSender(crew.key("mallory").public, BasicCredential(b"mallory")),)
    named = GroupContextExtensions((external_senders_extension(senders),))
    listening = Policy(outside_proposals=True)
    for message in (mirror.private(named), mirror.commit([named]).message):
        refuses(crew, "bob", message, "5.3.1/external-senders", policy=listening)
        assert crew["bob"].process(message, authenticate=crew.authenticate, policy=LISTENING)
        assert crew["bob"].process(message, authenticate=crew.authenticate)
    with breaks("5.3.1/external-senders"):
        crew["alice"].create_commit(
            [named], entropy=crew.entropy, now_s=NOW_S, authenticate=crew.authenticate, policy=listening
        )
    crew.commit("alice", [named])
    assert crew["bob"].process(crew.create_commit("alice").commit, authenticate=crew.authenticate, policy=listening)
    with breaks("5.3.1/external-senders"):
        crew.external_commit("dave", by="alice", policy=listening)


@pytest.mark.parametrize("suite_id", [0xF062, 2, 7])
def test_keys_of_other_kems_are_checked_as_well(suite_id: int) -> None:
    """X08, L13."""
    crew = Crew(2, suite_id)
    size = suite(suite_id).public_key_size
    stays_out(
        crew, told(crew, with_pub(external_pub_extension(b"\xff" * size).extension_data)), "12.4.3.2/external-pub"
    )
