"""Liberty."""
