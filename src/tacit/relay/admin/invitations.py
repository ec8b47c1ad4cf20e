"""Invitations: made, listed with who used them, and revoked."""

from __future__ import annotations

from functools import partial

from tacit.identity import format_id
from tacit.relay.admin import shapes
from tacit.relay.admin.desk import Desk
from tacit.relay.invites import new_invite
from tacit.relay.store import invites
from tacit.relay.store.rows import Invite


async def create(desk: Desk, asked: shapes.NewInvite) -> shapes.InviteMade:
    """Make an invitation. Raises ``BadInvite``."""
    token, token_hash, made = new_invite(
        uses=asked.uses, expires_s=asked.expires_s, note=asked.note, now_s=desk.now_s(), entropy=desk.entropy
    )
    await desk.change(partial(invites.create, token_hash=token_hash, invite=made))
    return shapes.InviteMade(token, _invite(made))


async def list_all(desk: Desk, _: shapes.Question) -> shapes.Invites:
    """Every invitation that is kept, the oldest first."""
    return shapes.Invites(tuple(map(_invite, await desk.store.query(invites.all_invites))))


async def uses(desk: Desk, asked: shapes.WhichInvite) -> shapes.InviteUses:
    """Who came in with an invitation. Raises ``NoSuchInvite``."""
    found = await desk.store.query(partial(invites.uses, wanted=asked.invite))
    return shapes.InviteUses(
        asked.invite, tuple(shapes.InviteUse(format_id(use.account_id), use.handle, use.used_at) for use in found)
    )


async def revoke(desk: Desk, asked: shapes.WhichInvite) -> shapes.Invite:
    """Make an invitation worthless. Raises ``NoSuchInvite``."""
    return _invite(await desk.change(partial(invites.revoke, wanted=asked.invite, now_s=desk.now_s())))


def _invite(found: Invite) -> shapes.Invite:
    return shapes.Invite(
        id=found.id,
        note=found.note,
        uses=found.uses,
        used=found.used,
        created_at=found.created_at,
        expires_at=found.expires_at,
        revoked_at=found.revoked_at,
    )
