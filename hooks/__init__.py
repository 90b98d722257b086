"""pluggy hooks."""
