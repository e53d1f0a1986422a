# SPDX-License-Identifier: MIT
"""resource-alertctl check: every mistake of a configuration, with file, line and column."""
import os
import re
import shutil
import subprocess

import pytest
from servers import build
from servers.application import pool

PLUGINS = ("statgrab", "dbpool", "session_log", "resource_alert")
CTL = build.BUILD / "resource-alertctl"
TYPES = "".join(f'TypesDB "{path}"\n' for path in build.TYPES)


@pytest.fixture
def plugins(tmp_path_factory):
    """A PluginDir: check looks at names only."""
    path = tmp_path_factory.mktemp("plugins")
    for name in (*PLUGINS, "cpu", "network", "match_regex", "match_value", "target_set"):
        (path / f"{name}.so").touch()
    return path


def ctl(*arguments):
    return subprocess.run([CTL, *map(str, arguments)], capture_output=True, text=True, timeout=30)


@pytest.fixture
def check(tmp_path, plugins):
    """Checks TEXT as a collectd.conf, with TypesDB in order; returns exit code and lines."""
    def run(text):
        path = tmp_path / "collectd.conf"
        path.write_text(text + TYPES)
        result = ctl("check", "--plugin-dir", plugins, path)
        assert result.stderr == ""
        return result.returncode, result.stdout.replace(f"{tmp_path}/", "").splitlines()
    return run


def test_no_problems(check):
    assert check("Interval 10\n") == (0, ["1 file, no problems found"])


def test_a_syntax_error_has_line_and_column(check):
    code, lines = check("Interval 10\n<Plugin cpu>\n  Path /x\n</Plugin>\n")
    assert code == 2
    assert lines[0] == 'collectd.conf:3:8: error: this character must be inside "quotes"'


@pytest.mark.parametrize("text, expected", [
    ("Hostname web-1.example.com\n", "1:1: error: Hostname takes one value, not 4"),
    ("LoadPlugin dbpool\n<Plugin dbpool>\n<Pool trading-api>\nPoolSize 1\n</Pool>\n</Plugin>\n",
     '3:14: warning: Pool: collectd skips this character or splits the value here; put the value in "quotes"'),
    ("LoadPlugin dbpool\n<Plugin dbpool>\n<Pool trading-api>\nPoolSize 1\n</Pool>\n</Plugin>\n",
     '3:2: error: <Plugin dbpool>: <Pool> takes one name: write <Pool "NAME">'),
    ("LoadPlugin resource_alerts\n", "1:1: error: LoadPlugin resource_alerts: "),
    ("LoadPlugin resource_alerts\n", "has no resource_alerts.so; did you mean resource_alert?"),
    ("<Plugin resource-alert>\nMode \"off\"\n</Plugin>\n", "did you mean resource_alert?"),
    ('<Plugin "resource-alert">\nMode "off"\n</Plugin>\n', "did you mean resource_alert?"),
    ('<A "b>\nC "d"\n</A>\n', '1:4: error: the string that starts here runs over the end of its line; close it with "'),
    ("<Plugin>\nA 1\n</Plugin>\n", '1:2: error: Plugin needs a name: write <Plugin "NAME">'),
])
def test_what_collectd_refuses_has_its_place(check, text, expected):
    lines = check(text)[1]
    assert any(line.startswith("collectd.conf:") and expected in line for line in lines), lines


def test_a_last_line_without_newline(tmp_path):
    (tmp_path / "collectd.conf").write_text("Interval 10\nTimeout 2")
    result = ctl("check", tmp_path / "collectd.conf")
    assert result.returncode == 2
    assert ":2:10: error: the file ends without a newline, which collectd refuses; end this line" in result.stdout


def test_auto_load_in_quotes(check):
    assert check('AutoLoadPlugin "true"\n<Plugin cpu>\nReportByCpu true\n</Plugin>\n')[0] == 0


def test_all_mistakes_are_reported(check):
    code, lines = check("Intervall 10\nLoadPlugin dbpool\n<Plugin dbpool>\n  Foo 1\n  Bar 2\n</Plugin>\n")
    assert code == 2
    assert lines[0] == "collectd.conf:1:1: warning: unknown option Intervall; did you mean Interval?"
    assert lines[1].startswith("collectd.conf:4:3: error: <Plugin dbpool>: unknown option Foo")
    assert lines[2].startswith("collectd.conf:5:3: error: <Plugin dbpool>: unknown option Bar")
    assert lines[-1] == "2 errors, 1 warning"


