"""Failures of a transfer."""


class TransferError(Exception):
    """A transfer cannot begin or has failed; the text says why, and what to do."""
