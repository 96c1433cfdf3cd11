"""The errors a caller can meet: one tree, one clear line each, each with its exit code."""

from __future__ import annotations


class IfddLiveError(Exception):
    """Base of all errors that end in one clear line instead of a traceback.

    Attributes:
        exit_code: what the command line returns when this error ends it.
    """

    exit_code = 1


class ConfigError(IfddLiveError):
    """A setting is unknown, of the wrong type or out of range; the text names expected and got."""

    exit_code = 2


class SourceError(IfddLiveError):
    """A picture source cannot be opened or holds no picture."""

    exit_code = 2


class SourceLostError(IfddLiveError):
    """A source that was open stopped giving pictures; the capture thread reopens it."""


class WeightsError(IfddLiveError):
    """A model name or a weights file does not fit; the text names the entry, expected and got."""

    exit_code = 2


class ServeError(IfddLiveError):
    """The server cannot start, for instance because its port is taken."""

    exit_code = 3


class OutputError(IfddLiveError):
    """A result file cannot be written."""

    exit_code = 4


class NotNowError(IfddLiveError):
    """What is asked cannot be done as things are; the text says what it would take."""


class UnknownError(IfddLiveError):
    """What is asked for by its name is not there."""
