"""Runs one network for many threads: what arrives within a moment goes through it together."""

import queue
import threading
import time
from concurrent.futures import Future

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.runtime import Array, Arrays, Network

WAIT_S = 0.001  # for company, at most; who comes while a batch is computed is in the next one

Outputs = dict[str, NDArray[np.float32]]
Request = tuple[Arrays, "Future[Outputs]"]


class Batched:
    """A network whose callers share batches of up to `most` rows; shorter inputs are padded.

    Padding is zeros behind the end of every axis but the first; outputs keep it, so a caller takes
    its own part. The network must not let it reach the rest.
    """

    def __init__(self, network: Network, *, most: int, wait_s: float = WAIT_S) -> None:
        self.network = network
        self.inputs, self.outputs = network.inputs, network.outputs
        self.most, self.wait_s = most, wait_s
        self.batches = 0
        self._requests: queue.SimpleQueue[Request] = queue.SimpleQueue()
        self._late: Request | None = None  # did not fit into the batch before
        threading.Thread(target=self._serve, name="batches", daemon=True).start()

    def run(self, inputs: Arrays) -> Outputs:
        """Return every output for a batch of one's own. Raises what the network raises."""
        answer: Future[Outputs] = Future()
        self._requests.put((inputs, answer))
        return answer.result()

    def _serve(self) -> None:
        while True:
            self._answer(self._gather())

    def _gather(self) -> list[Request]:
        first = self._late or self._requests.get()
        self._late = None
        gathered, rows = [first], rows_of(first)
        until = time.monotonic() + self.wait_s
        while rows < self.most:
            try:
                following = self._requests.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                break
            rows += rows_of(following)
            if rows > self.most:
                self._late = following
                break
            gathered.append(following)
        return gathered

    def _answer(self, gathered: list[Request]) -> None:
        try:
            found = self.network.run(joined([inputs for inputs, _ in gathered]))
        except BaseException as error:
            for _, answer in gathered:
                answer.set_exception(error)
            return
        self.batches += 1
        start = 0
        for request in gathered:
            end = start + rows_of(request)
            request[1].set_result({name: array[start:end] for name, array in found.items()})
            start = end


def rows_of(request: Request) -> int:
    """Return how many rows a request has."""
    return len(next(iter(request[0].values())))


def joined(parts: list[Arrays]) -> Arrays:
    """Stack arrays by name along the first axis, zeros behind the shorter ones."""
    if len(parts) == 1:
        return parts[0]
    return {name: stacked([part[name] for part in parts]) for name in parts[0]}


def stacked(arrays: list[Array]) -> Array:
    """Stack arrays along the first axis, zeros behind the shorter ones."""
    longest = np.max([a.shape[1:] for a in arrays], axis=0)
    out = np.zeros((sum(len(a) for a in arrays), *longest), arrays[0].dtype)
    start = 0
    for array in arrays:
        out[(slice(start, start + len(array)), *map(slice, array.shape[1:]))] = array
        start += len(array)
    return out
