"""Processes that plugins fork: they must neither read nor write what is meant for this one."""

from __future__ import annotations

import os
from collections.abc import Sequence


def keep_from_children(descriptors: Sequence[int]) -> None:
    """Keep connections to the server from processes that plugins start: forked ones find them closed."""
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    os.register_at_fork(after_in_child=lambda: _close(descriptors))


def _close(descriptors: Sequence[int]) -> None:
    """Put the null device in the place of descriptors, whose numbers would be given to other files otherwise."""
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for descriptor in descriptors:
        os.dup2(null, descriptor, inheritable=False)
    os.close(null)
