# SPDX-License-Identifier: MIT
"""What the README tells to copy works as it stands."""
import re
import shlex

import psycopg2
import pytest
from responding import Responding
from servers import build

TEXT = (build.SOURCE / "README.md").read_text(encoding="utf-8")


# As Debian installs it, but for the superuser's first line.
PG_HBA = """\
local all postgres trust
local all all peer
host all all 127.0.0.1/32 scram-sha-256
"""


def examples(language, word=""):
    """The code blocks in LANGUAGE that hold WORD."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.S | re.M)
    return [block for block in blocks if word in block]


def commands():
    """The lines to type, without what is between <<'END' and END."""
    return [line for block in examples("sh") for line in re.sub(r"(<<'END')\n.*?^END$", "", block, flags=re.S | re.M).splitlines()]


@pytest.mark.parametrize("line", commands())
def test_a_command_names_what_is_there(line):
    for command in line.split(" | "):
        words = shlex.split(command)
        program = words[1] if words[0] == "sudo" else words[0]
        if "/" in program:
            assert (build.SOURCE / program).is_file()
        else:
            assert program in {"apt-get", "chmod", "cmake", "cpack", "echo", "install", "resource-alertctl", "sed", "systemctl", "tee"}


def test_the_table_is_the_one_that_is_installed():
    rules = {name: (metric, limits) for name, metric, limits in
            re.findall(r"^\| `(\w+)` \| `(\S+)` \| (.*?) \|", TEXT, re.M)}
    sample = (build.SOURCE / "conf.d/40-thresholds.conf").read_text(encoding="utf-8")
    blocks = re.findall(r'^  <Threshold "(\w+)">\n(.*?)^  </Threshold>', sample, re.S | re.M)
    assert list(rules) == [name for name, _ in blocks]
    for name, block in blocks:
        assert rules[name][0] == re.search(r'Metric "(.*?)"', block)[1]
        for severity, direction, limit in re.findall(r"^    (Warning|Failure)(M\w+) (\S+)", block, re.M):
            sign = ">" if direction == "Max" else "<"
            assert re.search(rf"{sign} {re.escape(limit)}\b.*{severity.lower()}", rules[name][1])


def test_the_waiting_times_are_those_of_the_installed_files():
    section = re.search(r"^## How long it takes\n(.*?)^## ", TEXT, re.S | re.M).group(1)
    samples = "".join((build.SOURCE / "conf.d" / name).read_text(encoding="utf-8") for name in ("40-thresholds.conf", "50-responses.conf"))
    claims = re.findall(r"`(\w+) (\d+)` of `(\w+)`", section)
    assert len(claims) >= 5
    for option, value, name in claims:
        block = re.search(rf'^  <(?:Threshold|Response) "{name}">\n(.*?)^  </', samples, re.S | re.M).group(1)
        assert f"\n    {option} {value}\n" in block, (option, value, name)
    for name in re.findall(r"`(\w+)` has no `For`", section):
        block = re.search(rf'^  <Threshold "{name}">\n(.*?)^  </', samples, re.S | re.M).group(1)
        assert not re.search(r"^    For [1-9]", block, re.M), name
    for option, value, block in re.findall(r"`(\w+) (\d+)` of `<(\w+)>`", section):
        source = {"Pool": "dbpool", "Log": "session_log"}[block]
        text = (build.SOURCE / f"plugins/{source}/options.c").read_text(encoding="utf-8")
        assert re.search(rf'OPTION\("{option}".*?default_text = "(\d+)"', text, re.S).group(1) == value, (option, block)


def test_the_pool_is_watched_in_a_server_as_debian_sets_it_up(collectd, postgresql):
    (postgresql.data / "pg_hba.conf").write_text(PG_HBA, encoding="utf-8")
    postgresql.run("CREATE DATABASE trading")
    for statement in examples("sql")[0].strip().rstrip(";").split(";"):
        postgresql.run(statement)
    postgresql.run("SELECT pg_reload_conf()")
    secret = shlex.split(examples("sh", "pgpass")[0])[1]
    passfile = collectd.directory / "pgpass"
    passfile.write_text(secret.replace(":5432:", f":{postgresql.tcp_port}:"), encoding="utf-8")
    passfile.chmod(0o600)
    block = examples("apache", "Pool ")[0]
    assert '"/etc/collectd/pgpass"' in block
    collectd.load("dbpool").write(
        block.replace("/etc/collectd/pgpass", str(passfile))
        .replace("    PoolSize", f"    Port {postgresql.tcp_port}\n    PoolSize"))
    collectd.start()
    collectd.expect(lambda: collectd.value("dbpool-trading/gauge-up") == 1)
    session = psycopg2.connect(host=str(postgresql.socket_directory), port=postgresql.tcp_port,
                               user="postgres", dbname="trading", application_name="trading-api")
    session.cursor().execute("SELECT 1")
    collectd.expect(lambda: collectd.value("dbpool-trading/current_connections-idle_in_transaction") == 1)
    collectd.expect(lambda: collectd.value("dbpool-trading/current_connections-capacity") == 30)
    session.close()


def test_the_log_is_followed(collectd):
    block = examples("apache", "<Log ")[0]
    assert '"/var/log/trading/*.log"' in block
    logs = collectd.directory / "trading"
    logs.mkdir()
    collectd.load("session_log", f'StateDir "{collectd.directory}/state"')
    collectd.write(block.replace("/var/log/trading", str(logs)))
    collectd.start()
    (logs / "api.log").write_text("INFO Creating new database session\nINFO Closing database session\n"
                                  "INFO Creating new database session\nERROR Database session error: x\n",
                                  encoding="utf-8")
    for name, count in [("opened", 2), ("closed", 1), ("failed", 1)]:
        collectd.expect(lambda: collectd.value(f"session_log-trading/total_sessions-{name}") == count)


def test_the_rule_and_the_response_work(collectd):
    rule, override, response = examples("apache", "resource_alert")
    seen = Responding(collectd)
    place = seen.open_directory("seen")
    hook = seen.hook(f"cat >{place}/event")
    paths = [("/var/lib/collectd/resource_alert", seen.state),
             ("/var/log/collectd/resource_alert.jsonl", seen.journal_file)]
    collectd.include("40-thresholds.conf", paths)
    collectd.write(rule.replace("For 30", "For 0"))
    collectd.write(override)
    collectd.include("50-responses.conf", [
        ("/run/collectd", collectd.directory), ('Mode "dryrun"', 'Mode "auto"'),
        ('#HelperDir "/usr/libexec/collectd-resource-alert"', f'HelperDir "{build.BUILD}/libexec"')])
    assert "/usr/local/bin/on-save-memory" in response
    collectd.write(response.replace("/usr/local/bin/on-save-memory", str(hook)).replace("EngageAfter 60", "EngageAfter 0"))
    collectd.start()
    collectd.put_value("statgrab-swap/percent-used", 70)
    collectd.expect(lambda: collectd.notifications(
        plugin_instance="swap_used", message="testhost: swap is 70% used"))
    seen.expect_state("ENGAGED", "save_memory")
    assert seen.is_on("shrink_caches")
    assert '"save_memory"' in (place / "event").read_text(encoding="utf-8")


def test_the_rule_and_the_response_pass_the_check_as_installed(installed):
    """Under the names that the README gives, in Debian's own configuration."""
    names = re.findall(r"`(/etc/collectd/collectd\.conf\.d/\S+)`:$", TEXT, re.M)
    check = examples("sh", "resource-alertctl")[-1].strip()
    assert len(names) == 3 and check.startswith("resource-alertctl check ")
    for number, (name, text) in enumerate(zip(names, examples("apache", "resource_alert"))):
        example = installed.directory / f"example-{number}"
        example.write_text(text, encoding="utf-8")
        installed.before_start.append(f"cp {example} {name}")
    installed.before_start += [
        "install -m 755 /bin/true /usr/local/bin/on-save-memory",
        f"{check} >{installed.directory}/checked 2>&1 || echo failed >>{installed.directory}/checked"]
    installed.start()
    assert (installed.directory / "checked").read_text(encoding="utf-8").endswith(" no problems found\n")
    assert [line for line in installed.log_lines("[error]") if "resource_alert" in line] == []


def outline(text):
    """What both languages share: headings, code blocks, rows of tables, names in code."""
    blocks = re.findall(r"^```.*?^```$", text, re.S | re.M)
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.S | re.M)
    headings = [line.split(" ")[0] for line in prose.splitlines() if line.startswith("#")]
    rows = [len(line.split(" | ")) for line in prose.splitlines() if line.startswith("| ")]
    return headings, blocks, rows, sorted(set(re.findall(r"`([^`]+)`", prose)))


def test_the_chinese_readme_is_in_step():
    chinese = (build.SOURCE / "README.zh-CN.md").read_text(encoding="utf-8")
    for english, translated in zip(outline(TEXT), outline(chinese)):
        assert english == translated
