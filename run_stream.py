"""Starts IFDD Live: `python run_stream.py --help` lists the options."""

from __future__ import annotations

import sys

from realtime.cli import main

if __name__ == "__main__":
    sys.exit(main())
