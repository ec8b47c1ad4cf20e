"""Group infos that break one rule, shown to somebody who would let himself in."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tacit.crypto.errors import UnsupportedSuite
from tacit.crypto.suites import suite
from tacit.limits import MAX_EPOCH
from tacit.mls import (
    Extension,
    ExternalJoin,
    GroupInfo,
    Policy,
    RequiredCapabilities,
    create_group,
    join_externally,
    read_group_info,
)
from tacit.mls.external_init import external_pub_extension, find_external_pub
from tacit.mls.labels import GROUP_INFO_TBS, sign_with_label
from tacit.mls.messages import encode_message
from tacit.mls.registry import ExtensionType
from tests.mls.crew import NOW_S, Crew
from tests.mls.mirror import Hook
from tests.mls.refusal import breaks, refuses


def told(crew: Crew, change: Hook, *, private: bytes | None = None, resign: bool = True) -> bytes:
    """Alice's group info with a change, signed again."""
    info = replace(change(read_group_info(crew["alice"].group_info())))
    signer = private or crew.key("alice").private
    signature = sign_with_label(crew.suite, signer, GROUP_INFO_TBS, info.to_be_signed) if resign else b""
    return encode_message(replace(info, signature=signature))


def come_in(crew: Crew, info: bytes) -> ExternalJoin:
    """What somebody makes of it."""
    return join_externally(
        info,
        b"dave",
        crew.key("dave").private,
        authenticate=crew.authenticate,
        now_s=NOW_S,
        entropy=crew.entropy,
    )


def stays_out(crew: Crew, info: bytes, check: str) -> None:
    """Who is told this does not come in."""
    with breaks(check):
        come_in(crew, info)


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
    for name in crew.groups:
        refuses(crew, name, joined.commit, "6.1/confirmation-tag", policy=Policy(external_commits=True))


@pytest.mark.parametrize("suite_id", [0xF062, 2, 7])
def test_keys_of_other_kems_are_checked_as_well(suite_id: int) -> None:
    """X08, L13."""
    crew = Crew(2, suite_id)
    size = suite(suite_id).public_key_size
    stays_out(
        crew, told(crew, with_pub(external_pub_extension(b"\xff" * size).extension_data)), "12.4.3.2/external-pub"
    )


def test_the_last_epochs_can_still_be_joined(crew: Crew) -> None:
    def late(info: GroupInfo) -> GroupInfo:
        return replace(info, group_context=replace(info.group_context, epoch=MAX_EPOCH - 1))

    assert come_in(crew, told(crew, late)).group.epoch == MAX_EPOCH
