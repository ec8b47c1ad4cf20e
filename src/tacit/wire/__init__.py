"""The relay protocol: its schema, who may say what when, the bytes that are signed and the codes of refusals.

Refuses to know what a payload means, what a relay keeps and how frames travel. Everything here is a pure function of
bytes and values; importing the package itself loads nothing.
"""
