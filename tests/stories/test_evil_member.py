"""A member whose client obeys no roles: what she proposes changes nothing, and everybody sees that she tried."""

from __future__ import annotations

from dataclasses import replace

from tacit import mls
from tacit.client.batch import Batch
from tacit.client.core.effects import AddOutbox
from tacit.client.core.group_info import GROUP_INFO_EXTENSION, GroupInfo, GroupKind, encode_group_info
from tacit.client.core.state import EntryKind, Step
from tacit.client.model import ChatId, GroupId, OutboxRow
from tacit.testing.actor import Actor
from tacit.testing.story import story
from tacit.testing.world import World
from tests.stories.test_groups import all_see


async def proposes(evil: Actor, chat: str, *extensions: mls.Extension) -> None:
    """Send a proposal of new extensions for the group, past everything that the own client asks first."""

    def send(batch: Batch) -> None:
        (state,) = batch.states_of(ChatId(chat))
        proposal = mls.GroupContextExtensions(extensions)
        group, payload = state.group.propose(proposal, entropy=batch.ctx.entropy)
        row = OutboxRow(0, batch.ctx.fresh_id(), GroupId(state.group_id), None, EntryKind.MESSAGE, payload)
        batch.take(Step(replace(state, group=group), (AddOutbox(row),)))

    await evil.client._runtime.do(send)


@story
async def test_a_member_who_proposes_herself_as_admin_captures_nobody(world: World) -> None:
    people = await world.friends("alice", "bob", "carol")
    alice, bob, carol = people
    chat = await alice.creates("friends", bob, carol)
    await world.shortly()
    (carol_id,) = await carol.client._runtime.read(lambda books: [books.profile.account_id])
    coup = GroupInfo(GroupKind.GROUP, "mine", (carol_id,))
    await proposes(carol, chat, mls.Extension(GROUP_INFO_EXTENSION, encode_group_info(coup)))
    await proposes(carol, chat)
    await world.advance(120)
    await alice.client.rename(chat, "still ours")
    await bob.says(chat, "hello")
    await world.advance(120)
    for honest in (alice, bob):
        assert sum("rejected-commit" in line for line in await honest.sees(chat)) == 2
        assert await honest.hears(chat) == ["me: hello" if honest is bob else "bob: hello"]
        assert (await honest.chat(chat)).title == "still ours"
    await all_see(people, chat, ["alice", "bob", "carol"])
    await carol.says(chat, "I am still only a member")
    await world.shortly()
    assert (await alice.hears(chat))[-1] == "carol: I am still only a member"
