"""How long to wait before another try: pure, chance is an argument."""

from __future__ import annotations


def back_off_s(failures: int, chance: float, first_s: float = 1.0, longest_s: float = 30.0) -> float:
    """Seconds to wait after so many failures in a row, at least 1: doubling, bounded, spread by chance.

    Args:
        failures: how many tries have failed since the last success.
        chance: 0 to 1, equally likely everywhere, so that many clients of a server that comes back do
            not all come at once.
        first_s: the longest wait after the first failure.
        longest_s: the longest of all.
    """
    longest = min(longest_s, first_s * 2.0 ** min(failures - 1, 30))
    return longest * (0.5 + 0.5 * chance)
