"""What a run leaves behind: the event schema and where events go."""
