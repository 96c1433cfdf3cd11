"""IFDD Live: webcam to expression probabilities to browser, in threads that never wait for each other."""
