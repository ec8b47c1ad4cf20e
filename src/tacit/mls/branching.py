"""Branching: a new group of some members of an old one, which goes on unchanged.

Source: RFC 9420 §11.3
"""

from __future__ import annotations

from collections.abc import Sequence

from tacit.entropy import Entropy
from tacit.mls.checks.welcomes import check_group_is_new
from tacit.mls.credentials import Credential
from tacit.mls.errors import GroupReinitialized
from tacit.mls.extensions import Extensions
from tacit.mls.group import Group
from tacit.mls.key_packages import Authenticate, KeyPackage
from tacit.mls.policy import STRICT, Policy
from tacit.mls.registry import ResumptionPSKUsage
from tacit.mls.successors import Founder, Parameters, Successor, begin_successor


def branch(
    old: Group,
    group_id: bytes,
    key_packages: Sequence[KeyPackage],
    *,
    extensions: Extensions | None = None,
    credential: bytes | Credential | None = None,
    signature_private: bytes | None = None,
    entropy: Entropy,
    now_s: float,
    authenticate: Authenticate,
    policy: Policy = STRICT,
) -> Successor:
    """Begin a subgroup with fresh key packages of members of ``old``, of the same suite.

    It has the extensions of ``old`` unless others are given. We come in as we are there, unless ``credential`` and
    ``signature_private`` say otherwise. Raises ``GroupReinitialized``, and ``InvalidMessage`` also for somebody who is
    not in ``old``; ``policy.identity_of`` says who is.
    """
    if old.reinit is not None:
        raise GroupReinitialized
    check_group_is_new(group_id == old.group_id)
    return begin_successor(
        old,
        ResumptionPSKUsage.BRANCH,
        Parameters(group_id, old.suite.id, old.extensions if extensions is None else extensions),
        key_packages,
        Founder(credential, signature_private),
        entropy=entropy,
        now_s=now_s,
        authenticate=authenticate,
        policy=policy,
    )
