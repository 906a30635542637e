"""How a worker's job fails."""


class JobFailed(Exception):
    """A job that cannot be done, in words for whoever asked."""


class WorkerDied(Exception):
    """A job that took its process with it: it crashed, or took more time or memory than is allowed."""


class WorkerCrashed(WorkerDied):
    """A job whose process ended by itself: it ran out of memory, or met a fault in a library."""


class JobTimeout(WorkerDied):
    """A job that took longer than is allowed."""


class ReplyTooLarge(WorkerDied):
    """A job whose answer is longer than is allowed."""
