"""Lets MLS peers into tacit's groups, so that they are measured in trees as full as tacit's own.

Two guests take the places of the second and the last member of a steady group. The package rfc9420 takes the parent
hash of a leaf for wrong when the parent has been blanked since; it is let into groups where nobody has committed yet.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any

from bench.mls.groups import GROUP_ID, anyone, steady_group
from bench.peers.catalogue import RFC9420
from bench.peers.processes import Peer, Refused
from tacit.crypto.suites import suite
from tacit.mls import (
    Add,
    Group,
    KeyPackage,
    KeyPackageBundle,
    LeafIndex,
    Proposal,
    Remove,
    create_group,
    create_key_package,
    decode_message,
)

Invitation = dict[str, Any]

_invitations: dict[tuple[str, int, int], Invitation] = {}
_inside: set[tuple[str, int, int]] = set()


def welcome_for(peer: Peer, number: int, members: int) -> Invitation:
    """What a peer needs to join a group of that size: a Welcome, and its key packages by name or with their keys."""
    key = peer.name, number, members
    if key not in _invitations:
        _invitations[key] = _invite(peer, number, members)
    return _invitations[key]


def enter(peer: Peer, number: int, members: int) -> str:
    """Both guests are in, and their paths are filled; gives the name under which the peer has them."""
    key = peer.name, number, members
    invitation = welcome_for(peer, number, members)
    if key not in _inside:
        if not peer.ask("enter", suite=number, **invitation)["agree"]:
            raise Refused(f"{peer.name}: its two members do not agree")
        _inside.add(key)
    name: str = invitation["name"]
    return name


def _invite(peer: Peer, number: int, members: int) -> Invitation:
    name, now_s = f"{number}/{members}", time.time()
    if peer.name == RFC9420.name:
        guests = [_bundle(number, index, now_s) for index in range(2)]
        packages = [guest.key_package for guest in guests]
        packages += [_bundle(number, index, now_s).key_package for index in range(2, members - 1)]
        private = suite(number).generate_signature_key_pair(os.urandom).private
        host = create_group(GROUP_ID, number, b"host", private, now_s=now_s, entropy=os.urandom)
        welcome = _welcome(host, [Add(package) for package in packages], now_s)
        return {"name": name, "welcome": welcome, "bundles": [_told(guest) for guest in guests]}
    offered = peer.ask("key-packages", suite=number, name=name, count=2)["key_packages"]
    changes: list[Proposal] = [Remove(LeafIndex(1)), Remove(LeafIndex(members - 1))]
    changes += [Add(_key_package(data)) for data in offered]
    return {"name": name, "welcome": _welcome(steady_group(number, members).first, changes, now_s)}


def _welcome(host: Group, changes: Sequence[Proposal], now_s: float) -> str:
    _, pending = host.create_commit(changes, now_s=now_s, entropy=os.urandom, authenticate=anyone)
    assert pending.welcome is not None
    return pending.welcome.hex()


def _key_package(data: str) -> KeyPackage:
    message = decode_message(bytes.fromhex(data))
    assert isinstance(message, KeyPackage)
    return message


def _bundle(number: int, index: int, now_s: float) -> KeyPackageBundle:
    private = suite(number).generate_signature_key_pair(os.urandom).private
    return create_key_package(number, f"guest-{index}".encode(), private, now_s=now_s, entropy=os.urandom)


def _told(bundle: KeyPackageBundle) -> dict[str, str]:
    """A key package with its private keys, for a peer that makes none that others take."""
    return {
        "key_package": bundle.key_package_bytes.hex(),
        "init_priv": bundle.init_private.reveal().hex(),
        "encryption_priv": bundle.encryption_private.reveal().hex(),
        "signature_priv": bundle.signature_private.reveal().hex(),
    }