@pytest.mark.parametrize("plugin, block, expected", [
    ("resource_alert", 'Journal "/a"\nStateDir "/b"\nJournal "/c"', "5:1: error: {}: line 5: Journal is given twice"),
    ("resource_alert", '<Threshold "a">\nMetric "b/c"\nWarningMax 1\nWarningMax 2\n</Threshold>',
     '3:2: error: {}: <Threshold "a">: line 6: WarningMax is given twice'),
    ("session_log", '<Log "a">\nFile "/a"\n</Log>\n<Log "b">\nFile "/b"\n</Log>\n<Log "a">\nFile "/c"\n</Log>',
     '9:2: error: {}: <Log "a"> is given twice; give each a name of its own'),
    ("resource_alert", 'ControlSocket "here"', '3:1: error: {}: ControlSocket "here" is not an absolute path'),
    ("resource_alert", f'ControlSocket "/{"x" * 200}"', "is too long for a unix socket"),
])
def test_what_only_the_whole_block_shows_has_its_place(check, plugin, block, expected):
    code, lines = check(f"LoadPlugin {plugin}\n<Plugin {plugin}>\n{block}\n</Plugin>\n")
    assert code == 2
    assert expected.format(f"<Plugin {plugin}>") in lines[0]
    assert lines[-1] == "1 error, 0 warnings"


def test_a_block_that_collectd_ignores(check):
    code, lines = check("<Plugin dbpool>\n</Plugin>\n<Plugin cpu>\n</Plugin>\nLoadPlugin dbpool\n")
    assert code == 1
    assert re.search(r"^collectd.conf:1:2: warning: <Plugin dbpool>: LoadPlugin dbpool comes after", lines[0])
    assert re.search(r"^collectd.conf:3:2: warning: <Plugin cpu>: the plugin is not loaded", lines[1])


def test_types_that_are_missing(tmp_path):
    path = tmp_path / "collectd.conf"
    path.write_text(f'LoadPlugin resource_alert\nTypesDB "{build.TYPES[0]}"\n')
    result = ctl("check", path)
    assert result.returncode == 2
    assert "collectd.conf:2:1: error: resource_alert needs the type alert_state" in result.stdout


def test_includes_are_read_as_collectd_reads_them(tmp_path, check):
    snippets = tmp_path / "d"
    (snippets / "deeper").mkdir(parents=True)
    (snippets / "b.conf").write_text("Second 1\n")
    (snippets / "a.conf").write_text("First 1\n")
    (snippets / "a.conf.dpkg-old").write_text("% not read\n")
    (snippets / ".hidden.conf").write_text("% not read\n")
    (snippets / "deeper" / "c.conf").write_text("Third 1\n")
    code, lines = check(f'<Include "{snippets}">\n  Filter "*.conf"\n</Include>\nInclude "{snippets}/*.nothing"\n')
    assert code == 1
    assert [line.split(":")[0] for line in lines[:-1]] == ["d/a.conf", "d/b.conf", "d/deeper/c.conf"]


def test_collectd_goes_on_without_an_include_of_nothing(check):
    code, lines = check('Interval 10\nInclude "/nowhere/at-all.conf"\n')
    assert code == 1
    assert lines[0] == "collectd.conf:2:1: warning: /nowhere/at-all.conf: No such file or directory; collectd goes on without"


