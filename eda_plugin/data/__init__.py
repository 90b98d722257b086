"""Libraries as dense arrays."""
