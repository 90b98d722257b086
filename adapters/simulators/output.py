"""What a simulator left in its folder, read with bounds: one that prints garbage without end must not fill the memory."""

from __future__ import annotations

from pathlib import Path

__all__ = ["last_words", "read_text"]

MOST = 1 << 24
TAIL = 1 << 14


def read_text(path: Path) -> str:
    """The first 16 MiB of a file; empty where it can't be read."""
    try:
        with path.open("rb") as stream:
            return stream.read(MOST).decode("utf-8", "replace")
    except OSError:
        return ""


def last_words(*paths: Path) -> str:
    """The first line of the files' ends that speaks of an error, else the last line of the first file that has any; for error texts."""
    texts = []
    for path in paths:
        try:
            with path.open("rb") as stream:
                stream.seek(max(0, path.stat().st_size - TAIL))
                texts.append(stream.read(TAIL).decode("utf-8", "replace"))
        except OSError:
            continue
    lines = [[line.strip() for line in text.splitlines() if line.strip()] for text in texts]
    told = [line for part in lines for line in part if "error" in line.lower() or "no space" in line.lower()]
    chosen = told[:1] or [part[-1] for part in lines if part][:1]
    return "".join(letter if letter.isprintable() else "?" for letter in chosen[0][:200]) if chosen else ""
