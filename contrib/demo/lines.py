# SPDX-License-Identifier: MIT
"""Reads JSON lines as they are written: from a file and from a pipe."""
import json
import os


class Lines:
    """The lines that are new since the last call."""

    def __init__(self):
        self.rest = b""

    def objects(self):
        *lines, self.rest = (self.rest + self.read()).split(b"\n")
        return [json.loads(line) for line in lines if line]


class FileLines(Lines):
    """A file, from its start; it may not exist yet."""

    def __init__(self, path):
        super().__init__()
        self.path, self.offset = path, 0

    def read(self):
        try:
            with open(self.path, "rb") as file:
                file.seek(self.offset)
                data = file.read()
        except FileNotFoundError:
            return b""
        self.offset += len(data)
        return data


class PipeLines(Lines):
    """A pipe that does not block."""

    def __init__(self, pipe):
        super().__init__()
        self.descriptor = pipe.fileno()

    def read(self):
        data = b""
        try:
            while chunk := os.read(self.descriptor, 65536):
                data += chunk
        except BlockingIOError:
            pass
        return data
