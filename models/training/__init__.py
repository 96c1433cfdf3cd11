"""Training from prepared data."""
