"""The prefork pool, which knows who is there, and after a lost connection who is busy."""

from celery.concurrency.prefork import TaskPool


class Pool(TaskPool):
    """Ask for work as long as a process is there to do it, and forget none that has some.

    Celery counts the processes that still start as free ones: a job would wait for their networks,
    seconds after a crash, while another worker idles. Here the broker keeps it until then.

    Celery's `flush` forgets which processes are busy (5.6.3, asynpool). A message then goes to a
    busy one, and until the queue has once run dry each job waits behind another while a process
    idles. Handing a message over that the broker also rings again is harmless: the row decides.
    """

    def on_start(self) -> None:
        super().on_start()
        vars(self).pop("flush")  # that of the processes' own pool

    @property
    def num_processes(self) -> int:
        """The processes that are ready, idle or not; `worker_disable_prefetch` asks for it."""
        return len(self._pool._all_inqueues)  # type: ignore[attr-defined]

    def flush(self) -> None:
        """Forget nothing."""
