# SPDX-License-Identifier: MIT
"""The Debian package in a bare Debian tree, the rpm, the image, the hardened service."""
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest
from servers import bare, build
from servers.bare import inside, run

PACKAGING = build.SOURCE / "contrib/packaging"
NAME = "collectd-resource-alert"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    path = tmp_path_factory.mktemp("packages")
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def packages(place):
    """Two revisions of the package, from a release build of its own."""
    made = []
    for revision in (1, 2):
        run("cmake", "-S", build.SOURCE, "-B", place / "build", "-G", "Ninja", "-DCMAKE_BUILD_TYPE=RelWithDebInfo",
            "-DCMAKE_INSTALL_PREFIX=/usr", "-DBUILD_TESTING=OFF", f"-DPACKAGE_REVISION={revision}")
        run("cmake", "--build", place / "build")
        run("cpack", "-G", "DEB", "-B", place / f"deb{revision}", cwd=place / "build")
        made += list((place / f"deb{revision}").glob("*.deb"))
    assert len(made) == 2
    return made


@pytest.fixture(scope="module")
def tree(place, packages):
    """A bare Debian 12 with the stock collectd, which starts nothing by itself,
    and with what the package depends on."""
    depends = re.sub(r"\s*(\(.*?\)|\|[^,]*)", "", run("dpkg-deb", "-f", packages[0], "Depends").strip())
    return bare.make(place, place / "tree", f"collectd,librrd8,libmnl0,{depends}")


def started(tree):
    """What the stock collectd logs when it starts with Debian's configuration."""
    told = inside(tree, r"""
        echo "127.0.0.1 $(hostname).example $(hostname)" >/etc/hosts
        printf 'LoadPlugin logfile\n<Plugin logfile>\n  File stdout\n</Plugin>\n' >/root/start.conf
        cat /etc/collectd/collectd.conf >>/root/start.conf
        collectd -T -C /root/start.conf 2>&1 || true""")
    assert "Exiting normally" in told, told
    return told


def starts(tree):
    """The stock collectd starts with our snippets."""
    told = started(tree)
    for snippet in (build.SOURCE / "conf.d").glob("*.conf"):
        for name in re.findall(r'^LoadPlugin "?(\w+)', snippet.read_text(), re.M):
            assert f'plugin "{name}" successfully loaded' in told, told


def starts_without_us(tree):
    assert not re.search("resource.alert|statgrab|dbpool|session_log", started(tree))


def ours(tree):
    """What is there of the suite. The values that collectd's rrdtool wrote are
    collectd's, whatever plugin read them."""
    found = [p.relative_to(tree) for pattern in ["*resource*alert*", "10-statgrab.conf", "statgrab.so"]
             for top in ["etc", "usr", "var/lib/collectd", "var/log"] for p in (tree / top).rglob(pattern)]
    return sorted(str(path) for path in found if not path.is_relative_to("var/lib/collectd/rrd"))


def owner_of(library):
    """The package that a library came with, whichever of /lib and /usr/lib it says."""
    real = os.path.realpath(library)
    result = subprocess.run(["dpkg", "-S", real, real.removeprefix("/usr")], capture_output=True, text=True)
    return result.stdout.split(":")[0]


def test_lintian_finds_nothing_that_has_no_stated_reason(packages):
    run("lintian", "--fail-on", "error,warning", "--allow-root", packages[0])


def test_the_package_depends_on_what_its_plugins_need(place, packages):
    depends = run("dpkg-deb", "-f", packages[0], "Depends")
    assert "collectd-core (>= 5.12)" in depends
    needed = {word.split()[0] for word in depends.split(",")}
    modules = list((place / "build" / "collectd").glob("*.so"))
    assert len(modules) == 4
    for module in modules:  # the names of linked libraries and of those that an option loads
        for library in set(re.findall(r"lib[a-z\d-]+\.so\.\d+", module.read_bytes().decode("latin-1"))):
            owners = {line.split(":")[0] for line in run("dpkg", "-S", f"*/{library}").splitlines()}
            assert owners & needed, f"{module.name} needs {library}"


def test_install_upgrade_and_purge(packages, tree):
    before = ours(tree)
    for package in packages:
        shutil.copy(package, tree / "root")
    first, second = (f"/root/{package.name}" for package in packages)
    snippet = tree / "etc/collectd/collectd.conf.d/60-graphite.conf"

    inside(tree, f"dpkg -i {first}")
    assert "usr/lib/collectd/statgrab.so" in ours(tree)
    starts(tree)
    inside(tree, "resource-alertctl check")

    snippet.write_text(snippet.read_text() + "# mine\n")
    inside(tree, f"dpkg -i {second}")
    assert snippet.read_text().endswith("# mine\n")
    assert "2" == inside(tree, f"dpkg-query -W -f '${{Version}}' {NAME}").rpartition("-")[2]
    starts(tree)

    (tree / "var/lib/collectd/resource_alert").mkdir(parents=True, exist_ok=True)
    (tree / "var/lib/collectd/session_log").mkdir(parents=True, exist_ok=True)
    inside(tree, f"dpkg --remove {NAME}")
    assert "usr/lib/collectd/statgrab.so" not in ours(tree)
    assert not [file.name for file in (build.SOURCE / "conf.d").glob("*.conf") if (snippet.parent / file.name).exists()]
    assert (snippet.parent / f"{snippet.name}.removed").read_text().endswith("# mine\n")
    starts_without_us(tree)

    inside(tree, f"dpkg -i {second}")
    assert snippet.read_text().endswith("# mine\n")
    starts(tree)

    inside(tree, f"dpkg --remove {NAME}; dpkg --purge {NAME}")
    starts_without_us(tree)
    assert ours(tree) == before
    assert not list((tree / "var/lib/collectd").glob("session_log*")) and not list(snippet.parent.glob("*.removed"))


