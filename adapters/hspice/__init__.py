"""HSPICE output files."""
