# SPDX-License-Identifier: MIT
"""Generated configurations, good and broken, for collectd and for check."""
import os
import random
import re
import shutil
import subprocess

from servers import build, sanitizer

TEXTS = ["plain", "web-1", "a.b", '"web-1.example.com"', "eth0.100", "80%", "1.5e1", "1.5e+1", "10M", ".5", "5.", "0x1f", "0x",
         "-3", "+7", "true", "off", '"true"', "127.0.0.1:80", "fe80::1", "[::1]:80", "10.0.0", "a:b", "/var/log", '"a\\"b"',
         '"two\nlines"', "fuse.sshfs", "\u00a080", "\u201cx\u201d", "x;", "a=b", "1,5", "inf", "a b", '""', '"open', "un_der", "-", "@x"]
NUMBERS = ["10", "0.5", '"10"', "10%", "-1", "abc", "1e3", "1e+3", "0x10", "true", "10 20", '"30s"', "30s", "1.2.3"]
ENDS = ["\n"] * 12 + ["", "\r\n", " # comment\n", "\\\n\n", " ;\n", " >\n"]


def number(draw):
    return draw.choice(NUMBERS[:3] if draw.random() < 0.8 else NUMBERS)


def text(draw):
    return draw.choice(['"good"', "good", "good_1"] if draw.random() < 0.7 else TEXTS)


def block(draw, name, label, options):
    lines = [f"{key} {value}{draw.choice(ENDS[:12] if draw.random() < 0.97 else ENDS)}" for key, value in options]
    close = name if draw.random() < 0.97 else name.lower() + "x"
    return f"<{name}{' ' if label else ''}{label}>\n{''.join(lines)}</{close}>\n"


def rule(draw):
    return block(draw, "Threshold", text(draw), [("Metric", draw.choice(['"load/load"', '"a-*/b"', '"nothing"', "load"])),
                                                 (draw.choice(["WarningMax", "WarningMax", "FailureMin", "WarnMax"]), number(draw)),
                                                 (draw.choice(["For", "Recover", "Unit", "Missing"]), number(draw))])


def pool(draw):
    return block(draw, "Pool", text(draw), [("PoolSize", number(draw)), ("Host", text(draw)), ("Port", number(draw))])


def log(draw):
    return block(draw, "Log", text(draw), [("File", draw.choice(['"/tmp/nothing/*.log"', "/tmp/x.log", '"x.log"']))])


def threshold(draw, name):
    condition = draw.choice(["", "", 'OnlyIf "a/b" "> 1"', 'OnlyIf "a/b"'] if draw.random() < 0.3 else [""])
    return (f'<Threshold "{name}">\nMetric "load/load"\n{draw.choice(["WarningMax", "FailureMin"])} {number(draw)}\n'
            f'{condition}\n</Threshold>\n')


ACTIONS = {
    "Switch": ['"slow"', '"cached"', "slow", '"a b"', ""],
    "Exec": [""], "Webhook": [""], "HAProxy": [""], "Scale": [""], "SuspendCronJob": [""],
}
LINES = {
    "Switch": ["After 5", "After -1", 'Mode "auto"', 'Mode "on"', "Timeout 5"],
    "Exec": ['User "nobody"\nCommand "/bin/true"', 'User "nobody"\nCommand "/nowhere/x"', 'User "nobdy"\nCommand "/bin/true"', 'Command "true"',
             'User "nobody"\nCommand "/bin/true" "a"\nAfter 3'],
    "Webhook": ['URL "http://127.0.0.1:1/"', 'URL "https://example.net/x"\nFormat "native"', 'URL "ftp://x/"', "", 'URL "http://example.net/"',
                'URL "https://a/"\nURLFile "/etc/x"', 'URL "https://a/"\nFormat "xml"'],
    "HAProxy": ['Socket "/run/nowhere"\nBackend "b"\nEndpoints "a/b"\nPort 80', 'Socket "/run/nowhere"\nBackend "b"', 'Backend "b"'],
    "Scale": ['Namespace "a"\nDeployment "b"\nMax 3', 'Namespace "a"\nMax 3', 'Namespace "a"\nDeployment "b"\nStatefulSet "c"\nMax 3'],
    "SuspendCronJob": ['Namespace "a"\nName "b"', 'Namespace "a"'],
}


