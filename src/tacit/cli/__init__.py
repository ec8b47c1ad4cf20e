"""The command line: argument tree, configuration, exit codes. The only package that sees both client and relay.

Importing it, and asking for help, loads no protocol, no network and no SDK.
"""
