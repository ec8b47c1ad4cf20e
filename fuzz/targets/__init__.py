"""The targets, one module each; see ``fuzz``."""
