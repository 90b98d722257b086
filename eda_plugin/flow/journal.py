"""What was simulated, kept: lines of JSON, each run's written and synced together, none ever changed.

The first line says what the file is. A line ``row`` is a finished simulation: its key and its measures (SI), whatever they are worth. A
line ``run`` is a call of the simulator: how many simulations it was asked for, how it ended, seconds. The key is a digest of all that the
answer hangs on, the corner among it; so nothing is ever used again where something else was asked.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Self

from eda_plugin.errors import ParseError, UserError

__all__ = ["Journal"]

_HEAD = {"journal": "eda-plugin simulations", "version": 1}


class Journal:
    """The journal in ``path``, made where there is none; one run at a time has it open. Use as a context."""

    def __init__(self, path: Path) -> None:
        """Raises ``UserError`` where it can't be opened or another run has it, ``ParseError`` where a line in its midst is damaged.

        A last line that a kill or a full disk cut short is taken off.
        """
        self.path = path
        self.rows: dict[str, Mapping[str, float]] = {}
        self.runs: dict[str, Mapping[str, object]] = {}
        self._guard = threading.Lock()
        try:
            self._file: IO[bytes] = path.open("a+b")
        except OSError as error:
            raise UserError(f"cannot open the journal {path}: {error.strerror or error}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._read()
        except BlockingIOError as error:
            self._file.close()
            raise UserError(f"{path}: another run has this journal open; wait for its end or name another --work") from error
        except OSError as error:
            self._file.close()
            raise UserError(f"cannot read the journal {path}: {error.strerror or error}") from error
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def calls(self) -> int:
        """How often the simulator was called, all runs together."""
        return len(self.runs)

    def record(self, run: str, told: Mapping[str, object], rows: Mapping[str, Mapping[str, float]]) -> str:
        """Keep a call and what it answered; on disk when this returns. Returns why it could not be kept there, empty where it was.

        What can't be written is known for the rest of this run all the same; nothing half-written stays.
        """
        with self._guard:
            if run in self.runs:
                return ""
            lines: list[Mapping[str, object]] = [{"row": key, "values": dict(values), "run": run} for key, values in rows.items()]
            problem = self._append([*lines, {"run": run, **told}])
            self.rows |= rows
            self.runs[run] = told
        return problem

    def _append(self, lines: Sequence[Mapping[str, object]]) -> str:
        data = "".join(json.dumps(line, allow_nan=False) + "\n" for line in lines).encode()
        end = self._file.seek(0, os.SEEK_END)
        try:
            written = os.write(self._file.fileno(), data)
            if written < len(data):
                os.ftruncate(self._file.fileno(), end)
                return f"cannot write the journal {self.path}: no space left"
            os.fsync(self._file.fileno())
        except OSError as error:
            os.ftruncate(self._file.fileno(), end)
            return f"cannot write the journal {self.path}: {error.strerror or error}"
        return ""

    def _read(self) -> None:
        self._file.seek(0)
        whole = 0
        for number, line in enumerate(self._file, start=1):
            if not line.endswith(b"\n"):
                break  # cut short
            try:
                told = json.loads(line)
                if number == 1 and told != _HEAD:
                    raise ValueError("not the head")
                self._take(told)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                expected = f"expected the line {json.dumps(_HEAD)}" if number == 1 else "take the line out: it is simulated anew"
                token = line[:60].decode("utf-8", "replace").rstrip("\n")
                raise ParseError(f"damaged journal; {expected}", path=self.path, line=number, token=token) from error
            whole += len(line)
        self._file.truncate(whole)
        if not whole:
            problem = self._append([_HEAD])
            if problem:
                raise UserError(problem)

    def _take(self, told: Mapping[str, object]) -> None:
        if "row" in told:
            values = told["values"]
            if not isinstance(values, dict) or not all(isinstance(value, int | float) for value in values.values()):
                raise TypeError("no values")
            self.rows[str(told["row"])] = {str(name): float(value) for name, value in values.items()}
        elif "run" in told:
            self.runs[str(told["run"])] = {name: value for name, value in told.items() if name != "run"}
        elif told != _HEAD:
            raise ValueError("neither row nor run")
