"""Somebody outside gone bad: makes external commits that are well-formed and well-signed, and that nobody honest makes.

It holds a group info and a key of its own, and checks nothing. What a test wants broken it changes by a hook.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from msgspec import structs

from tacit.crypto.keys import KeyPair
from tacit.crypto.secret import Secret
from tacit.mls import Group, LeafIndex, LeafNode, Proposal, Remove, read_group_info
from tacit.mls.commits import Commit, ProposalReference
from tacit.mls.epochs import context_after, run_schedule
from tacit.mls.external_init import find_external_pub, send_init_secret
from tacit.mls.framing import Body, FramedContent, FramedContentAuthData, Sender
from tacit.mls.group_infos import tree_of
from tacit.mls.labels import FRAMED_CONTENT_TBS, sign_with_label
from tacit.mls.leaf_nodes import sign_leaf
from tacit.mls.messages import PublicMessage, encode_message
from tacit.mls.proposals import ExternalInit
from tacit.mls.ratchet_tree import RatchetTree
from tacit.mls.registry import LeafNodeSource, SenderType, WireFormat
from tacit.mls.transcript import confirmed_transcript_hash, interim_transcript_hash
from tacit.mls.tree_math import node_of
from tacit.mls.update_paths import NewPath, _set_path, derive_node_key, derive_path_secrets, encrypt_path, path_nodes
from tests.mls.crew import Crew
from tests.mls.mirror import Hook, same


class Stranger:
    """Forges what comes from outside a group, with the name and the key of somebody whom the crew knows."""

    def __init__(self, crew: Crew, group: Group, name: str) -> None:
        self.crew, self.suite, self.entropy = crew, crew.suite, crew.entropy
        self.info = read_group_info(group.group_info())
        self.context = self.info.group_context
        self.tree = tree_of(self.suite, self.info, None)
        self.key: KeyPair = crew.key(name)
        self.leaf = crew.bundle(name).key_package.leaf_node

    def say(
        self,
        body: Body,
        sender: Sender,
        *,
        signed_by: bytes | None = None,
        signed_for: WireFormat = WireFormat.PUBLIC_MESSAGE,
        signature: Hook = same,
        membership_tag: bytes | None = None,
        tag: bytes | None = None,
        **changed: Any,
    ) -> bytes:
        """A PublicMessage of any sender, signed."""
        content = structs.replace(
            FramedContent(self.context.group_id, self.context.epoch, sender, b"", body), **changed
        )
        signed = signature(self._sign(content, signed_by, signed_for))
        return encode_message(PublicMessage(content, FramedContentAuthData(signed, tag), membership_tag))

    def commit(
        self,
        proposals: Sequence[Proposal] = (),
        *,
        listed: Hook = same,
        kem_output: Hook = same,
        leaf: Hook = same,
        leaf_signed_by: bytes | None = None,
        signed_as: int | None = None,
        at: int | None = None,
        path: Hook = same,
        with_path: bool = True,
        signed_by: bytes | None = None,
        signed_for: WireFormat = WireFormat.PUBLIC_MESSAGE,
        tag: Hook = same,
        membership_tag: bytes | None = None,
        sender: Sender | None = None,
        **changed: Any,
    ) -> bytes:
        """An external commit of an ExternalInit and ``proposals``.

        Hooks: ``listed`` changes the list, ``leaf`` the leaf before it is signed, ``path`` the path before the commit
        is signed, ``kem_output`` what members get of the init secret, ``tag`` the confirmation tag. ``at`` is the place
        taken, ``signed_as`` the place that the leaf is signed for.
        """
        public = find_external_pub(self.info.extensions)
        assert public is not None
        sent, init_secret = send_init_secret(self.suite, public)
        items: tuple[Proposal | ProposalReference, ...] = listed((ExternalInit(kem_output(sent)), *proposals))
        new = self._path(items, leaf, leaf_signed_by, at, signed_as)
        provisional = context_after(self.context, new.tree, self.context.extensions)
        update_path = path(encrypt_path(new, provisional.encoded)) if with_path else None
        plain = FramedContent(
            self.context.group_id,
            self.context.epoch,
            sender or Sender(SenderType.NEW_MEMBER_COMMIT),
            b"",
            Commit(items, update_path),
        )
        content = structs.replace(plain, **changed)
        signature = self._sign(content, signed_by, signed_for)
        interim = interim_transcript_hash(
            self.suite, self.context.confirmed_transcript_hash, self.info.confirmation_tag
        )
        confirmed = confirmed_transcript_hash(self.suite, interim, WireFormat.PUBLIC_MESSAGE, content, signature)
        after = context_after(self.context, new.tree, self.context.extensions, confirmed)
        no_psk = bytes(self.suite.hash_size)
        keys = run_schedule(self.suite, init_secret, new.commit_secret, no_psk, after).keys
        auth = FramedContentAuthData(signature, tag(keys.confirmation_tag(self.suite, confirmed)))
        return encode_message(PublicMessage(content, auth, membership_tag))

    def fresh_key(self) -> bytes:
        """A public HPKE key that nobody has."""
        return self.suite.generate_key_pair(self.entropy).public

    def _sign(self, content: FramedContent, private: bytes | None, wire_format: WireFormat) -> bytes:
        tbs = content.to_be_signed(wire_format, self.context.encoded)
        return sign_with_label(self.suite, private or self.key.private, FRAMED_CONTENT_TBS, tbs)

    def _placed(self, items: Sequence[Proposal | ProposalReference], at: int | None) -> tuple[RatchetTree, LeafIndex]:
        """The tree with the removals that can be made, and the place that is taken in it."""
        edit = self.tree.edit()
        for leaf in {item.removed for item in items if isinstance(item, Remove)}:
            if self.tree.leaf(leaf) is not None:
                edit.remove(leaf)
        if at is not None:
            edit.set_leaf(LeafIndex(at), self.leaf)
            return edit.finish(), LeafIndex(at)
        index = edit.add(self.leaf)
        return edit.finish(), index

    def _path(
        self,
        items: Sequence[Proposal | ProposalReference],
        leaf: Hook,
        leaf_signed_by: bytes | None,
        at: int | None,
        signed_as: int | None,
    ) -> NewPath:
        suite = self.suite
        tree, index = self._placed(items, at)
        nodes = path_nodes(tree, index, ())
        secrets, commit_secret = derive_path_secrets(suite, self.entropy(suite.hash_size), len(nodes))
        pairs = [derive_node_key(suite, secret) for secret in secrets]
        edit = tree.edit()
        parent_hash = _set_path(tree, edit, index, nodes, [pair.public for pair in pairs])
        own: LeafNode = leaf(
            replace(
                self.leaf,
                encryption_key=self.fresh_key(),
                source=LeafNodeSource.COMMIT,
                lifetime=None,
                parent_hash=parent_hash,
            )
        )
        place = index if signed_as is None else LeafIndex(signed_as)
        signed = sign_leaf(suite, own, leaf_signed_by or self.key.private, self.context.group_id, place)
        edit.set_leaf(index, signed)
        private_keys = {step.node: Secret(pair.private) for step, pair in zip(nodes, pairs, strict=True)}
        private_keys[node_of(index)] = Secret(b"")
        return NewPath(edit.finish(), signed, nodes, secrets, commit_secret, private_keys)
