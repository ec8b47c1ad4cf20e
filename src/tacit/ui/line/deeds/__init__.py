"""What the slash commands do, one function for each, through the SDK alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tacit.ui.line.deeds import chats, groups, people, rooms, screen
from tacit.ui.line.session import Deed

DEEDS: Final[Mapping[str, Deed]] = {
    "help": screen.show_help,
    "status": screen.show_status,
    "link": screen.show_link,
    "receipts": screen.set_receipts,
    "clear": screen.clear,
    "quit": screen.end,
    "msg": chats.write,
    "open": chats.open_chat,
    "join": rooms.join,
    "room": rooms.create,
    "close": chats.close,
    "chats": chats.list_chats,
    "history": chats.show_history,
    "users": groups.list_members,
    "create": groups.create,
    "invite": groups.invite,
    "remove": groups.remove,
    "rename": groups.rename,
    "nick": rooms.change_nick,
    "lock": rooms.lock,
    "unlock": rooms.unlock,
    "leave": groups.leave,
    "who": people.show_person,
    "requests": people.list_requests,
    "accept": people.accept,
    "refuse": people.refuse,
    "contacts": people.list_contacts,
    "call": people.rename,
    "block": people.block,
    "unblock": people.unblock,
    "safety": people.show_safety_number,
    "verify": people.verify,
}
