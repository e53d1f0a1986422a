# SPDX-License-Identifier: MIT
"""How the demo's configuration differs from conf.d: the blocks that an
administrator switches on, paths, and shorter times, since a round takes two minutes."""
from children import Failed
from configuration import assign, substitute, switch_on

POOL = ("Plugin dbpool", "Pool trading")
LOG = ("Plugin session_log", "Log trading")
ALERT = ("Plugin resource_alert",)
DEGRADE = (*ALERT, "Response degrade")
STORE = (*ALERT, "SwitchStore file")

SWITCHES = {"limit_noncore_api": 0, "pause_scheduled_jobs": 3, "serve_cached": 6}  # After
RULES = ["pool_used", "pool_ready", "pool_leak", "session_leak"]
STORY_RULES = [*RULES, "pool_timeout", "session_failed", "log_errors"]
# Always in the table; others are while they are beyond their limits.
SHOWN_RULES = [*STORY_RULES, "memory_used", "disk_free", "cpu_load"]

BLOCKS = {"20-dbpool.conf": [POOL], "30-session_log.conf": [LOG]}


def paths(root, database, application, collectd):
    """{file: [(path of blocks, option, value before or None, value)]}"""
    return {
        "00-types.conf": [((), "TypesDB", "/usr/share/collectd-resource-alert/types.db",
                           root / "usr/share/collectd-resource-alert/types.db")],
        "20-dbpool.conf": [(POOL, "Host", None, database.socket)],
        "30-session_log.conf": [(LOG, "File", None, application.log),
                                (LOG[:1], "StateDir", None, root / "var/lib/collectd/session_log")],
        "40-thresholds.conf": [
            (ALERT, "StateDir", None, root / "var/lib/collectd/resource_alert"),
            (ALERT, "Journal", None, collectd.journal)],
        "45-status.conf": [(ALERT, "StatusListen", None, collectd.page),
                           (ALERT, "ControlSocket", None, collectd.control)],
        "50-responses.conf": [(STORE, "Path", None, application.switches),
                              (ALERT, "DisableFile", None, root / "run/collectd/responses.off")],
    }


def times():
    """{file: [(path of blocks, option, value)]}: times in seconds, and
    the mode in which responses act."""
    return {
        "20-dbpool.conf": [(POOL, "LeakAfter", 3)],
        "30-session_log.conf": [(LOG, "LeakWindow", 2)],
        "40-thresholds.conf": [((*ALERT, f"Threshold {rule}"), option, 2)
                               for rule in RULES for option in ["For", "RecoverFor"]]
        + [((*ALERT, "Threshold log_errors"), "RecoverFor", 2)],
        "50-responses.conf": [
            (ALERT, "Mode", quoted("auto")),
            (DEGRADE, "EngageAfter", 2), (DEGRADE, "ReleaseAfter", 4),
            (DEGRADE, "MaxActionsPerHour", 3600),  # the limit must not trip
            *(((*DEGRADE, f"Switch {name}"), "After", after_s)
              for name, after_s in SWITCHES.items())],
    }


def quoted(value):
    return f'"{value}"'


def apply(directory, root, *servers):
    """Changes the files of DIRECTORY, each exactly as listed above."""
    for name, blocks in BLOCKS.items():
        for block in blocks:
            change(directory / name, switch_on, block)
    for name, lines in paths(root, *servers).items():
        for path, option, was, value in lines:
            change(directory / name, substitute, path, option, quoted(value), was)
    for name, lines in times().items():
        for line in lines:
            change(directory / name, assign, *line)


def change(file, how, *arguments):
    try:
        file.write_text(how(file.read_text(), *arguments))
    except (Failed, FileNotFoundError) as error:
        raise Failed(f"conf.d/{file.name}: {error}") from None
