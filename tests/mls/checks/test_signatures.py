"""One key signs everything that anybody signs in MLS and around it, and no signature passes for another. Hazard B28."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tacit.crypto.eddsa import ED25519
from tacit.errors import CryptoError
from tacit.identity.account_keys import labelled
from tacit.identity.certificates import CERTIFICATE_LABEL
from tacit.mls import Remove
from tacit.mls.framing import FramedContent, Sender
from tacit.mls.labels import (
    FRAMED_CONTENT_TBS,
    GROUP_INFO_TBS,
    KEY_PACKAGE_TBS,
    LEAF_NODE_TBS,
    UPDATE_PATH_NODE,
    WELCOME,
    decrypt_with_label,
    encrypt_with_label,
    sign_with_label,
    verify_with_label,
)
from tacit.mls.messages import GroupInfo, decode_message
from tacit.mls.registry import LeafNodeSource, SenderType, WireFormat
from tacit.mls.tree_math import LeafIndex
from tacit.wire.signing import hello_tbs, login_tbs, register_tbs, revoke_tbs
from tests.mls.crew import Crew
from tests.mls.mirror import Mirror

LABELS = (LEAF_NODE_TBS, KEY_PACKAGE_TBS, FRAMED_CONTENT_TBS, GROUP_INFO_TBS)
B16, B32 = bytes(16), bytes(32)


@dataclass(frozen=True)
class Purpose:
    """What is signed for one purpose: MLS content under a label, or bytes that begin with a label of tacit's own."""

    name: str
    content: bytes
    label: bytes | None

    def sign(self, crew: Crew) -> bytes:
        private = crew.key("alice").private
        if self.label is None:
            return ED25519.sign(private, self.content)
        return sign_with_label(crew.suite, private, self.label, self.content)

    def verify(self, crew: Crew, signature: bytes) -> None:
        public = crew.key("alice").public
        if self.label is None:
            ED25519.verify(public, self.content, signature)
        else:
            verify_with_label(crew.suite, public, self.label, self.content, signature)


def purposes(crew: Crew, mirror: Mirror) -> Iterator[Purpose]:
    group, package = crew["alice"], crew.bundle("alice").key_package
    for source in LeafNodeSource:
        lifetime = package.leaf_node.lifetime
        leaf = mirror.leaf(package.leaf_node, source=source, lifetime=lifetime, parent_hash=B32)
        yield Purpose(f"leaf {source.name}", leaf.to_be_signed(group.group_id, LeafIndex(0)), LEAF_NODE_TBS)
    yield Purpose("key package", package.to_be_signed, KEY_PACKAGE_TBS)
    for wire_format in (WireFormat.PRIVATE_MESSAGE, WireFormat.PUBLIC_MESSAGE):
        for sender in (Sender.member(LeafIndex(0)), Sender(SenderType.EXTERNAL, 0)):
            content = FramedContent(group.group_id, group.epoch, sender, b"", Remove(LeafIndex(2)))
            signed = content.to_be_signed(wire_format, group.context.encoded)
            yield Purpose(f"{wire_format.name} {sender.sender_type.name}", signed, FRAMED_CONTENT_TBS)
    info = decode_message(group.group_info())
    assert isinstance(info, GroupInfo)
    yield Purpose("group info", info.to_be_signed, GROUP_INFO_TBS)
    yield from tacits_own(group.group_id)


def tacits_own(content: bytes) -> Iterator[Purpose]:
    yield Purpose("device certificate", labelled(CERTIFICATE_LABEL, content), None)
    yield Purpose("revocation", revoke_tbs(account_id=B16, device_id=B16), None)
    yield Purpose(
        "hello",
        hello_tbs(protocol_min=1, protocol_max=1, challenge=B32, certificate_hash=B32, relay_key=B32),
        None,
    )
    common = {"relay_key": B32, "certificate_hash": B32, "challenge": B32}
    yield Purpose("login", login_tbs(protocol=1, account_id=B16, device_id=B16, **common), None)
    yield Purpose(
        "registration",
        register_tbs(protocol=1, account_key=B32, device_certificate=content, handle="a", invite="", **common),
        None,
    )


def refused(verify: Callable[[], None]) -> None:
    with pytest.raises(CryptoError):
        verify()


def test_b28_no_signature_passes_for_another(crew: Crew, mirror: Mirror) -> None:
    """Every signed object against every verifier."""
    every = list(purposes(crew, mirror))
    assert len(every) == 14
    for signed in every:
        signature = signed.sign(crew)
        signed.verify(crew, signature)
        for other in every:
            if other is not signed:
                refused(lambda other=other, signature=signature: other.verify(crew, signature))  # type: ignore[misc]


def test_b28_no_content_passes_under_another_label(crew: Crew, mirror: Mirror) -> None:
    """The same bytes under every label of MLS, and as tacit signs them: without any."""
    for signed in purposes(crew, mirror):
        signature = signed.sign(crew)
        for label in (*LABELS, None):
            if label != signed.label:
                other = Purpose("other", signed.content, label)
                refused(lambda other=other, signature=signature: other.verify(crew, signature))  # type: ignore[misc]


def test_b28_encrypted_things_and_derived_secrets_have_labels_of_their_own(crew: Crew) -> None:
    """A path secret does not open as group secrets; one exported secret is no other."""
    pair = crew.suite.generate_key_pair(crew.entropy)
    for label, other in ((UPDATE_PATH_NODE, WELCOME), (WELCOME, UPDATE_PATH_NODE)):
        sealed = encrypt_with_label(crew.suite, pair.public, label, b"context", B32)
        assert decrypt_with_label(crew.suite, pair.private, label, b"context", *sealed) == B32
        with pytest.raises(CryptoError):
            decrypt_with_label(crew.suite, pair.private, other, b"context", *sealed)
    secrets = crew["alice"].state.secrets
    kept = [
        secrets.init_secret,
        secrets.sender_data_secret,
        secrets.exporter_secret,
        secrets.external_secret,
        secrets.membership_key,
        secrets.resumption_psk,
        secrets.epoch_authenticator,
    ]
    assert len({secret.reveal() for secret in kept}) == 7
