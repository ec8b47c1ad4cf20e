"""Public rooms: listed, and closed. Of the others a relay knows no name, and nothing to list them by."""

from __future__ import annotations

from functools import partial

from tacit.identity import format_id
from tacit.relay.admin import shapes
from tacit.relay.admin.desk import Desk
from tacit.relay.store import rooms


async def list_public(desk: Desk, _: shapes.Question) -> shapes.Rooms:
    """Every public room, by name."""
    return shapes.Rooms(
        tuple(
            shapes.Room(
                name=room.name,
                maker="" if room.maker_id is None else format_id(room.maker_id),
                handle=room.maker_handle,
                created_at=room.created_at,
                devices=room.devices,
                locked=room.locked,
            )
            for room in await desk.store.query(rooms.public_rooms)
        )
    )


async def close(desk: Desk, asked: shapes.WhichRoom) -> shapes.RoomClosed:
    """Take a public room's name away. Raises ``NoSuchRoom``."""
    name = asked.room.lower()
    await desk.change(partial(rooms.close, name=name))
    return shapes.RoomClosed(name)