def test_collectd_goes_on_without_a_bad_file_of_a_directory(check, tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d/a.conf").write_text("Interval\n")
    code, lines = check(f'Include "{tmp_path}/d"\n')
    assert code == 1
    assert lines[0] == "d/a.conf:1:1: warning: collectd goes on without this file: Interval has no value"
    assert check(f'Include "{tmp_path}/d/*.conf"\n')[0] == 2


def test_endless_includes_end(tmp_path, check):
    code, lines = check(f'Include "{tmp_path}/collectd.conf"\n')
    assert code == 2
    assert "Include is nested more than 8 deep" in lines[0]


RULE = """<Plugin resource_alert>
  <Threshold "rule">
    Metric "{}"
    WarningMax 1
  </Threshold>
</Plugin>
"""
LOADED = """LoadPlugin cpu
LoadPlugin statgrab
LoadPlugin dbpool
LoadPlugin resource_alert
<Plugin dbpool>
  <Pool "trading">
    PoolSize 10
  </Pool>
</Plugin>
"""


@pytest.mark.parametrize("metric, expected", [
    ("cpu-0/cpu-user", None),
    ("*/percent-used", None),
    ("host/dbpool-trading/percent-used", None),
    ("dbpool-trad*/current_connections-ready", None),
    ("statgrab-df-*/percent-free", None),
    ("memory/memory-used", 'no loaded plugin sends values of "memory"'),
    ("session_log-x/log_rate-errors", "session_log is not loaded"),
    ("dbpool-tradin/percent-used", "dbpool is loaded, but has no block of this name"),
    ("dbpool-trading/percent-usd", "for this instance dbpool sends percent-used current_connections-active"),
    ("statgrab-memory/percent-usd", "for this instance statgrab sends percent-used memory-*"),
])
def test_a_rule_that_no_plugin_has_values_for(check, metric, expected):
    code, lines = check(LOADED + RULE.format(metric))
    if expected is None:
        assert (code, lines) == (0, ["1 file, no problems found"])
    else:
        assert code == 1
        assert lines[0].startswith(f'collectd.conf:11:4: warning: <Threshold "rule">: Metric "{metric}" matches no series: ')
        assert expected in lines[0]


@pytest.mark.parametrize("block, metric", [
    ("AutoLoadPlugin true\n<Plugin memory>\nValuesPercentage true\n</Plugin>\n", "memory/percent-used"),
    ('AutoLoadPlugin true\n<Plugin table>\n<Table "/proc/loadavg">\nPlugin "avg"\n</Table>\n</Plugin>\n', "avg-x/gauge-*"),
    ('AutoLoadPlugin true\n<Plugin filecount>\n<Directory "/tmp">\nPlugin "spool"\n</Directory>\n</Plugin>\n', "spool-x/files"),
    ("AutoLoadPlugin true\n<Plugin grpc>\n</Plugin>\n", "any/thing"),
    ('LoadPlugin target_set\n<Chain "PreCache">\n<Rule "r">\n<Target "set">\nPlugin "mine"\n</Target>\n</Rule>\n</Chain>\n', "mine/load"),
])
def test_no_warning_of_a_rule_that_gets_values(check, block, metric):
    assert check(block + LOADED + RULE.format(metric))[0] == 0


@pytest.mark.parametrize("options, expected", [
    ("WarningMax 95\nFailureMax 80", "11:2: warning: <Threshold \"r\">: WARNING is never reached: FailureMax 80 comes before WarningMax 95"),
    ("WarningMin 3\nFailureMin 5", "WARNING is never reached: FailureMin 5 comes before WarningMin 3"),
    ('WarningMax "80%"', '13:1: error: <Plugin resource_alert>: WarningMax "80%" is not a number; write WarningMax 80 and Unit "%"'),
    ('WarningMax 1\nFor "30s"', 'For "30s" is not a number; write For 30'),
    ("WarningMax 1\nFor 30s", 'For "30s" is not a number; write For 30'),
])
def test_limits_that_are_not_what_is_meant(check, options, expected):
    lines = check(f'{LOADED}<Plugin resource_alert>\n<Threshold "r">\nMetric "cpu-0/cpu-user"\n{options}\n</Threshold>\n</Plugin>\n')[1]
    assert expected in lines[0], lines


def test_a_central_collectd_may_be_sent_anything(check):
    listening = 'LoadPlugin network\n<Plugin network>\n  Listen "127.0.0.1"\n</Plugin>\n'
    assert check(listening + LOADED + RULE.format("nobody/knows"))[0] == 0


def test_a_response_that_names_no_rule(check):
    code, lines = check(LOADED + RULE.format("cpu-0/cpu") + """<Plugin resource_alert>
  <Response "r">
    When "rwo"
    <Exec>
      User "nobody"
      Command "/bin/true"
    </Exec>
  </Response>
</Plugin>
""")
    assert code == 2
    assert lines[0].startswith('collectd.conf:18:5: error: <Response "r">: When "rwo": there is no <Threshold "rwo">')


RESPONSE = """<Plugin resource_alert>
<Response "r">
When "{}"
Unless "{}"
<Switch "{}">
</Switch>
</Response>
</Plugin>
"""
STORE = '<Plugin resource_alert>\n<SwitchStore "file">\nPath "/run/x"\n</SwitchStore>\n</Plugin>\n'
OTHER = '<Plugin resource_alert>\n<Threshold "db_down">\nMetric "cpu-0/cpu-user"\nWarningMax 1\n</Threshold>\n</Plugin>\n'


@pytest.mark.parametrize("blocks, expected", [
    (STORE + OTHER + RESPONSE.format("rul", "db_down", "s"), 'When "rul": there is no <Threshold "rul"> before it; did you mean "rule"?'),
    (STORE + OTHER + RESPONSE.format("rule", "db_dwn", "s"), 'Unless "db_dwn": there is no <Threshold "db_dwn"> before it; did you mean'),
    (STORE + RESPONSE.format("rule", "db_down", "s") + OTHER, 'Unless "db_down": there is no <Threshold "db_down"> before it; rules must'),
    (OTHER + RESPONSE.format("rule", "db_down", "s") + STORE, '<Switch>: '),
    (STORE + OTHER + RESPONSE.format("rule", "db_down", "s") + RESPONSE.format("rule", "db_down", "s").replace('"r"', '"q"'),
     '<Switch "s"> is also in <Response "r">'),
])
def test_a_response_may_use_what_stands_before_it(check, blocks, expected):
    code, lines = check(LOADED + RULE.format("cpu-0/cpu") + blocks)
    assert code == 2 and expected in lines[0], lines
    statement = re.search(r'(When|Unless) "\w+"', expected)
    if statement:
        number = (LOADED + RULE.format("cpu-0/cpu") + blocks).splitlines().index(statement.group()) + 1
        assert lines[0].startswith(f"collectd.conf:{number}:1: error: ")


def test_a_rule_given_twice_has_both_places(check, tmp_path):
    (tmp_path / "more.conf").write_text(OTHER + RULE.format("cpu-0/cpu"))
    code, lines = check(LOADED + RULE.format("cpu-0/cpu") + f'Include "{tmp_path}/more.conf"\n')
    assert code == 2
    assert lines[0] == ('more.conf:8:4: error: <Plugin resource_alert>: <Threshold "rule"> is given twice; give each a name of its own; '
                        "the other one is in collectd.conf:11")


@pytest.mark.parametrize("block, expected", [
    ('<Plugin dbpool>\n<Pool "a">\nPassFile "/nowhere/pgpass"\n</Pool>\n</Plugin>', "PassFile: /nowhere/pgpass does not exist"),
    ('<Plugin session_log>\n<Log "a">\nFile "/nowhere/*/x.log"\n</Log>\n</Plugin>', "File: the directory /nowhere does not exist"),
    ('<Plugin session_log>\nStateDir "/nowhere/state"\n</Plugin>', "StateDir: the directory /nowhere does not exist"),
    ('TypesDB "/nowhere/types.db"', "TypesDB: /nowhere/types.db: No such file or directory"),
    ('PluginDir "/nowhere"', "PluginDir: /nowhere: No such file or directory"),
])
def test_what_is_not_there(check, block, expected):
    code, lines = check(LOADED + "LoadPlugin session_log\n" + block + "\n")
    assert (code, len(lines)) == (1, 2), lines
    assert re.fullmatch(r"collectd\.conf:\d+:1: warning: " + re.escape(expected), lines[0])


def test_plugins_of_a_directory_that_is_not_there(check):
    code, lines = check('PluginDir "/nowhere"\nLoadPlugin cpu\n')
    assert code == 2 and any("LoadPlugin cpu: /nowhere has no cpu.so" in line for line in lines)


@pytest.mark.parametrize("metric, expected", [
    ("dbpool-tradin/percent-used", "dbpool-trading/percent-used"),
    ("dbpool-trading/percent-usd", "dbpool-trading/percent-used"),
    ("statgrab-memry/percent-used", "statgrab-memory/percent-used"),
    ("statgrab-df*/percent_free", "statgrab-df-*/percent-free"),
])
def test_a_name_that_was_nearly_right_is_suggested(check, metric, expected):
    assert f'did you mean "{expected}"? ' in check(LOADED + RULE.format(metric))[1][0]


@pytest.mark.parametrize("block, expected", [
    (RULE.format("statgrab-load/load:midterrm"), 'the type load has no data source "midterrm"; write one of: shortterm, midterm, longterm'),
    (RULE.format("statgrab-df-root/df_complex-used").replace("WarningMax 1", "WarningMax 1\nPercentage true"),
     "Percentage: the type df_complex has one data source, so its value is always 100 %"),
    ('<Plugin resource_alert>\n<Plugin "memroy">\n<Type "memory">\nWarningMax 1\n</Type>\n</Plugin>\n</Plugin>\n',
     '<Plugin "memroy">: no loaded plugin sends values of this name'),
    ('<Plugin resource_alert>\n<Type "memori">\nWarningMax 1\n</Type>\n</Plugin>\n', '<Type "memori">: no TypesDB has this type'),
    ('<Plugin resource_alert>\n<Host "h">\n<Type "load">\nDataSource "short"\nWarningMax 1\n</Type>\n</Host>\n</Plugin>\n',
     'the type load has no data source "short"'),
    ('<Plugin resource_alert>\n<Plugin "cpu">\n<Type "cpu">\nWarningMax 9\nFailureMax 5\n</Type>\n</Plugin>\n</Plugin>\n',
     '<Type "cpu">: WARNING is never reached: FailureMax 5 comes before WarningMax 9'),
])
def test_rules_that_are_not_what_is_meant(check, block, expected):
    code, lines = check(LOADED + block)
    assert (code, len(lines)) == (1, 2), lines
    assert expected in lines[0]


@pytest.mark.parametrize("block", [
    '<Plugin "cpu-0">\n<Type "cpu-idle">\nWarningMax 1\n</Type>\n</Plugin>', '<Type "load-relative">\nWarningMax 1\n</Type>',
    '<Plugin "dbpool">\nInstance "trading"\n<Type "percent">\nInstance "used"\nDataSource "value"\nWarningMax 1\n</Type>\n</Plugin>',
    '<Type "df">\nPercentage true\nDataSource "free"\nFailureMin 1\n</Type>',
])
def test_stock_blocks_that_fire_have_no_warning(check, block):
    assert check(f"{LOADED}<Plugin resource_alert>\n{block}\n</Plugin>\n")[0] == 0


def chain(content, name="PostCache"):
    return f'<Chain "{name}">\n{content}\n</Chain>\n'


@pytest.mark.parametrize("content, expected", [
    (chain('Target "sotp"'), '<Chain>: there is no target "sotp" yet: write LoadPlugin target_sotp before the chain'),
    (chain('<Rule "r">\n<Match "regex">\nPlugin "("\n</Match>\nTarget "stop"\n</Rule>'), "<Chain>: this is no regular expression"),
    (chain('<Rule "r">\n<Match "regex">\nInvert true\n</Match>\nTarget "stop"\n</Rule>'), "<Chain>: the match has no regular expression"),
    (chain('<Rule "r">\n<Match "regex">\nPlugin "x"\n</Match>\n</Rule>'), "<Chain>: the rule has no Target"),
    (chain("Key 1"), "<Chain>: <Chain> holds Rule and Target only"),
])
def test_a_chain_that_collectd_refuses(check, content, expected):
    code, lines = check("LoadPlugin match_regex\n" + content)
    assert code == 2 and expected in lines[0], lines


TO_CSV = '<Target "write">\nPlugin "csv"\n</Target>\nTarget "stop"'
ONLY = '<Rule "r">\n<Match "regex">\nPlugin "{}"\n</Match>\n{}\n</Rule>'


@pytest.mark.parametrize("content, cut_off", [
    (chain(TO_CSV), True),
    (chain(TO_CSV, "Mine"), False),
    ('PostCacheChain "Mine"\n' + chain(TO_CSV, "Mine"), True),
    (chain('<Target "write">\nPlugin "csv" "resource_alert"\n</Target>\nTarget "stop"'), False),
    (chain('Target "write"\nTarget "stop"'), False),
    (chain('<Target "write">\nPlugin "csv"\n</Target>'), False),
    (chain(ONLY.format("^cpu$", TO_CSV)), True),
    (chain(ONLY.format("^cpu$", 'Target "return"') + "\n" + TO_CSV), False),
    (chain(ONLY.format("^load$", TO_CSV)), False),
    (chain('<Rule "r">\n<Match "value">\nMin 1\n</Match>\nTarget "stop"\n</Rule>'), False),
    (chain('Target "stop"', "PreCache"), True),
    (chain('<Target "jump">\nChain "Next"\n</Target>') + chain(TO_CSV, "Next"), True),
    (chain('<Target "jump">\nChain "PostCache"\n</Target>'), False),
])
def test_a_chain_that_keeps_values_away(check, content, cut_off):
    code, lines = check(LOADED + RULE.format("cpu-0/cpu-user") + "LoadPlugin match_regex\nLoadPlugin match_value\n" + content)
    assert code == (1 if cut_off else 0), lines
    assert cut_off == ("keeps all values away from 1 of 1 rules" in lines[0])


@pytest.mark.parametrize("line", ['Pool "trading"', "ConnectionsPerReplica 30"])
def test_a_pool_and_its_connections_belong_together(check, line):
    code, lines = check(LOADED + f"""<Plugin resource_alert>
  <Response "r">
    <Scale>
      Namespace "trading"
      Deployment "api"
      Max 10
      {line}
    </Scale>
  </Response>
</Plugin>
""")
    assert code == 2
    assert any("needs Pool and ConnectionsPerReplica together" in text for text in lines)


@pytest.mark.parametrize("name, connections, expected", [
    ("trading", 20, None),
    ("trading", 19, 'ConnectionsPerReplica 19 is less than what one process may open by <Pool "trading">: '
                    "PoolSize 10 and MaxOverflow 10"),
    ("tradin", 20, 'Pool "tradin": dbpool has no <Pool "tradin"> here; without its values no replica is added'),
])
def test_a_pool_that_scaling_cannot_rely_on(check, tmp_path, name, connections, expected):
    for file in ("token", "ca"):
        (tmp_path / file).write_text("x")
        (tmp_path / file).chmod(0o600)
    code, lines = check(LOADED + RULE.format("cpu-0/cpu") + f"""<Plugin resource_alert>
  <Response "r">
    When "rule"
    <Scale>
      Namespace "trading"
      Deployment "api"
      Max 10
      Pool "{name}"
      ConnectionsPerReplica {connections}
    </Scale>
  </Response>
  <Kubernetes>
    Server "https://127.0.0.1:1"
    TokenFile "{tmp_path}/token"
    CAFile "{tmp_path}/ca"
  </Kubernetes>
</Plugin>
""")
    if expected is None:
        assert (code, lines) == (0, ["1 file, no problems found"])
    else:
        assert (code, lines[0]) == (1, f"collectd.conf:17:4: warning: {expected}")


@pytest.mark.parametrize("replicas, is_fine", [(3, True), (4, False)])
def test_the_most_replicas_must_fit_into_the_server_of_their_pool(check, tmp_path, postgresql, replicas, is_fine):
    """97 of 100 connections are not reserved; one of them is that of the check."""
    for name in ("token", "ca"):
        (tmp_path / name).write_text("x")
        (tmp_path / name).chmod(0o600)
    scale = f"""<Plugin resource_alert>
  <Threshold "used">
    Metric "dbpool-room/percent-used"
    WarningMax 80
  </Threshold>
  <Response "r">
    When "used"
    <Scale>
      Namespace "trading"
      Deployment "api"
      Max {replicas}
      Pool "room"
      ConnectionsPerReplica 30
    </Scale>
  </Response>
  <Kubernetes>
    Server "https://127.0.0.1:1"
    TokenFile "{tmp_path}/token"
    CAFile "{tmp_path}/ca"
  </Kubernetes>
</Plugin>
<Plugin dbpool>
{pool(postgresql, name="room")}
</Plugin>
"""
    code, lines = check(LOADED + scale)
    if is_fine:
        assert (code, lines) == (0, ["1 file, no problems found"])
    else:
        assert code == 1
        assert re.search(rf"warning: Max {replicas} x ConnectionsPerReplica 30 = {30 * replicas} connections do not fit: "
                         r'the server of pool "room" has room for 9[567] now; it allows 3 replicas$', lines[0]), lines
    postgresql.stop()  # one that does not answer is not reported
    assert check(LOADED + scale) == (0, ["1 file, no problems found"])


def test_the_catalogue_has_what_our_plugins_send(collectd, directory, postgresql, tmp_path):
    log = directory / "log"
    log.write_text("Creating new database session\n")
    dbpool = f"""
  <Pool "trading">
    Host "{postgresql.socket_directory}"
    Port {postgresql.tcp_port}
    Database "postgres"
    User "postgres"
  </Pool>"""
    session_log = f"""
  StateDir "{directory}/state"
  <Log "trading">
    File "{log}"
    Opened "Creating new database session"
    Closed "Closing database session"
    Failed "Database session error"
    Error "ERROR"
  </Log>"""
    rule = '  <Threshold "a">\n    Metric "*/percent-used"\n    WarningMax 99\n  </Threshold>'
    session = postgresql.connect(application_name="trading")  # without one the pool has no use
    collectd.load("statgrab").load("dbpool", dbpool).load("session_log", session_log).load("resource_alert", rule).start()
    for name in ["statgrab-memory/percent-used", "statgrab-cpu/percent-active", "dbpool-trading/percent-used",
                 "session_log-trading/log_rate-errors", "resource_alert-a/alert_state"]:
        collectd.expect(lambda wanted=name: collectd.has_value(wanted))
    rules = "".join(f'  <Threshold "{number}">\n    Metric "{name}"\n    WarningMax 1\n  </Threshold>\n'
                   for number, name in enumerate(collectd.names())
                   if name.split("/")[0].split("-")[0] in {"statgrab", "dbpool", "session_log"})
    session.close()
    assert rules.count("Metric") > 50
    path = tmp_path / "collectd.conf"
    path.write_text("LoadPlugin statgrab\nLoadPlugin dbpool\nLoadPlugin session_log\nLoadPlugin resource_alert\n"
                    f"<Plugin dbpool>\n{dbpool}\n</Plugin>\n<Plugin session_log>\n{session_log}\n</Plugin>\n"
                    f"<Plugin resource_alert>\n{rules}</Plugin>\n{TYPES}")
    result = ctl("check", "--plugin-dir", build.PLUGINS, path)
    assert result.returncode == 0, result.stdout


def test_the_installed_samples_have_no_problems(check):
    code, lines = check("".join(f'Include "{path}"\n' for path in sorted((build.SOURCE / "conf.d").glob("[1-9]*.conf"))))
    assert code == 0, lines


@pytest.mark.parametrize("arguments, expected", [
    ((), "Usage: resource-alertctl COMMAND"),
    (("chekc",), "unknown command chekc"),
    (("check", "--nothing"), "check: unknown option --nothing"),
    (("check", "a", "b"), "check: too many arguments"),
    (("check", "/nowhere/x.conf"), "/nowhere/x.conf: No such file or directory"),
])
def test_a_failed_command_exits_with_3(arguments, expected):
    result = ctl(*arguments)
    assert result.returncode == 3
    assert expected in result.stdout + result.stderr


def test_hostile_files_are_refused_in_one_line(tmp_path):
    path = tmp_path / "x.conf"
    for content in [b"\0" * 100, b"<A>\n" * 5000, b'A "' + b"x" * 100000, b"\xff\xfe", b"<" * 1000]:
        path.write_bytes(content)
        result = ctl("check", path)
        assert result.returncode == 2
        assert len(result.stdout.splitlines()) == 2


def test_help_and_manual_agree():
    page = (build.BUILD / "doc" / "resource-alertctl.pod").read_text()
    names = re.findall(r"^  ([\w-]+) ", ctl("--help").stdout, re.M)
    assert names
    for name in names:
        section = re.search(rf"^=head2 B<{name}>.*?(?=^=head)", page, re.M | re.S).group()
        for flag in re.findall(r"^  --(\w[\w-]*)", ctl(name, "--help").stdout, re.M):
            assert flag == "help" or f"=item B<--{flag}>" in section


@pytest.fixture
def named(tmp_path):
    """An environment whose resource-alertctl knows the names of a daemon's rules and responses."""
    (tmp_path / "resource-alertctl").write_text('#!/bin/sh\n[ "$1" = names ] && echo "the-$2" || echo "ran: $*"\n')
    (tmp_path / "resource-alertctl").chmod(0o755)
    return {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path)}