def action(draw):
    kind = draw.choice(["Switch", "Switch", "Switch", *ACTIONS])
    lines = draw.choice(LINES[kind]) if kind != "Switch" or draw.random() < 0.3 else "After 0"
    return f"<{kind} {draw.choice(ACTIONS[kind])}>\n{lines}\n</{kind}>\n".replace(" >", ">")


def response(draw, name):
    when = " ".join(f'"{draw.choice(["one", "two", "one", "tow"])}"' for _ in range(draw.choice([1, 1, 2])))
    unless = draw.choice(["", "", 'Unless "two"\n', 'Unless "oen"\n', "Unless\n"])
    return (f'<Response "{name}">\n{draw.choice(["When", "When", "When", "Whn"])} {when}\n{unless}'
            f'{draw.choice(["", "EngageAfter 5", "ReleaseAfter x", "MinSeverity warning", "Mode dryrun"])}\n'
            f'{"".join(action(draw) for _ in range(draw.choice([0, 1, 1, 2])))}</Response>\n')


def alerting(draw):
    """Rules, stores and responses, in one block or in several, in any order."""
    parts = [threshold(draw, "one"), threshold(draw, "two"), '<SwitchStore "file">\nPath "/run/nowhere/switches"\n</SwitchStore>\n',
             response(draw, "r")]
    parts += [response(draw, draw.choice(["r", "q", "q"]))] if draw.random() < 0.3 else []
    parts += [threshold(draw, "one")] if draw.random() < 0.1 else []
    parts += ['<Notification "heard">\nPlugin "x"\nTTL 5\n</Notification>\n'] if draw.random() < 0.2 else []
    if draw.random() < 0.3:
        draw.shuffle(parts)
    cut = draw.randrange(len(parts) + 1) if draw.random() < 0.4 else len(parts)
    return "\n".join(f"<Plugin resource_alert>\n{''.join(some)}</Plugin>" for some in (parts[:cut], parts[cut:]) if some)


def target(draw):
    return draw.choice(['Target "stop"', 'Target "return"', 'Target "write"', "Target write", '<Target "write">\nPlugin "csv"\n</Target>',
                        '<Target "jump">\nChain "Other"\n</Target>', 'Target "jump"', 'Target "set"', "Target", 'Target "stop" "x"',
                        '<Target "write">\nPlugins "csv"\n</Target>', '<Target "stop">\nA 1\n</Target>'] if draw.random() < 0.4 else
                       ['Target "stop"', 'Target "write"', '<Target "write">\nPlugin "csv" "resource_alert"\n</Target>'])


def chain(draw):
    match = draw.choice(["", "", '<Match "regex">\nPlugin "^load$"\n</Match>\n', '<Match "regex">\nPlugin "("\n</Match>\n',
                         '<Match "nosuch">\n</Match>\n', 'Match "regex"\n'])
    name = draw.choice(["", ' "r"', ' "r"', " 5"])
    inner = f'<Rule{name}>\n{match}{draw.choice([target(draw), target(draw), ""])}\n</Rule>\n'
    load = draw.choice(["LoadPlugin match_regex\n"] * 3 + [""])
    name = draw.choice([' "PostCache"', ' "PreCache"', ' "Other"', ' "Other"', "", " a b"])
    return (load + f'<Chain{name}>\n{inner}{draw.choice([target(draw), target(draw), "", "Key 1"])}\n</Chain>')


def loading(draw):
    name = draw.choice(["load", "cpu", '"uptime"', "nosuch", "load cpu", ""])
    return (f"<LoadPlugin {name}>\n{draw.choice(['Interval 5', 'Interval x', 'Globals true', 'Intervall 5', 'Globals', 'FlushInterval 5'])}\n"
            "</LoadPlugin>").replace(" >", ">")


def include(draw, directory):
    path = draw.choice(["more/*.conf", "more/*.conf", "more", "more/a.conf", "more/none", "more/none*", "mor[e]/a.conf", "more/{a,b}.conf"])
    return draw.choice([f'Include "{directory}/{path}"', f'Include "{directory}/{path}"',
                        f'<Include "{directory}/{path}">\nFilter "*.conf"\n</Include>', f'<Include "{directory}/{path}">\nFiltr "x"\n</Include>',
                        f'Include "{directory}/{path}" "{directory}/more/a.conf"'])


