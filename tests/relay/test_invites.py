from __future__ import annotations

import asyncio
import sqlite3
import time
from pathlib import Path

import pytest

from tacit.limits import DAY_S
from tacit.relay.admin.asking import ask_relay
from tacit.relay.errors import BadInvite, NoStore, NoSuchInvite
from tacit.relay.invites import create_invite
from tacit.wire import errors
from tests.relay.peers import Moves, Someone, running

NOW_S = int(time.time())


async def ask(folder, operation, *, clock=None, **args):
    return await asyncio.to_thread(ask_relay, folder, operation, args, clock=clock)


async def listed(folder):
    return (await ask(folder, "invites"))["invites"]


async def test_an_invitation_is_made_and_revoked_while_the_relay_runs(tmp_path):
    clock = Moves(NOW_S)
    async with running(tmp_path, clock=clock, registration="invite") as world:
        made = await ask(tmp_path, "invite", uses=2, expires_s=DAY_S, note="for the band")
        token, invite = made["token"], made["invite"]["id"]
        await (await world.connect()).register(Someone.new(), invite=token)
        (found,) = await listed(tmp_path)
        assert (found["id"], found["uses"], found["used"], found["note"]) == (invite, 2, 1, "for the band")
        assert found["expires_at"] == NOW_S + DAY_S
        for _ in range(2):
            clock.forward(5)
            assert (await ask(tmp_path, "revoke-invite", invite=invite))["revoked_at"] == NOW_S + 5
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
    tokens = {(await ask(tmp_path, "invite", clock=Moves(NOW_S + n)))["token"] for n in range(2)}
    tokens.add(create_invite(tmp_path, now_s=NOW_S + 2)[0])
    assert len(tokens) == 3
    assert [invite["created_at"] for invite in await listed(tmp_path)] == [NOW_S, NOW_S + 1, NOW_S + 2]


def test_there_is_nothing_to_invite_to_before_the_first_start(tmp_path):
    with pytest.raises(NoStore):
        create_invite(tmp_path, now_s=NOW_S)
    for operation in ("invite", "invites"):
        with pytest.raises(NoStore):
            ask_relay(tmp_path, operation)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong", [{"uses": 0}, {"uses": 10**9}, {"expires_s": 0}, {"note": "x" * 201}])
async def test_an_invitation_that_makes_no_sense_is_not_made(tmp_path, wrong):
    async with running(tmp_path):
        with pytest.raises(BadInvite):
            create_invite(tmp_path, now_s=NOW_S, **wrong)
        with pytest.raises(BadInvite):
            await ask(tmp_path, "invite", **wrong)
        assert await listed(tmp_path) == []


async def test_revoking_what_is_not_there(tmp_path):
    async with running(tmp_path):
        for operation in ("revoke-invite", "invite-uses"):
            with pytest.raises(NoSuchInvite):
                await ask(tmp_path, operation, invite="%' OR 1=1")


async def test_an_invitation_cannot_be_used_more_often_than_it_says_whatever_the_code_does(tmp_path):
    async with running(tmp_path):
        create_invite(tmp_path, now_s=NOW_S)
    db = sqlite3.connect(tmp_path / "relay.db")
    with pytest.raises(sqlite3.IntegrityError):
        db.execute("UPDATE invites SET used = used + 2")
    db.close()
