"""What a person sees: overlay, ISSM strip, and the composer thread."""
