"""Groups that claim to come from another one, begun without asking whether that is so: for hostile Welcomes."""

from __future__ import annotations

from collections.abc import Sequence

from tacit.mls import Extension, Group, KeyPackage, PreSharedKey, ResumptionPSK, create_group
from tacit.mls.commit_creation import CommitForm
from tacit.mls.policy import Lineage, Policy, Rules
from tacit.mls.pre_shared_keys import PreSharedKeyID
from tacit.mls.proposals import Add
from tacit.mls.sending import commit
from tests.mls.crew import NOW_S, Crew


def forge_successor(
    later: Crew,
    by: str,
    old: Group,
    keys: Sequence[ResumptionPSK],
    packages: Sequence[KeyPackage],
    *,
    group_id: bytes,
    extensions: tuple[Extension, ...] = (),
    epochs_before: int = 0,
    psk: bytes | None = None,
) -> bytes:
    """The Welcome of a group in the suite of ``later``, tied to ``old`` by all of ``keys``."""
    group = create_group(
        group_id,
        later.suite.id,
        by.encode(),
        later.key(by).private,
        extensions=extensions,
        extension_types=later.extension_types,
        entropy=later.entropy,
        now_s=NOW_S,
    )
    for _ in range(epochs_before):
        _, pending = group.create_commit(entropy=later.entropy, now_s=NOW_S, authenticate=later.authenticate)
        group = pending.group_after
    tied = [PreSharedKey(PreSharedKeyID(key, later.entropy(later.suite.hash_size))) for key in keys]
    held = old.state.secrets.resumption_psk.reveal() if psk is None else psk
    _, pending = commit(
        group,
        [*map(Add, packages), *tied],
        False,
        form=CommitForm(),
        identity=group._identity(None, None),
        entropy=later.entropy,
        now_s=NOW_S,
        rules=Rules(later.authenticate, Policy(), Lineage(keys[0].usage, lambda psk_id: held)),
    )
    assert pending.welcome is not None
    return pending.welcome
