"""The versions that are tested: those of constraints.txt for what this package asks for. A test compares."""

from __future__ import annotations

__all__ = ["PYTHON", "TESTED"]

PYTHON = ("3.11", "3.11")
"""The least version, and the newest that is tested."""

TESTED = {
    "atheris": "3.0.0",
    "click": "8.5.1",
    "dask": "2026.8.0",
    "dask-jobqueue": "0.9.0",
    "distributed": "2026.8.0",
    "duckdb": "2.0.0",
    "liberty-parser": "0.0.29",
    "loky": "3.7.0",
    "matplotlib": "3.11.2",
    "mkdocs": "1.6.1",
    "mkdocs-click": "0.9.0",
    "mkdocs-material": "9.8.2",
    "mkdocstrings": "1.0.8",
    "numpy": "2.4.6",
    "onnx": "1.23.2",
    "onnxruntime": "1.31.1",
    "pandas": "3.1.1",
    "pluggy": "1.7.0",
    "pyarrow": "26.0.1",
    "rich": "15.0.0",
    "safetensors": "0.8.0",
    "scikit-learn": "1.9.1",
    "scipy": "1.17.1",
    "skops": "0.16.0",
    "spicelib": "1.6.4",
    "threadpoolctl": "3.8.0",
    "torch": "2.13.0",
}
