"""Every rule of RFC 9420 that a message can break, one ``check_*`` function each.

A check returns nothing or raises ``InvalidMessage`` whose ``check`` is the rule's ID: the section of the RFC and a
name, such as ``7.3/signature``. The same checks run when a commit is made and when one is processed.
"""
