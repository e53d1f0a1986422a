# SPDX-License-Identifier: MIT
"""Faults of file calls in a running daemon, by the names of files."""
from servers import build

LIBRARY = build.BUILD / "system" / "fault_preload.so"


class Faults:
    """Makes the file calls of one server hang or fail, from its next start on:

        faults = Faults(directory, collectd)
        collectd.start()
        faults.inject("hang", "write,fsync", "/alerts.jsonl")
        collectd.expect(faults.hits)
        faults.clear()

    KINDS and CALLS are those of fault_preload.c. PART is a part of the file's
    absolute path. A call that hangs goes on when its fault is cleared."""

    KINDS = ("hang", "slow", "torn", "EIO", "ENOSPC", "EROFS", "EMFILE", "ESTALE", "record", "kill")
    CALLS = ("open", "read", "write", "fsync", "fdatasync", "rename", "stat")
    WRITING = "open,write,fsync,fdatasync,rename"

    def __init__(self, directory, server):
        self.file = directory / "faults"
        self._hits = directory / "faults.hits"
        self._lines = []
        libraries = [server.environment.get("LD_PRELOAD"), str(LIBRARY)]
        server.environment["LD_PRELOAD"] = ":".join(filter(None, libraries))
        server.environment["FAULTS"] = str(self.file)

    def inject(self, kind, calls, part):
        """Adds a fault; several may be in force."""
        assert kind in self.KINDS and set(calls.split(",")) <= set(self.CALLS), (kind, calls)
        self._put([*self._lines, f"{kind} {calls} {part}"])

    def clear(self):
        """Ends all faults, and forgets what was hit."""
        self._put([])
        self._hits.unlink(missing_ok=True)

    def hits(self):
        """Calls that met a fault, as pairs (call, path)."""
        if not self._hits.exists():
            return []
        return [tuple(line.split(" ", 1)) for line in self._hits.read_text(encoding="utf-8").splitlines()]

    def _put(self, lines):
        self._lines = lines
        beside = self.file.with_name("faults.new")
        beside.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        beside.rename(self.file)  # the daemon never sees half a file
