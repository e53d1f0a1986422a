#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes Grafana's dashboards for Prometheus, InfluxDB and Graphite, and one of
Graphite's own, from one list of panels. Run it after a change here; a test
compares the files with what it makes.

Usage: contrib/dashboards/make.py [DIRECTORY]"""
import json
import pathlib
import re
import sys

SINGLE_SOURCES = ("value", "seconds")  # of types with one data source
PRESSURES = (("cpu", "some"), ("memory", "full"), ("io", "full"))
# title, unit, series, legend ({i}: plugin instance, {t}: type instance, {s}: data source).
# A series: (plugin, instance, type, type instance, data source); "*" matches any.
PANELS = [
    ("Rules", "state", [("resource_alert", "*", "alert_state", "", "value")], "{i}"),
    ("Degradation: active actions", "short", [("resource_alert", "*", "degradation_level", "", "value")], "{i}"),
    ("Database server answers", "bool_yes_no", [("dbpool", "*", "gauge", "up", "value")], "{i}"),
    ("Pool use", "percent", [("dbpool", "*", "percent", "used", "value")], "{i}"),
    ("Connections of the pool", "short", [("dbpool", "*", "current_connections", kind, "value")
                                          for kind in ("checked_out", "ready", "capacity")], "{i} {t}"),
    ("Waiting, leaked and overdue connections", "short", [("dbpool", "*", "current_connections", kind, "value")
                                                          for kind in ("waiting", "leaked", "recycle_overdue")], "{i} {t}"),
    ("Oldest wait", "s", [("dbpool", "*", "duration", "oldest_wait", "seconds")], "{i}"),
    ("Time until the pool is exhausted", "s", [("dbpool", "*", "duration", "until_exhausted", "seconds")], "{i}"),
    ("Oldest transaction and session", "s", [("dbpool", "*", "duration", kind, "seconds")
                                             for kind in ("oldest_transaction", "oldest_session")], "{i} {t}"),
    ("Connections available on the server", "short",
     [("dbpool", "*", "current_connections", "headroom", "value")], "{i}"),
    ("Sessions in the log", "short", [("session_log", "*", "current_sessions", kind, "value")
                                      for kind in ("open", "leaked", "unclosed_after_error")], "{i} {t}"),
    ("Sessions per second", "short", [("session_log", "*", "total_sessions", kind, "value")
                                    for kind in ("opened", "closed", "failed", "recovered", "timed_out")], "{i} {t}"),
    ("Time that a log has not been read", "s", [("session_log", "*", "duration", "hung", "seconds")], "{i}"),
    ("Log errors per minute", "short", [("session_log", "*", "log_rate", "errors", "value")], "{i}"),
    ("Memory used", "percent", [("statgrab", "memory", "percent", "used", "value")], "memory"),
    ("Processes killed for lack of memory, per second", "short",
     [("statgrab", "vmem", "total_events", "oom_kill", "value")], "killed"),
    ("CPU active", "percent", [("statgrab", "cpu", "percent", "active", "value")], "cpu"),
    ("Load per core", "short", [("statgrab", "load", "load", "relative", source)
                                for source in ("shortterm", "midterm")], "{s}"),
    ("Pressure: tasks wait", "percent", [("statgrab", f"pressure-{resource}", "percent", f"{share}_avg60", "value")
                                         for resource, share in PRESSURES], "{p} {t}"),
    ("Swap used", "percent", [("statgrab", "swap", "percent", "used", "value")], "swap"),
    ("Disk free", "percent", [("statgrab", "df-*", "percent", "free", "value")], "{i}"),
    ("Inodes free", "percent", [("statgrab", "df-*", "percent_inodes", "free", "value")], "{i}"),
    ("Processes", "short", [("statgrab", "processes", "ps_count", "", "processes")], "processes"),
    ("Container: memory used", "percent", [("statgrab", "cgroup*", "percent", "used", "value")], "{i}"),
    ("Container: stopped by its CPU quota, ms per second", "short",
     [("statgrab", "cgroup*", "total_time_in_ms", "throttled", "value")], "{i}"),
    ("Network", "Bps", [("statgrab", "interface-*", "if_octets", "", source) for source in ("rx", "tx")], "{i} {s}"),
]
COUNTERS = ("total_sessions", "total_events", "total_time_in_ms", "if_octets")  # drawn as a rate per second
STATES = {"-1": ("UNKNOWN", "text"), "0": ("OKAY", "green"), "1": ("WARNING", "orange"), "2": ("FAILURE", "red"),
          "3": ("MISSING", "orange")}
RULES = pathlib.Path(__file__).resolve().parents[2] / "conf.d/40-thresholds.conf"


def read_limits():
    """{"plugin-instance/type-instance": {"WarningMax": 80.0, ...}} of the installed rules."""
    blocks = re.findall(r"^  <Threshold .*?^  </Threshold>", RULES.read_text(encoding="utf-8"), re.M | re.S)
    found = {}
    for block in blocks:
        limits = {key: float(value) for key, value in re.findall(r"^    ((?:Warning|Failure)(?:Min|Max)) (\S+)", block, re.M)}
        found.update((metric, limits) for metric in re.findall(r'^    Metric "([^"]+)"', block, re.M))
    return found


def metric_name(series):
    """The Metric of a rule on SERIES."""
    plugin, instance, kind, type_instance, source = series
    name = f"{plugin}-{instance}/{kind}" + (f"-{type_instance}" if type_instance else "")
    return name if source in SINGLE_SOURCES else f"{name}:{source}"


def steps(series):
    """The colours over the values of SERIES, from the limits of the rule that watches it; None: no rule does."""
    limits = LIMITS.get(metric_name(series))
    if limits is None:
        return None
    found, colour = [], "green"
    for option, above in (("FailureMin", "orange" if "WarningMin" in limits else "green"), ("WarningMin", "green"),
                          ("WarningMax", "orange"), ("FailureMax", "red")):
        if option in limits:
            if option.endswith("Min") and not found:
                colour = "red" if option == "FailureMin" else "orange"
            found.append({"color": above, "value": limits[option] or 0.001})  # a step begins at its value; > 0 does not
    return [{"color": colour, "value": None}, *found]


def fill_legend(legend, values):
    for key, value in values.items():
        legend = legend.replace("{%s}" % key, value)
    return legend


def prometheus(series, legend):
    plugin, instance, kind, type_instance, source = series
    name = f"collectd_{plugin}_{kind}" + ("" if source == "value" else f"_{source}")
    labels = [] if instance == "*" else [f'{plugin}=~"{instance.replace("*", ".*")}"' if "*" in instance
                                         else f'{plugin}="{instance}"']
    labels.append(f'type="{type_instance}"')  # "" matches a series without it: a rule, and not its series
    labels.append('instance=~"$host"')
    selector = f"{{{', '.join(labels)}}}"
    drawn = f"rate({name}_total{selector}[5m])" if kind in COUNTERS else f"{name}{selector}"
    if kind == "alert_state":  # the worst: MISSING is 3, but better than a WARNING
        drawn = f"max_over_time(({drawn} > 0 < 3)[$__rate_interval:]) or max_over_time({drawn}[$__rate_interval])"
    return {"expr": drawn,
            "legendFormat": fill_legend(legend, {"i": "{{%s}}" % plugin, "t": type_instance, "s": source, "p": instance})}


def influxdb(series, legend):
    plugin, instance, kind, type_instance, source = series
    where = [f"type = '{kind}'"]
    if "*" not in instance:
        where.append(f"instance = '{instance}'")
    elif instance != "*":
        where.append(f"instance =~ /^{instance.replace('*', '.*')}$/")
    where.append(f"type_instance = '{type_instance}'")
    where.append("host =~ /^$host$/")
    drawn = ('non_negative_derivative(mean("value"), 1s)' if kind in COUNTERS
             else 'max("value")' if kind == "alert_state" else 'mean("value")')
    query = (f'SELECT {drawn} FROM "{plugin}_{source}" WHERE {" AND ".join(where)} AND $timeFilter '
             'GROUP BY time($__interval), "instance"')
    return {"query": query, "rawQuery": True, "resultFormat": "time_series",
            "alias": fill_legend(legend, {"i": "$tag_instance", "t": type_instance, "s": source, "p": instance})}


def graphite_path(series):
    plugin, instance, kind, type_instance, source = series
    # write_graphite names the data source only of a type that has several.
    is_single = source in SINGLE_SOURCES
    return ".".join(["collectd", "$host", f"{plugin}-{instance}", kind + (f"-{type_instance}" if type_instance else "")]
                    + ([] if is_single else [source]))


def graphite(series, legend):
    path = graphite_path(series)
    path = f"consolidateBy({path}, 'max')" if series[2] == "alert_state" else path
    name = fill_legend(legend, {"t": series[3], "s": series[4], "p": series[1]})
    if "{i}" in name:
        return {"target": f"aliasSub(aliasByNode({path}, 2), '^{series[0]}-(.*)', '{name.replace('{i}', chr(92) + '1')}')"}
    return {"target": f"alias({path}, '{name}')"}


LIMITS = read_limits()
HOSTS = {
    "prometheus": "label_values(collectd_statgrab_percent, instance)",
    "influxdb": 'SHOW TAG VALUES WITH KEY = "host"',
    "graphite": "collectd.*",
}
TARGETS = {"prometheus": prometheus, "influxdb": influxdb, "graphite": graphite}


def panel(number, title, unit, lines, legend, kind):
    source = {"type": kind, "uid": "${source}"}
    targets = [{"refId": chr(ord("A") + i), "datasource": source, **TARGETS[kind](one, legend)}
               for i, one in enumerate(lines)]
    defaults = {"unit": "short" if unit == "state" else unit, "min": 0}
    if unit == "percent":
        defaults["max"] = 100
    overrides = []
    if unit == "state":
        defaults.update(min=-1, max=3, color={"mode": "thresholds"}, mappings=[{"type": "value", "options": {
            value: {"text": text, "color": colour, "index": i} for i, (value, (text, colour)) in enumerate(STATES.items())}}])
        defaults["thresholds"] = {"mode": "absolute", "steps": [
            {"color": colour, "value": None if value == "-1" else int(value)} for value, (_, colour) in STATES.items()]}
    elif any(map(steps, lines)):
        defaults["custom"] = {"thresholdsStyle": {"mode": "line"}}
    if len(lines) == 1 and steps(lines[0]):
        defaults["thresholds"] = {"mode": "absolute", "steps": steps(lines[0])}
    elif len(lines) > 1:
        overrides = [{"matcher": {"id": "byFrameRefID", "options": target["refId"]},
                      "properties": [{"id": "thresholds", "value": {"mode": "absolute", "steps": steps(one)}}]}
                     for target, one in zip(targets, lines) if steps(one)]
    return {"id": number + 1, "title": title, "type": "state-timeline" if unit == "state" else "timeseries",
            "datasource": source, "targets": targets, "fieldConfig": {"defaults": defaults, "overrides": overrides},
            "gridPos": {"h": 8, "w": 12, "x": 12 * (number % 2), "y": 8 * (number // 2)},
            "options": {"legend": {"displayMode": "list", "placement": "bottom"}}}


def grafana(kind):
    source = {"name": "source", "label": "Source", "type": "datasource", "query": kind}
    host = {"name": "host", "label": "Host", "type": "query", "query": HOSTS[kind], "refresh": 2, "multi": False,
            "includeAll": False, "datasource": {"type": kind, "uid": "${source}"}}
    return {"title": "Resources and alerts", "uid": f"resource-alert-{kind}", "schemaVersion": 37, "version": 1,
            "editable": True, "refresh": "30s", "time": {"from": "now-3h", "to": "now"}, "tags": ["collectd"],
            "templating": {"list": [source, host]},
            "panels": [panel(i, *one, kind) for i, one in enumerate(PANELS)]}


def graphite_web():
    graphs = []
    for title, unit, lines, legend in PANELS:
        targets = [graphite(one, legend)["target"].replace("$host", "*") for one in lines]
        options = {"title": title, "target": targets}
        options.update({"yMin": "0", "yMax": "100"} if unit == "percent" else {})
        graphs.append([targets, options, None])
    return {"name": "resource-alert", "state": {
        "name": "resource-alert", "graphs": graphs, "defaultGraphParams": {"from": "-3hours", "until": "now",
                                                                          "width": 500, "height": 280},
        "refreshConfig": {"enabled": True, "interval": 30000}, "graphSize": {"width": 500, "height": 280},
        "timeConfig": {"type": "relative", "relativeStartUnits": "hours", "relativeStartQuantity": "3",
                       "relativeUntilUnits": "now", "relativeUntilQuantity": ""}}}


def main():
    directory = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
    made = {f"grafana-{kind}.json": grafana(kind) for kind in TARGETS}
    made["graphite.json"] = graphite_web()
    for name, content in made.items():
        (directory / name).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
