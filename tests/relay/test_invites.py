from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest

from tacit.limits import DAY_S
from tacit.relay.errors import BadInvite, NoStore, NoSuchInvite
from tacit.relay.invites import create_invite, list_invites, revoke_invite
from tacit.wire import errors
from tests.relay.peers import Someone, running

NOW_S = int(time.time())


async def test_an_invitation_is_made_and_revoked_while_the_relay_runs(tmp_path):
    async with running(tmp_path, registration="invite") as world:
        token, invite = create_invite(tmp_path, uses=2, expires_s=DAY_S, note="for the band", now_s=NOW_S)
        await (await world.connect()).register(Someone.new(), invite=token)
        (listed,) = list_invites(tmp_path)
        assert (listed.id, listed.uses, listed.used, listed.note) == (invite.id, 2, 1, "for the band")
        assert listed.expires_at == NOW_S + DAY_S
        assert revoke_invite(tmp_path, invite.id, now_s=NOW_S + 5).revoked_at == NOW_S + 5
        assert revoke_invite(tmp_path, invite.id, now_s=NOW_S + 9).revoked_at == NOW_S + 5
        with pytest.raises(errors.InviteInvalid):
            await (await world.connect()).register(Someone.new(), invite=token)


async def test_the_token_is_kept_nowhere(tmp_path):
    async with running(tmp_path):
        token, invite = create_invite(tmp_path, now_s=NOW_S)
        for path in filter(Path.is_file, tmp_path.iterdir()):
            assert token.encode() not in path.read_bytes()
        assert invite.id not in token
        assert len(token) == 26
        assert token.isalnum()


async def test_invitations_of_a_stopped_relay(tmp_path):
    async with running(tmp_path):
        pass
    tokens = [create_invite(tmp_path, now_s=NOW_S + n)[0] for n in range(3)]
    assert len(set(tokens)) == 3
    assert [invite.created_at for invite in list_invites(tmp_path)] == [NOW_S, NOW_S + 1, NOW_S + 2]


def test_there_is_nothing_to_invite_to_before_the_first_start(tmp_path):
    for ask in (
        lambda: create_invite(tmp_path, now_s=NOW_S),
        lambda: list_invites(tmp_path),
        lambda: revoke_invite(tmp_path, "0" * 12, now_s=NOW_S),
    ):
        with pytest.raises(NoStore):
            ask()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong", [{"uses": 0}, {"uses": 10**9}, {"expires_s": 0}, {"note": "x" * 201}])
async def test_an_invitation_that_makes_no_sense_is_not_made(tmp_path, wrong):
    async with running(tmp_path):
        with pytest.raises(BadInvite):
            create_invite(tmp_path, now_s=NOW_S, **wrong)
        assert list_invites(tmp_path) == []


async def test_revoking_what_is_not_there(tmp_path):
    async with running(tmp_path):
        with pytest.raises(NoSuchInvite):
            revoke_invite(tmp_path, "%' OR 1=1", now_s=NOW_S)


async def test_an_invitation_cannot_be_used_more_often_than_it_says_whatever_the_code_does(tmp_path):
    async with running(tmp_path):
        create_invite(tmp_path, now_s=NOW_S)
    db = sqlite3.connect(tmp_path / "relay.db")
    with pytest.raises(sqlite3.IntegrityError):
        db.execute("UPDATE invites SET used = used + 2")
    db.close()
