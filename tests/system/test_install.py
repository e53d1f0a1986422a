# SPDX-License-Identifier: MIT
"""What cmake --install puts where, and that Debian's own collectd starts with it."""
import os
import shutil
import subprocess

from servers import build, sanitizer

PLUGINS = ("statgrab", "dbpool", "session_log", "resource_alert")


def install_into(tree):
    subprocess.run(["cmake", "--install", build.BUILD], check=True, capture_output=True,
                   env={**os.environ, "DESTDIR": str(tree)})


def test_everything_lands_where_collectd_looks(directory):
    install_into(directory)
    for name in PLUGINS:
        assert (directory / f"usr/lib/collectd/{name}.so").is_file()
    snippets = directory / "etc/collectd/collectd.conf.d"
    assert (sorted(file.name for file in snippets.iterdir())
            == sorted(file.name for file in (build.SOURCE / "conf.d").glob("*.conf")))
    types = directory / "usr/share/collectd-resource-alert/types.db"
    assert types.read_bytes() == (build.SOURCE / "types.db").read_bytes()
    assert (directory / "usr/share/man/man5/collectd-resource-alert.5.gz").is_file()


def test_an_edited_snippet_outlives_the_next_installation(directory):
    install_into(directory)
    snippets = directory / "etc/collectd/collectd.conf.d"
    snippet = snippets / "00-types.conf"
    shipped = snippet.read_text(encoding="utf-8")
    snippet.write_text("# mine\n", encoding="utf-8")
    install_into(directory)
    assert snippet.read_text(encoding="utf-8") == "# mine\n"
    assert (snippets / "00-types.conf.new").read_text(encoding="utf-8") == shipped
    snippet.write_text(shipped, encoding="utf-8")
    install_into(directory)
    assert not (snippets / "00-types.conf.new").exists()


def test_uninstalling_leaves_only_what_was_edited(directory):
    project = directory / "project"
    (project / "build").mkdir(parents=True)
    (project / "tools").mkdir()
    script = shutil.copy(build.SOURCE / "tools/uninstall", project / "tools")
    (project / "build" / "release").symlink_to(build.BUILD)
    (project / "conf.d").symlink_to(build.SOURCE / "conf.d")
    tree = directory / "tree"
    install_into(tree)
    edited = tree / "etc/collectd/collectd.conf.d/40-thresholds.conf"
    edited.write_text("# mine\n", encoding="utf-8")

    def uninstall(*words):
        subprocess.run([script, *words], check=True, capture_output=True, env={**os.environ, "DESTDIR": str(tree)})

    uninstall()
    left = [path.relative_to(tree) for path in tree.rglob("*") if path.is_file()]
    assert [str(path) for path in left] == ["etc/collectd/collectd.conf.d/40-thresholds.conf.removed"]
    uninstall("--purge")
    assert not [path for path in tree.rglob("*") if path.is_file()]


def test_stock_collectd_starts_with_it_and_complains_of_nothing(installed):
    installed.start()
    # Debian's collectd.conf writes RRD files, ten seconds apart.
    values = installed.path("/var/lib/collectd/rrd")
    installed.expect(lambda: list(values.glob("*/memory/memory-used.rrd")), within=30)
    installed.expect(lambda: list(values.glob("*/statgrab-memory/percent-used.rrd")), within=30)
    problems = installed.log_lines("[error]") + installed.log_lines("[warning]")
    assert [line for line in problems if any(f" {name}: " in line for name in PLUGINS)] == []
    assert [line for line in problems if "types.db" in line or "TypesDB" in line] == []
    assert installed.stop() == 0
    assert sanitizer.reports(installed.directory, installed.log_lines("")) == ""
