"""File formats: one folder a format, two verbs (read, write), one in-memory type."""
