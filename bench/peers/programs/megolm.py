"""Megolm by vodozemac: one sender's ratchet in a room, and a reader of it."""

from __future__ import annotations

from lines import Answer, Request, median, serve
from vodozemac import GroupSession, InboundGroupSession

writer = GroupSession()
reader = InboundGroupSession(writer.session_key)


def seal(request: Request) -> Answer:
    message = bytes(request["payload"])
    return median(request["calls"], lambda call: writer.encrypt(message))


def open_(request: Request) -> Answer:
    sealed = [writer.encrypt(bytes(request["payload"])) for _ in range(request["calls"])]
    return median(request["calls"], lambda call: reader.decrypt(sealed[call]))


serve({"seal": seal, "open": open_})
