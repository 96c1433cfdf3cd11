"""Faces in frames: landmarks, stable ids, aligned crops, quality, and the ring that windows are read from."""