def test_the_hardened_service_is_valid(tmp_path):
    service = pathlib.Path("/lib/systemd/system/collectd.service").read_text()
    # What ExecStartPre names is not installed on the machine that tests.
    ctl = tmp_path / "resource-alertctl"
    shutil.copy(build.BUILD / "resource-alertctl", ctl)
    drop_in = (PACKAGING / "systemd/hardening.conf").read_text()
    (tmp_path / "collectd.service").write_text(service)
    (tmp_path / "collectd.service.d").mkdir()
    (tmp_path / "collectd.service.d" / "hardening.conf").write_text(
        drop_in.replace("/usr/bin/resource-alertctl", str(ctl)))
    told = run("systemd-analyze", "verify", "--recursive-errors=no", "--man=no", tmp_path / "collectd.service")
    assert told == ""


def test_the_drop_in_takes_what_the_stock_service_leaves(tmp_path):
    """systemd's own measure, from 0, safe, to 10."""
    def exposure(*drop_ins):
        root = tmp_path / f"root{len(drop_ins)}"
        units = root / "lib/systemd/system"
        (units / "collectd.service.d").mkdir(parents=True)
        shutil.copy("/lib/systemd/system/collectd.service", units)
        for drop_in in drop_ins:
            shutil.copy(drop_in, units / "collectd.service.d")
        told = run("systemd-analyze", "security", "--offline=true", f"--root={root}", "collectd.service")
        return float(re.search(r"Overall exposure level for collectd.service: ([0-9.]+)", told)[1])

    assert exposure(PACKAGING / "systemd/hardening.conf") < 5 < 9 < exposure()


def test_the_spec_asks_for_the_libraries_that_cmake_asks_for():
    spec = (PACKAGING / "rpm" / f"{NAME}.spec").read_text(encoding="utf-8")
    cmake = (build.SOURCE / "CMakeLists.txt").read_text(encoding="utf-8")
    assert (sorted(re.findall(r"pkgconfig\((.*?)\)", spec))
            == sorted(re.findall(r"pkg_check_modules\(\w+ REQUIRED IMPORTED_TARGET (\S+)\)", cmake)))


def test_the_rpm_holds_what_the_debian_package_holds(place, packages):
    """Built by rpm on Debian, whose packages the spec's names do not fit."""
    version = build.cache("CMAKE_PROJECT_VERSION")
    top = place / "rpm"
    top.mkdir()
    shutil.copytree(build.SOURCE, top / f"{NAME}-{version}", ignore=shutil.ignore_patterns("build", ".git"))
    run("tar", "-czf", top / f"{NAME}-{version}.tar.gz", f"{NAME}-{version}", cwd=top)
    run("rpmbuild", "-bb", "--nodeps", "--define", f"_sourcedir {top}", "--define", f"_topdir {top}",
        PACKAGING / "rpm" / f"{NAME}.spec")
    (package,) = top.glob("RPMS/*/*.rpm")
    assert package.name.startswith(f"{NAME}-{version}-")
    # Where files go differs, and so do the licence and changelog entries.
    theirs = {pathlib.Path(line).name for line in run("rpm", "-qlp", package).splitlines() if "/usr/share/doc" not in line}
    contents = run("dpkg-deb", "-c", packages[0]).splitlines()
    ours_ = {pathlib.Path(line.split()[5]).name for line in contents
             if not line.startswith("d") and not re.search("/usr/share/(doc|lintian)", line)}
    assert ours_ and ours_ <= theirs, ours_ - theirs


def test_the_image_runs_what_the_dockerfile_says(place, packages):
    """The last stage, its steps one by one in a bare Debian 12."""
    dockerfile = (PACKAGING / "docker/Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    stage = dockerfile.rpartition("FROM debian:bookworm-slim")[2]
    root = place / "image"
    bare.make(place, root)
    shutil.copy(packages[0], root / "tmp")
    for step in re.findall(r"^RUN (.*)", stage, re.M):
        inside(root, step)
    entry = json.loads(re.search(r"^ENTRYPOINT (.*)", stage, re.M)[1])
    told = inside(root, f"timeout --preserve-status 4 {' '.join(entry)}")
    assert "entering read-loop" in told and "Exiting normally" in told
    assert not re.search(r"\[(error|warning)\]|ERROR", told), told
