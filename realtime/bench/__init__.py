"""Measures the live path: `python -m realtime.bench`, or parts of it by name."""
