"""Errors of jobs in workers."""


class JobFailed(Exception):
    """A job cannot be done; the text is for the user. The error that it was raised from is logged."""


class WorkerDied(Exception):
    """The process of a job was lost: it crashed, or exceeded its time or memory."""


class JobErrored(WorkerDied):
    """A job raised an error that its code does not expect; the text is that of a library, for the log only."""


class WorkerCrashed(WorkerDied):
    """The process of a job ended by itself: it ran out of memory, or hit a fault in a library."""


class WorkerKilled(WorkerDied):
    """The process of a job was killed from outside: by the system without memory, for example. The job may be sound."""


class JobDiskFull(WorkerDied):
    """A job could not write its files because the disk is full; it is raised from an `OSError`."""


class JobTimeout(WorkerDied):
    """A job exceeded its time limit; its process was killed."""


class ReplyTooLarge(WorkerDied):
    """The reply to a job is larger than the limit."""


class PoolBusy(WorkerDied):
    """So many jobs wait for a process already that this one was refused."""
