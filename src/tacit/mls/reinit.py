"""Reinitialization: closing a group and going on in a new one with the same members and other parameters.

Any member commits a ``ReInit``; from then on nobody sends anything in the old group. Any member may then begin the new
one, with fresh key packages of all the others; the first whose Welcome is delivered is the one that counts, which the
application settles as it settles who commits. Source: RFC 9420 §11.2, §12.1.5
"""

from __future__ import annotations

from collections.abc import Sequence

from tacit.entropy import Entropy
from tacit.mls.credentials import Credential
from tacit.mls.errors import NotReinitialized, UnsupportedOperation
from tacit.mls.group import Group
from tacit.mls.key_packages import Authenticate, KeyPackage
from tacit.mls.policy import STRICT, Policy
from tacit.mls.registry import MLS10, ResumptionPSKUsage
from tacit.mls.successors import Founder, Parameters, Successor, begin_successor


def reinitialize(
    old: Group,
    key_packages: Sequence[KeyPackage],
    *,
    credential: bytes | Credential | None = None,
    signature_private: bytes | None = None,
    extension_types: tuple[int, ...] = (),
    proposal_types: tuple[int, ...] = (),
    credential_types: tuple[int, ...] = (),
    entropy: Entropy,
    now_s: float,
    authenticate: Authenticate,
    policy: Policy = STRICT,
) -> Successor:
    """Begin the group that ``old`` was closed for, with one key package of the new suite for each other member.

    We come in as we were, unless ``credential`` and ``signature_private`` say otherwise; the latter is needed if the
    new suite signs in another way. The ``..._types`` are those that we support beyond what our old leaf lists.
    Raises ``NotReinitialized``, ``SignatureKeyNeeded``, ``UnsupportedSuite`` and ``InvalidMessage``, the last also if
    the members are not the same; ``policy.identity_of`` says who is.
    """
    reinit = old.reinit
    if reinit is None:
        raise NotReinitialized
    if reinit.version != MLS10:
        raise UnsupportedOperation("11.2/version-known")
    return begin_successor(
        old,
        ResumptionPSKUsage.REINIT,
        Parameters(reinit.group_id, reinit.cipher_suite, reinit.extensions),
        key_packages,
        Founder(credential, signature_private, extension_types, proposal_types, credential_types),
        entropy=entropy,
        now_s=now_s,
        authenticate=authenticate,
        policy=policy,
    )
