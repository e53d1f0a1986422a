# SPDX-License-Identifier: MIT
"""Somebody on a bare Debian 12 copies from the README, line by line, until the
first alert: its installation and what follows."""
import re
import shutil

from servers import bare, build

# There is no systemd to ask in a tree; its service starts the daemon and waits.
SYSTEMCTL = r"""#!/bin/sh
[ "$*" = "restart collectd" ] || exit 1
if [ -e /run/collectd.pid ]; then
  kill "$(cat /run/collectd.pid)"
  while [ -e /run/collectd.pid ]; do sleep 0.1; done
fi
collectd -P /run/collectd.pid
"""


def blocks(section):
    """What the section tells to type."""
    text = (build.SOURCE / "README.md").read_text(encoding="utf-8")
    inside = re.search(rf"^## {section}\n(.*?)(?=^## )", text, re.S | re.M)[1]
    return re.findall(r"^```sh\n(.*?)^```", inside, re.S | re.M)


def test_from_a_bare_machine_to_the_first_alert(tmp_path):
    tree = bare.make(tmp_path, tmp_path / "tree", "sudo,ca-certificates")
    try:
        (tree / "etc/apt/apt.conf.d/90test").write_text('APT::Install-Recommends "false";\nAPT::Get::Assume-Yes "true";\n')
        systemctl = tree / "usr/local/bin/systemctl"
        systemctl.write_text(SYSTEMCTL)
        systemctl.chmod(0o755)
        shutil.copytree(build.SOURCE, tree / "project", ignore=shutil.ignore_patterns("build", ".git"))
        install, (alert,) = blocks("Install")[0], blocks("See the first alert")
        assert "sudo resource-alertctl watch\n" in alert
        # It ends with the state, 1 for a warning.
        alert = alert.replace("resource-alertctl watch", "resource-alertctl watch --every 1s --count 30 || [ $? -eq 1 ]")
        told = bare.inside(tree, f'echo "127.0.0.1 host.example $(hostname)" >/etc/hosts; cd /project\n{install}\n{alert}')
    finally:
        shutil.rmtree(tree)
    assert re.search(r"\bfirst\b.*WARNING|WARNING.*\bfirst\b", told), told[-3000:]
