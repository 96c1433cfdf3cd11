"""The model's side: engine, smoothing, and the one inference thread of the process."""
