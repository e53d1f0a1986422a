# SPDX-License-Identifier: MIT
"""A configuration that cannot be right is refused at start, in one plain line."""
import pytest

PLUGINS = ("statgrab", "dbpool", "session_log", "resource_alert")


def refusal(collectd, plugin):
    """The one line in which PLUGIN says why it refuses to start."""
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
