"""Faces for people: how chats, names and alarms look in a terminal.

Imports the SDK's values and nothing below them. Refuses to know keys, protocols, sockets and files.
"""
