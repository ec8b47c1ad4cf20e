"""What the relay is asked to keep of rooms, in the protocol's form."""

from __future__ import annotations

from tacit.client.core.rooms import present_part
from tacit.client.core.state import Context, GroupState
from tacit.client.model import RoomPart
from tacit.wire import relay_pb2 as pb


def create_log_of(state: GroupState, ctx: Context, *, again: bool = False) -> pb.CreateLog:
    """The request that makes the log of a conversation, and a room of it if it is one."""
    request = pb.CreateLog(log_id=state.group_id, again=again)
    if state.is_room:
        request.room.CopyFrom(room_of(present_part(state, ctx)))
    return request


def room_of(part: RoomPart) -> pb.Room:
    """What the relay keeps of a room, in the protocol's form."""
    return pb.Room(
        join_token_hash=part.join_token_hash,
        group_info=part.group_info,
        name=part.name,
        link_secret=part.link_secret,
        readers=[pb.Device(account_id=account, device_id=device) for account, device in part.readers],
    )
