"""Newest-wins hand-over between threads: nothing queues, nothing waits for a reader, drops are counted."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Slot(Generic[T]):
    """Holds the newest value only. `put` never blocks; an unread value that is replaced counts as dropped.

    Any thread may put, take or peek.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._value: T | None = None
        self._fresh = False
        self._closed = False
        self._dropped = 0
        self._put = 0

    def put(self, value: T) -> None:
        """Replaces the held value and wakes a taker. A closed slot ignores it."""
        with self._condition:
            if self._closed:
                return
            self._dropped += self._fresh
            self._put += 1
            self._value, self._fresh = value, True
            self._condition.notify_all()

    def take(self, timeout_s: float) -> T | None:
        """The newest value not taken before, waiting up to `timeout_s` for it; None if none came."""
        with self._condition:
            self._condition.wait_for(lambda: self._fresh or self._closed, timeout_s)
            if not self._fresh:
                return None
            self._fresh = False
            return self._value

    def peek(self) -> T | None:
        """The newest value, taken or not; None before the first."""
        with self._condition:
            return self._value

    def clear(self) -> None:
        """Forgets the held value without counting it as dropped."""
        with self._condition:
            self._value, self._fresh = None, False

    def close(self) -> None:
        """Wakes whoever waits; later puts are ignored. Can be called twice."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    @property
    def put_count(self) -> int:
        """How many values were put."""
        return self._put

    @property
    def dropped(self) -> int:
        """How many values were replaced before anybody took them."""
        return self._dropped


class Fanout(Generic[T]):
    """Hands each published value to every subscriber, on the publishing thread.

    A subscriber must return at once (put into a Slot, post to a loop). Any thread may subscribe,
    unsubscribe or publish. The count of subscribers lets a producer skip work nobody wants.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subscribers: tuple[Callable[[T], None], ...] = ()

    def subscribe(self, subscriber: Callable[[T], None]) -> None:
        """Adds a subscriber; adding the same one twice has no further effect."""
        with self._lock:
            if subscriber not in self._subscribers:
                self._subscribers = (*self._subscribers, subscriber)

    def unsubscribe(self, subscriber: Callable[[T], None]) -> None:
        """Removes a subscriber; removing one that is not there has no effect."""
        with self._lock:
            self._subscribers = tuple(each for each in self._subscribers if each != subscriber)

    def publish(self, value: T) -> None:
        """Calls each subscriber with the value."""
        for subscriber in self._subscribers:
            subscriber(value)

    def __len__(self) -> int:
        return len(self._subscribers)