def statement(draw, directory):
    """One outermost statement; most are good."""
    kind = draw.randrange(15)
    if kind >= 12:
        return alerting(draw)
    if kind == 11:
        return chain(draw)
    if kind == 10:
        return loading(draw)
    if kind == 9:
        return include(draw, directory)
    if kind == 0:
        return f"{draw.choice(['Hostname', 'Interval', 'ReadThreads', 'Foo', 'BaseDir', 'on', '5', 'F-o'])} {text(draw)}"
    if kind == 1:
        return "LoadPlugin " + draw.choice(["load", "cpu", '"uptime"', "load", "nosuch", "cpu load", "5", '""', "LOAD"])
    if kind == 2:
        return "<Plugin resource_alert>\n" + rule(draw) + (rule(draw) if draw.random() < 0.3 else "") + "</Plugin>"
    if kind == 3:
        return "<Plugin dbpool>\n" + pool(draw) + "</Plugin>"
    if kind == 4:
        return "<Plugin session_log>\n" + log(draw) + "</Plugin>"
    if kind == 5:
        collect = text(draw) if draw.random() < 0.3 else draw.choice(["cpu", '"load"'])
        return f"<Plugin statgrab>\nCollect {collect}\n</Plugin>"
    if kind == 6:
        return f"<Plugin {text(draw)}>\n  Key {text(draw)}\n</Plugin>"
    if kind == 7:
        return f"<Other {text(draw)}>\n  <Inner>\n    Key {text(draw)} {number(draw)}\n  </Inner>\n</Other>"
    return draw.choice(["# comment \"", "", "Interval 10", "\tFQDNLookup false", "AutoLoadPlugin false", "Include 5", "*", "Key"] if
                       draw.random() < 0.5 else ["Interval = 10", "Interval 10", "WriteThreads 2"])


def directory_of_plugins(directory):
    """A PluginDir with the plugins under test and some stock ones; collectd loads no symbolic links."""
    directory.mkdir()
    for path in [*build.PLUGINS.glob("*.so"), *(build.STOCK_PLUGINS / f"{name}.so" for name in ("cpu", "load", "uptime", "match_regex"))]:
        shutil.copy(path, directory)
    return directory


def write(path, draw, plugins):
    head = "".join(f'TypesDB "{types}"\n' for types in build.TYPES) + f'PluginDir "{plugins}"\nBaseDir "{path.parent}"\n'
    head += "".join(f"LoadPlugin {name}\n" for name in ("statgrab", "dbpool", "session_log", "resource_alert"))
    for name in ("a", "b"):
        (path.parent / "more" / f"{name}.conf").write_text(
            draw.choice(["Interval 10", f'LoadPlugin "{draw.choice(["cpu", "load", "nosuch"])}"', alerting(draw), chain(draw), "Key"])
            + ("\n" if draw.random() < 0.95 else ""))
    body = "".join(statement(draw, path.parent) + "\n" for _ in range(draw.randint(1, 3)))
    body = body[:-1] if draw.random() < 0.05 else body
    path.write_text(head + body, encoding="utf-8")


def compare(directory, count):
    """Generates COUNT configurations; the seed is printed and may be set by CHECK_SEED."""
    seed = int(os.environ.get("CHECK_SEED", random.randrange(1 << 32)))
    print(f"CHECK_SEED={seed}")
    draw = random.Random(seed)
    plugins = directory_of_plugins(directory / "plugins")
    path = directory / "collectd.conf"
    (directory / "more").mkdir()
    environment = {**os.environ, **sanitizer.environment(directory)}
    different, verdicts = [], []
    for number_of in range(count):
        write(path, draw, plugins)
        # -t of collectd 5.12 exits before it reads the file; -T reads it, and each plugin once.
        daemon = subprocess.run(["collectd", "-T", "-B", "-C", path, "-P", directory / "pid"], env=environment,
                                capture_output=True, timeout=60, check=False)
        said = (daemon.stdout + daemon.stderr).decode(errors="replace")
        is_refused = "Parsing the config file failed" in said
        check = subprocess.run([build.BUILD / "resource-alertctl", "check", path], capture_output=True, timeout=60, check=False)
        lines = check.stdout.decode(errors="replace")
        verdicts.append(is_refused)
        if is_refused != (check.returncode == 2):
            more = "".join(f"# {file.name}\n{file.read_text()}" for file in sorted((directory / "more").iterdir()))
            different.append(f"--- {number_of}: collectd {'refuses' if is_refused else 'accepts'}\n{path.read_text()}{more}{said}\n{lines}")
        elif is_refused:
            assert re.search(r"\.conf:\d+:\d+: error: ", lines), lines
    assert not different, "\n".join(different)
    assert count // 10 < sum(verdicts) < count, "too few of one kind"
