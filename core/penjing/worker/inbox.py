"""What the engine still has to do: requests in their order, and of the plans to be measured only the newest."""

import threading
from collections import deque

from penjing.worker.messages import CancelOpen, Measure, Message, OpenSource


class Inbox:
    """Filled by the hearing thread, emptied by the working one, which asks it between batches whether to go on."""

    def __init__(self) -> None:
        self._requests: deque[Message] = deque()
        self._plan: Measure | None = None
        self._changed = threading.Condition()
        self._newest = -1
        self._newest_open = -1

    def put(self, message: Message) -> None:
        """Take a message in; what it supersedes is dropped."""
        with self._changed:
            if isinstance(message, Measure):
                if message.generation >= self._newest:
                    self._newest, self._plan = message.generation, message
            elif isinstance(message, CancelOpen):
                # One that has not begun is still taken out, so that its failure is told.
                self._newest_open = max(self._newest_open, message.request + 1)
            else:
                if isinstance(message, OpenSource):
                    # A plan that waits is for what was open.
                    self._plan = None
                    self._newest_open = max(self._newest_open, message.request)
                self._requests.append(message)
            self._changed.notify()

    def take(self, *, wait: bool) -> Message | None:
        """The next thing to do: requests first, then the newest plan; None if there is nothing and `wait` is off."""
        with self._changed:
            while not self._requests and self._plan is None:
                if not wait:
                    return None
                self._changed.wait()
            if self._requests:
                return self._requests.popleft()
            plan, self._plan = self._plan, None
            return plan

    @property
    def waits(self) -> bool:
        """Whether there is something to do."""
        with self._changed:
            return bool(self._requests) or self._plan is not None

    def is_superseded(self, message: Measure) -> bool:
        """Whether measuring this plan is of no use any more."""
        with self._changed:
            opening = any(isinstance(request, OpenSource) for request in self._requests)
            return message.generation < self._newest or opening

    def is_cancelled(self, message: OpenSource) -> bool:
        """Whether nobody wants this network any more."""
        with self._changed:
            return message.request < self._newest_open
