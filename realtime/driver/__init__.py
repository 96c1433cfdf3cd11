"""Drowsiness and distraction of a driver from face landmarks: pure state machines over time."""
