# SPDX-License-Identifier: MIT
"""A configuration that cannot be right is refused at start, in one plain line."""
import pytest
from servers import build

PLUGINS = ("statgrab", "dbpool", "session_log", "resource_alert")


def refusal(collectd, plugin):
    """The one line in which PLUGIN explains why it refuses to start."""
    lines = [line for line in collectd.refuses_to_start() if f" {plugin}: " in line]
    assert len(lines) == 1, collectd.explain()
    return lines[0]


@pytest.mark.parametrize("plugin", PLUGINS)
def test_an_unknown_option_is_named(collectd, plugin):
    collectd.load(plugin, "NoSuchOption 1")
    assert "NoSuchOption" in refusal(collectd, plugin)


@pytest.mark.parametrize("plugin", PLUGINS)
def test_an_unknown_block_is_named(collectd, plugin):
    collectd.load(plugin, '<NoSuchBlock "x">\n  Key 1\n</NoSuchBlock>')
    assert "NoSuchBlock" in refusal(collectd, plugin)


@pytest.mark.parametrize("plugin, type_name, options", [
    ("resource_alert", "alert_state",
     '<Threshold "t">\n  Metric "a/b"\n  WarningMax 1\n</Threshold>'),
    ("session_log", "log_rate",
     'StateDir "%(directory)s"\n<Log "t">\n  File "/nowhere/t.log"\n</Log>'),
])
def test_missing_types_are_logged_with_the_lines_to_add(collectd, plugin, type_name, options):
    collectd.types = build.TYPES[:1]
    collectd.load(plugin, options % {"directory": collectd.directory}).start()
    lines = collectd.log_lines(f'{plugin}: type "{type_name}" is unknown')
    assert len(lines) == 1
    assert 'TypesDB "/usr/share/collectd-resource-alert/types.db"' in lines[0]
    # collectd goes on without the plugin and logs it once more when it ends.
    collectd.stop(exit_code=1)
