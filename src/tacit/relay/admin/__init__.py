"""What whoever runs the relay may ask of it, the same whether it runs or not.

``operations`` is the table of what can be asked, and by whom; the other modules answer, each over a ``Desk``: the
store, and the live sessions if there are any. ``asking`` finds the way to the desk: by the control socket of a running
relay, else by the store under the folder's lock.
"""
