"""The model on Ray Serve: the same engine on replicas, on this machine or on a cluster."""
