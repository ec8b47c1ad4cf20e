"""One module for each command: its arguments, and the few lines that connect them with the SDK."""
