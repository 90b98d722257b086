"""Checks, metrics, comparison."""
