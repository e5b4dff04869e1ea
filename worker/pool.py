"""The prefork pool, which remembers after a lost connection who is busy."""

from celery.concurrency.prefork import TaskPool


class Pool(TaskPool):
    """Keep what was handed to the processes when the broker comes back.

    Celery's `flush` forgets which processes are busy (5.6.3, asynpool). A message then goes to a
    busy one, and until the queue has once run dry each job waits behind another while a process
    idles. Handing a message over that the broker also rings again is harmless: the row decides.
    """

    def on_start(self) -> None:
        super().on_start()
        vars(self).pop("flush")  # that of the processes' own pool

    def flush(self) -> None:
        """Forget nothing."""
