"""Looks for bytes that break a decoder.

Every module of ``fuzz.targets`` is one target: ``seeds()`` gives honest inputs to begin from, and ``check(data)`` holds
for any bytes at all, that is: a value that encodes to the same bytes again, or the one documented error. Whatever else
``check`` raises is a finding, and so is an input that takes too long or too much memory.
"""