@pytest.mark.parametrize("typed, offered", [
    (["che"], ["check"]),
    (["--"], ["--help", "--version"]),
    (["replay", "--s"], ["--short"]),
    (["mode", ""], ["auto", "dryrun", "off", "configured", "--socket", "--help"]),
    (["mode", "d"], ["dryrun"]),
    (["mode", "off", "the"], ["the-responses"]),
    (["deactivate", "the"], ["the-responses"]),
    (["silence", "the"], ["the-rules"]),
    (["check", "/etc/coll"], []),  # bash completes files then
])
def test_completion_knows_commands_options_and_names(named, typed, offered):
    script = build.BUILD / "doc" / "resource-alertctl.bash"
    words = " ".join(f"'{word}'" for word in ["resource-alertctl", *typed])
    ask = f'. {script}; COMP_WORDS=({words}); COMP_CWORD={len(typed)}; _resource_alertctl; echo "${{COMPREPLY[@]}}"'
    assert subprocess.run(["bash", "-c", ask], env=named, capture_output=True, text=True, check=True).stdout.split() == offered


@pytest.mark.parametrize("typed, offered", [("chec", "check"), ("journal --si", "--since"), ("mode dr", "dryrun"), ("silence th", "the-rules")])
def test_fish_completes_the_same(named, typed, offered):
    ask = f"source {build.BUILD}/doc/resource-alertctl.fish; complete -C 'resource-alertctl {typed}'"
    said = subprocess.run(["fish", "-c", ask], env=named, capture_output=True, text=True, check=True)
    assert [line.split("\t")[0] for line in said.stdout.splitlines()] == [offered] and said.stderr == ""


