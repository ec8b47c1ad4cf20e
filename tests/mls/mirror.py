"""A member gone bad: makes messages that are well-formed, well-signed and well-MACed, and that no honest client sends.

It holds an honest member's group and uses everything in there, without a single check. Whatever a test wants broken it
passes as an argument or changes by a hook; all the rest is as it should be, so that exactly one rule is broken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from msgspec import structs

from tacit.codec import Writer, encode, encode_varint
from tacit.crypto.secret import Secret
from tacit.crypto.suites import CipherSuite
from tacit.entropy import Entropy
from tacit.limits import MAX_FORWARD_GENERATIONS
from tacit.mls import Group, LeafIndex, LeafNode, Proposal
from tacit.mls.commits import Commit, HPKECiphertext, ProposalReference
from tacit.mls.epochs import Epoch, Schedule, advance_schedule, next_context
from tacit.mls.extensions import Extension
from tacit.mls.framing import Body, FramedContent, FramedContentAuthData, Sender, content_type_of, encode_body
from tacit.mls.key_packages import KeyPackage
from tacit.mls.key_schedule import derive_welcome_key
from tacit.mls.labels import (
    FRAMED_CONTENT_TBS,
    GROUP_INFO_TBS,
    KEY_PACKAGE_TBS,
    WELCOME,
    encrypt_with_label,
    sign_with_label,
)
from tacit.mls.leaf_nodes import sign_leaf
from tacit.mls.messages import (
    EncryptedGroupSecrets,
    GroupInfo,
    GroupSecrets,
    PrivateMessage,
    PublicMessage,
    Welcome,
    encode_message,
)
from tacit.mls.proposal_lists import Applied, CommittedProposal, ProposalList, apply_proposals, psk_ids
from tacit.mls.protection import EpochKeys, SenderData, _guarded, _header, _sender_data_key, ratchet_kind
from tacit.mls.ratchet_tree_extension import encode_ratchet_tree
from tacit.mls.registry import ContentType, ExtensionType, LeafNodeSource, SenderType, WireFormat
from tacit.mls.secret_tree import MessageKey, _next_secret, _step
from tacit.mls.transcript import confirmed_transcript_hash, interim_transcript_hash
from tacit.mls.tree_math import common_ancestor, node_of
from tacit.mls.update_paths import (
    NewPath,
    _set_path,
    derive_node_key,
    derive_path_secrets,
    encrypt_path,
    path_nodes,
)

Hook = Callable[[Any], Any]


def same(value: Any) -> Any:
    """The hook that changes nothing."""
    return value


@dataclass(frozen=True)
class ForgedCommit:
    """A commit made without checks, and all that is needed to go on from it."""

    message: bytes
    epoch: Epoch
    schedule: Schedule
    applied: Applied
    path: NewPath | None


class Mirror:
    """Forges messages of the group that one member holds."""

    def __init__(self, group: Group, entropy: Entropy) -> None:
        self.group = group
        self.entropy = entropy
        self.suite = group.suite

    @property
    def signature_private(self) -> bytes:
        """The member's own signature key."""
        return self.group.state.signature_private.reveal()

    def content(self, body: Body, **changed: Any) -> FramedContent:
        """Content as the member would frame it, with fields changed."""
        group = self.group
        plain = FramedContent(group.group_id, group.epoch, Sender.member(group.own_leaf), b"", body)
        return structs.replace(plain, **changed)

    def sign(self, content: FramedContent, wire_format: WireFormat, private: bytes | None = None) -> bytes:
        """A good signature over the content."""
        tbs = content.to_be_signed(wire_format, self.group.context.encoded)
        return sign_with_label(self.suite, private or self.signature_private, FRAMED_CONTENT_TBS, tbs)

    def private(
        self,
        body: Body,
        *,
        sender: int | None = None,
        generation: int | None = None,
        signature: bytes | None = None,
        signed_by: bytes | None = None,
        tag: bytes | None = None,
        padding: bytes = b"",
        content_type: ContentType | None = None,
        aad: bytes = b"",
        encrypted_sender_data: Hook = same,
        content_bytes: Hook = same,
        header: dict[str, Any] | None = None,
    ) -> bytes:
        """A PrivateMessage; as a member, the mirror knows everybody's message keys."""
        group = self.group
        leaf = group.own_leaf if sender is None else LeafIndex(sender)
        content = self.content(body, sender=Sender.member(leaf), authenticated_data=aad)
        if signature is None:
            signature = self.sign(content, WireFormat.PRIVATE_MESSAGE, signed_by)
        return self.encrypt(
            content,
            FramedContentAuthData(signature, tag),
            leaf,
            generation,
            padding=padding,
            content_type=content_type or content_type_of(body),
            encrypted_sender_data=encrypted_sender_data,
            content_bytes=content_bytes,
            header=header or {},
        )

    def encrypt(
        self,
        content: FramedContent,
        auth: FramedContentAuthData,
        leaf: LeafIndex,
        generation: int | None = None,
        *,
        padding: bytes = b"",
        content_type: ContentType | None = None,
        encrypted_sender_data: Hook = same,
        content_bytes: Hook = same,
        header: dict[str, Any] | None = None,
    ) -> bytes:
        """Encrypt signed content with any member's next key, or that of any generation."""
        group, suite = self.group, self.suite
        keys = group.state.keys(group.secret_tree)
        kind_of_content = content_type or content.content_type
        key = self._message_key(keys, leaf, kind_of_content, generation)
        if generation is None and leaf in keys.leaves:
            _, used = group.secret_tree.next_key(suite, leaf, ratchet_kind(kind_of_content))
            self.group = replace(group, secret_tree=used)
        guard = self.entropy(4)
        start = _header(group.group_id, group.epoch, kind_of_content)
        aad = start + encode_varint(len(content.authenticated_data)) + content.authenticated_data
        w = Writer()
        w.fixed(encode_body(content.body))
        auth.write(w)
        plaintext = content_bytes(w.finish()) + padding
        ciphertext = suite.aead_seal(key.key, _guarded(key, guard), aad, plaintext)
        data = encrypted_sender_data(SenderData(leaf, key.generation, guard).encode())
        sealed = suite.aead_seal(*_sender_data_key(keys, ciphertext), start, data)
        message = PrivateMessage(
            group.group_id, group.epoch, kind_of_content, content.authenticated_data, sealed, ciphertext
        )
        return encode_message(structs.replace(message, **(header or {})))

    def public(
        self,
        body: Body,
        *,
        signature: bytes | None = None,
        signed_by: bytes | None = None,
        tag: bytes | None = None,
        membership_tag: Hook = same,
        **changed: Any,
    ) -> bytes:
        """A PublicMessage."""
        content = self.content(body, **changed)
        if signature is None:
            signature = self.sign(content, WireFormat.PUBLIC_MESSAGE, signed_by)
        auth = FramedContentAuthData(signature, tag)
        w = Writer()
        w.fixed(content.to_be_signed(WireFormat.PUBLIC_MESSAGE, self.group.context.encoded))
        auth.write(w)
        mac = self.suite.mac(self.group.state.secrets.membership_key.reveal(), w.finish())
        is_member = content.sender.sender_type is SenderType.MEMBER
        return encode_message(PublicMessage(content, auth, membership_tag(mac) if is_member else None))

    def leaf(
        self,
        old: LeafNode,
        *,
        index: int | None = None,
        private: bytes | None = None,
        resign: bool = True,
        **changed: Any,
    ) -> LeafNode:
        """A leaf with fields changed, signed again unless that is what is to be broken."""
        leaf = replace(old, **changed)
        if leaf.source is not LeafNodeSource.KEY_PACKAGE:
            leaf = replace(leaf, lifetime=None)
        if leaf.source is not LeafNodeSource.COMMIT:
            leaf = replace(leaf, parent_hash=b"")
        if not resign:
            return leaf
        place = self.group.own_leaf if index is None else LeafIndex(index)
        return sign_leaf(self.suite, leaf, private or self.signature_private, self.group.group_id, place)

    def fresh_key(self) -> bytes:
        """A public HPKE key that nobody has."""
        return self.suite.generate_key_pair(self.entropy).public

    @property
    def own_leaf(self) -> LeafNode:
        """The member's own leaf."""
        return self.group.state.leaves[self.group.own_leaf]

    def update_leaf(self, *, private: bytes | None = None, **changed: Any) -> LeafNode:
        """A leaf for an Update of the mirror's own, with fields changed and signed again."""
        fresh = {"source": LeafNodeSource.UPDATE, "encryption_key": self.fresh_key()}
        return self.leaf(self.own_leaf, private=private, **{**fresh, **changed})

    def commit(
        self,
        proposals: Sequence[Proposal | ProposalReference] = (),
        *,
        listed: Sequence[CommittedProposal] | None = None,
        with_path: bool = True,
        leaf: Hook = same,
        leaf_signed_by: bytes | None = None,
        leaf_after_signing: Hook = same,
        path: Hook = same,
        tag: Hook = same,
        excluded: Sequence[LeafIndex] | None = None,
        context: Hook = same,
        chain: Hook = same,
        path_secrets: Hook = same,
        wire_format: WireFormat = WireFormat.PRIVATE_MESSAGE,
        signed_by: bytes | None = None,
        tree: Hook = same,
        final_tree: Hook = same,
    ) -> ForgedCommit:
        """A commit of any list of proposals; ``listed`` says what it comes to where references are in it.

        Hooks: ``leaf`` changes the path's leaf before it is signed, ``path`` the path before the commit is signed,
        ``chain`` the path secrets before keys are made of them, ``path_secrets`` those that are sent, ``context`` the
        provisional context of their encryption, ``tag`` the confirmation tag, ``tree`` and ``final_tree`` the tree
        before and after the path.
        """
        state, suite, group = self.group.state, self.suite, self.group
        items: ProposalList = tuple(
            listed
            if listed is not None
            else [CommittedProposal(p, group.own_leaf) for p in proposals if not isinstance(p, ProposalReference)]
        )
        applied = apply_proposals(state.tree, state.context.extensions, items)
        applied = replace(applied, tree=tree(applied.tree))
        new, sent, after, commit_secret = None, None, applied.tree, bytes(suite.hash_size)
        if with_path:
            added = [member.leaf_index for member in applied.added] if excluded is None else excluded
            encryption = suite.generate_key_pair(self.entropy)

            def sign(parent_hash: bytes) -> LeafNode:
                own = replace(
                    state.leaves[group.own_leaf],
                    encryption_key=encryption.public,
                    source=LeafNodeSource.COMMIT,
                    lifetime=None,
                    parent_hash=parent_hash,
                )
                changed = leaf(own)
                private = leaf_signed_by or self.signature_private
                return leaf_after_signing(sign_leaf(suite, changed, private, group.group_id, group.own_leaf))

            nodes = path_nodes(applied.tree, group.own_leaf, added)
            first = self.entropy(suite.hash_size)
            secrets, commit_secret = derive_path_secrets(suite, first, len(nodes))
            secrets = chain(secrets)
            pairs = [derive_node_key(suite, secret) for secret in secrets]
            edit = applied.tree.edit()
            public_keys = [pair.public for pair in pairs]
            new_leaf = sign(_set_path(applied.tree, edit, group.own_leaf, nodes, public_keys))
            edit.set_leaf(group.own_leaf, new_leaf)
            private_keys = {step.node: Secret(pair.private) for step, pair in zip(nodes, pairs, strict=True)}
            private_keys[node_of(group.own_leaf)] = Secret(encryption.private)
            new = NewPath(edit.finish(), new_leaf, nodes, secrets, commit_secret, private_keys)
            provisional = context(next_context(state, new.tree, applied.extensions))
            told = replace(new, path_secrets=path_secrets(new.path_secrets))
            sent = path(encrypt_path(told, provisional.encoded))
            after = new.tree
        after = final_tree(after)
        content = self.content(Commit(tuple(proposals), sent))
        signature = self.sign(content, wire_format, signed_by)
        confirmed = confirmed_transcript_hash(suite, state.interim_transcript_hash, wire_format, content, signature)
        next_one = next_context(state, after, applied.extensions, confirmed)
        psk_secret = bytes(suite.hash_size)
        schedule = advance_schedule(state, commit_secret, psk_secret, next_one)
        good_tag = schedule.keys.confirmation_tag(suite, confirmed)
        auth = FramedContentAuthData(signature, tag(good_tag))
        if wire_format is WireFormat.PUBLIC_MESSAGE:
            w = Writer()
            w.fixed(content.to_be_signed(wire_format, group.context.encoded))
            auth.write(w)
            mac = suite.mac(state.secrets.membership_key.reveal(), w.finish())
            message = encode_message(PublicMessage(content, auth, mac))
        else:
            message = self.encrypt(content, auth, group.own_leaf)
        begun = Epoch(
            suite,
            next_one,
            after,
            group.own_leaf,
            {} if new is None else new.private_keys,
            state.signature_private,
            schedule.keys.kept,
            interim_transcript_hash(suite, confirmed, good_tag),
            good_tag,
        )
        return ForgedCommit(message, begun, schedule, applied, new)

    def welcome(
        self,
        forged: ForgedCommit,
        *,
        info: Hook = same,
        info_signed_by: bytes | None = None,
        resign: bool = True,
        secrets: Hook = same,
        ratchet_tree: bytes | None = None,
        new_member: Hook = same,
        welcome: Hook = same,
        init_key: Hook = same,
    ) -> bytes:
        """A Welcome to the epoch of a forged commit for all whom it added, with hooks for each of its parts."""
        suite, epoch = self.suite, forged.epoch
        tree = encode_ratchet_tree(epoch.tree) if ratchet_tree is None else ratchet_tree
        unsigned = info(
            GroupInfo(
                epoch.context,
                (Extension(ExtensionType.RATCHET_TREE, tree),),
                epoch.confirmation_tag,
                epoch.own_leaf,
                b"",
            )
        )
        private = info_signed_by or self.signature_private
        signature = sign_with_label(suite, private, GROUP_INFO_TBS, unsigned.to_be_signed) if resign else b""
        key, nonce = derive_welcome_key(suite, forged.schedule.member_secret)
        sealed_info = suite.aead_seal(key, nonce, b"", encode(replace(unsigned, signature=signature)))
        entries = []
        for member in forged.applied.added:
            plain = GroupSecrets(
                forged.schedule.joiner_secret, self._path_secret(forged, member.leaf_index), psk_ids(())
            )
            target = init_key(member.key_package.init_key)
            sealed = encrypt_with_label(suite, target, WELCOME, sealed_info, encode(secrets(plain)))
            entries.append(EncryptedGroupSecrets(new_member(member.key_package.ref(suite)), HPKECiphertext(*sealed)))
        return encode_message(welcome(Welcome(suite.id, tuple(entries), sealed_info)))

    def _path_secret(self, forged: ForgedCommit, leaf: LeafIndex) -> bytes | None:
        if forged.path is None:
            return None
        shared = common_ancestor(forged.epoch.own_leaf, leaf)
        steps = zip(forged.path.nodes, forged.path.path_secrets, strict=True)
        return next((secret for step, secret in steps if step.node == shared), None)

    def _message_key(
        self, keys: EpochKeys, leaf: LeafIndex, content_type: ContentType, generation: int | None
    ) -> MessageKey:
        suite, kind = self.suite, ratchet_kind(content_type)
        dummy = MessageKey(generation or 0, bytes(suite.key_size), bytes(suite.nonce_size))
        if leaf not in keys.leaves:
            return dummy
        ratchet = keys.secret_tree._with_sender(suite, leaf).ratchet(leaf, kind)
        wanted = ratchet.generation if generation is None else generation
        if not 0 <= wanted - ratchet.generation <= 2 * MAX_FORWARD_GENERATIONS:
            return dummy
        secret = ratchet.secret
        for step in range(ratchet.generation, wanted):
            secret = _next_secret(suite, secret, step)
        return _step(suite, secret, wanted)[0]


def forge_key_package(bundle_package: KeyPackage, suite: CipherSuite, private: bytes, **changed: Any) -> KeyPackage:
    """A key package with fields changed, signed again; its leaf is left alone unless it is among the fields."""
    forged = replace(bundle_package, **{"signature": b"", **changed})
    return replace(forged, signature=sign_with_label(suite, private, KEY_PACKAGE_TBS, forged.to_be_signed))


def forge_key_package_leaf(package: KeyPackage, suite: CipherSuite, private: bytes, **changed: Any) -> KeyPackage:
    """A key package whose leaf has fields changed; both are signed again."""
    leaf = replace(package.leaf_node, **{"signature": b"", **changed})
    signed = sign_leaf(suite, leaf, private, b"", LeafIndex(0))
    return forge_key_package(package, suite, private, leaf_node=signed)
