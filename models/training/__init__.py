"""Training and evaluation: everything through `train`, `evaluate` and `prepare`."""
