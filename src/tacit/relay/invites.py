"""Invitations: their tokens, and the one that ``tacit up`` keeps, made on the store's file beside the relay.

An operator's own go by ``admin.invitations``. The token is shown once, when it is made; what is kept of it is a hash.
Times are Unix seconds.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Final

from tacit.entropy import Entropy, system_entropy
from tacit.limits import DAY_S
from tacit.relay.errors import BadInvite
from tacit.relay.store import invites
from tacit.relay.store.database import one_transaction
from tacit.relay.store.rows import Invite
from tacit.wire.errors import InviteInvalid

TOKEN_BYTES: Final = 16
MAX_USES: Final = 10_000
MAX_NOTE_CHARS: Final = 200
MAX_LIFETIME_S: Final = 10 * 365 * DAY_S
"""Whoever means longer means for ever."""


def create_invite(
    data_dir: Path,
    *,
    uses: int = 1,
    expires_s: int | None = None,
    note: str = "",
    now_s: int,
    entropy: Entropy = system_entropy,
) -> tuple[str, Invite]:
    """Make an invitation that ``uses`` accounts may use within ``expires_s`` seconds (None: for ever).

    Returns its token, which goes into a link, and what is kept of it. Raises ``NoStore`` or ``BadInvite``.
    """
    token, token_hash, invite = new_invite(uses=uses, expires_s=expires_s, note=note, now_s=now_s, entropy=entropy)
    with one_transaction(data_dir) as db:
        invites.create(db, token_hash, invite)
    return token, invite


def is_usable(data_dir: Path, token: str, *, now_s: int) -> bool:
    """Whether an invitation's token would let somebody register at this time. Raises ``NoStore``."""
    with one_transaction(data_dir) as db:
        try:
            invites.check(db, invites.hash_token(token), now_s)
        except InviteInvalid:
            return False
        return True


def new_invite(
    *, uses: int, expires_s: int | None, note: str, now_s: int, entropy: Entropy
) -> tuple[str, bytes, Invite]:
    """Token, hash and record of a new invitation. Raises ``BadInvite``."""
    if not 1 <= uses <= MAX_USES:
        raise BadInvite(f"it can be used 1 to {MAX_USES} times")
    if expires_s is not None and expires_s < 1:
        raise BadInvite("it must last at least a second")
    if expires_s is not None and expires_s > MAX_LIFETIME_S:
        raise BadInvite("it lasts ten years at most, or for ever")
    if len(note) > MAX_NOTE_CHARS:
        raise BadInvite(f"a note has {MAX_NOTE_CHARS} characters at most")
    token = base64.b32encode(entropy(TOKEN_BYTES)).decode().rstrip("=").lower()
    token_hash = invites.hash_token(token)
    expires_at = None if expires_s is None else now_s + expires_s
    return token, token_hash, Invite(invites.invite_id(token_hash), note, uses, 0, now_s, expires_at, None)