@pytest.mark.parametrize("typed, ran", [("chec", "check"), ("journal --si", "journal --since"), ("mode dr", "mode dryrun"),
                                        ("silence th", "silence the-rules")])
def test_zsh_completes_the_same(named, tmp_path, typed, ran):
    shutil.copy(build.BUILD / "doc/resource-alertctl.zsh", tmp_path / "_resource-alertctl")
    script = f"""zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell 'PROMPT=; fpath=({tmp_path} $fpath); autoload -Uz compinit; compinit -u -D; bindkey "^I" complete-word; print REA""DY'
zpty -r shell said '*READY*'
zpty -w shell $'resource-alertctl {typed}\\t'
zpty -r shell said '*ran: *\n*'
print -r -- $said"""
    said = subprocess.run(["zsh", "-f", "-c", script], env=named, capture_output=True, text=True, timeout=20, check=True)
    assert f"ran: {ran}" in said.stdout.replace("\r", "").splitlines()


RULES = """LoadPlugin resource_alert
<Plugin resource_alert>
  <Threshold "pool_used">
    Metric "dbpool-*/percent-used"
    WarningMax 80
  </Threshold>
</Plugin>
"""


def override(text, rule="pool_used"):
    return f'{RULES}<Plugin resource_alert>\n<Override "{rule}">\n{text}\n</Override>\n</Plugin>\n'


def test_an_override_is_named_with_both_places(check):
    code, lines = check(override('WarningMax 85\nExcept "dbpool-billing/*"'))
    assert 'collectd.conf:10:1: note: rule "pool_used": WarningMax 85 overrides 80 (collectd.conf:5)' in lines
    assert ('collectd.conf:11:1: note: rule "pool_used": Except "dbpool-billing/*" overrides the default '
            '(collectd.conf:3)') in lines
    assert code == 1, lines  # the metric that no plugin sends


@pytest.mark.parametrize("text, rule, expected", [
    ("WarningMax 85", "pool_usd", 'no <Threshold> of this name before it; did you mean pool_used'),
    ("WarningMin 90", "pool_used", "WarningMin 90 is greater than WarningMax 80"),
    ("WarningMx 90", "pool_used", "unknown option WarningMx; did you mean WarningMax?"),
    ("WarningMax 1\nWarningMax 2", "pool_used", "WarningMax is given twice"),
])
def test_an_override_that_is_refused(check, text, rule, expected):
    code, lines = check(override(text, rule))
    assert code == 2 and len([line for line in lines if " error: " in line]) == 1, lines
    assert any(expected in line for line in lines), lines
