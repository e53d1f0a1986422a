# SPDX-License-Identifier: MIT
"""Where the demo's configuration differs from conf.d: paths and waiting times."""
from configuration import substitute

SWITCHES = {"limit_noncore_api": 0, "pause_scheduled_jobs": 3, "serve_cached": 6}  # After


def substitutions(root, database, application):
    """(file, path of blocks, option, value); each must be met exactly once."""
    def quoted(path):
        return f'"{path}"'

    pool = ("Plugin dbpool", "Pool trading")
    sessions = ("Plugin session_log", "Log trading")
    alert = ("Plugin resource_alert",)
    degrade = (*alert, "Response degrade")
    lines = [
        ("20-dbpool.conf", pool, "Host", quoted(database.socket)),
        ("20-dbpool.conf", pool, "LeakAfter", 3),
        ("30-session_log.conf", sessions, "File", quoted(application.log)),
        ("30-session_log.conf", sessions, "FloorWindow", 2),
        ("40-thresholds.conf", alert, "StateDir", quoted(root / "var/lib/collectd/resource_alert")),
        ("40-thresholds.conf", alert, "Journal",
         quoted(root / "var/log/collectd/resource_alert.jsonl")),
        ("50-responses.conf", alert, "Mode", quoted("auto")),
        ("50-responses.conf", degrade, "Engage", 2),
        ("50-responses.conf", degrade, "Release", 4),
    ]
    for row in ["pool_used", "pool_ready"]:
        lines.append(("40-thresholds.conf", (*alert, f"Threshold {row}"), "For", 2))
        lines.append(("40-thresholds.conf", (*alert, f"Threshold {row}"), "Recover", 2))
    for switch, after_s in SWITCHES.items():
        lines.append(("50-responses.conf", (*degrade, f"Switch {switch}"), "After", after_s))
    return lines


def apply(directory, lines):
    """Substitutes LINES in the files of DIRECTORY."""
    for name, path, option, value in lines:
        file = directory / name
        file.write_text(substitute(file.read_text(), path, option, value, name))
