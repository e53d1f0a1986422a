#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes Grafana's dashboards for Prometheus, InfluxDB and Graphite, and one of
Graphite's own, from one list of panels. Run it after a change here; a test
compares the files with what it makes.

Usage: contrib/dashboards/make.py [DIRECTORY]"""
import json
import pathlib
import sys

# title, unit, series, legend ({i}: plugin instance, {t}: type instance, {s}: data source).
# A series: (plugin, instance, type, type instance, data source); "*" matches any.
PANELS = [
    ("Rules", "state", [("resource_alert", "*", "alert_state", "", "value")], "{i}"),
    ("Degradation: active actions", "short", [("resource_alert", "*", "degradation_level", "", "value")], "{i}"),
    ("Pool use", "percent", [("dbpool", "*", "percent", "used", "value")], "{i}"),
    ("Connections of the pool", "short", [("dbpool", "*", "current_connections", kind, "value")
                                          for kind in ("checked_out", "ready", "waiting", "leaked", "capacity")], "{i} {t}"),
    ("Oldest transaction and session", "s", [("dbpool", "*", "duration", kind, "seconds")
                                             for kind in ("oldest_transaction", "oldest_session")], "{i} {t}"),
    ("Connections available on the server", "short",
     [("dbpool", "*", "current_connections", "headroom", "value")], "{i}"),
    ("Sessions in the log", "short", [("session_log", "*", "current_sessions", kind, "value")
                                      for kind in ("open", "leaked")], "{i} {t}"),
    ("Sessions per second", "short", [("session_log", "*", "total_sessions", kind, "value")
                                    for kind in ("opened", "closed", "failed")], "{i} {t}"),
    ("Log errors per minute", "short", [("session_log", "*", "log_rate", "errors", "value")], "{i}"),
    ("Memory used", "percent", [("statgrab", "memory", "percent", "used", "value")], "memory"),
    ("CPU active", "percent", [("statgrab", "cpu", "percent", "active", "value")], "cpu"),
    ("Load per core", "short", [("statgrab", "load", "load", "relative", source)
                                for source in ("shortterm", "midterm")], "{s}"),
    ("Swap used", "percent", [("statgrab", "swap", "percent", "used", "value")], "swap"),
    ("Disk free", "percent", [("statgrab", "df-*", "percent", "free", "value")], "{i}"),
    ("Processes", "short", [("statgrab", "processes", "ps_count", "", "processes")], "processes"),
    ("Network", "Bps", [("statgrab", "interface-*", "if_octets", "", source) for source in ("rx", "tx")], "{i} {s}"),
]
COUNTERS = ("total_sessions", "if_octets")  # drawn as a rate per second
STATES = {"-1": "UNKNOWN", "0": "OKAY", "1": "WARNING", "2": "FAILURE", "3": "MISSING"}


def fill_legend(legend, values):
    for key, value in values.items():
        legend = legend.replace("{%s}" % key, value)
    return legend


def prometheus(series, legend):
    plugin, instance, kind, type_instance, source = series
    name = f"collectd_{plugin}_{kind}" + ("" if source == "value" else f"_{source}")
    labels = [] if instance == "*" else [f'{plugin}=~"{instance.replace("*", ".*")}"' if "*" in instance
                                         else f'{plugin}="{instance}"']
    labels += [f'type="{type_instance}"'] if type_instance else []
    labels.append('instance=~"$host"')
    selector = f"{{{', '.join(labels)}}}"
    return {"expr": f"rate({name}_total{selector}[5m])" if kind in COUNTERS else f"{name}{selector}",
            "legendFormat": fill_legend(legend, {"i": "{{%s}}" % plugin, "t": type_instance, "s": source})}


def influxdb(series, legend):
    plugin, instance, kind, type_instance, source = series
    where = [f"type = '{kind}'"]
    if "*" not in instance:
        where.append(f"instance = '{instance}'")
    elif instance != "*":
        where.append(f"instance =~ /^{instance.replace('*', '.*')}$/")
    where += [f"type_instance = '{type_instance}'"] if type_instance else []
    where.append("host =~ /^$host$/")
    drawn = 'non_negative_derivative(mean("value"), 1s)' if kind in COUNTERS else 'mean("value")'
    query = (f'SELECT {drawn} FROM "{plugin}_{source}" WHERE {" AND ".join(where)} AND $timeFilter '
             'GROUP BY time($__interval), "instance"')
    return {"query": query, "rawQuery": True, "resultFormat": "time_series",
            "alias": fill_legend(legend, {"i": "$tag_instance", "t": type_instance, "s": source})}


def graphite_path(series):
    plugin, instance, kind, type_instance, source = series
    # write_graphite names the data source only of a type that has several.
    is_single = source in ("value", "seconds")
    return ".".join(["collectd", "$host", f"{plugin}-{instance}", kind + (f"-{type_instance}" if type_instance else "")]
                    + ([] if is_single else [source]))


def graphite(series, legend):
    path = graphite_path(series)
    name = fill_legend(legend, {"t": series[3], "s": series[4]})
    if "{i}" in name:
        return {"target": f"aliasSub(aliasByNode({path}, 2), '^{series[0]}-(.*)', '{name.replace('{i}', chr(92) + '1')}')"}
    return {"target": f"alias({path}, '{name}')"}


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
    if unit == "state":
        defaults.update(min=-1, max=3, mappings=[{"type": "value", "options": {
            value: {"text": text, "index": i} for i, (value, text) in enumerate(STATES.items())}}])
        defaults["thresholds"] = {"mode": "absolute", "steps": [
            {"color": "text", "value": None}, {"color": "green", "value": 0}, {"color": "orange", "value": 1},
            {"color": "red", "value": 2}, {"color": "orange", "value": 3}]}
    return {"id": number + 1, "title": title, "type": "state-timeline" if unit == "state" else "timeseries",
            "datasource": source, "targets": targets, "fieldConfig": {"defaults": defaults, "overrides": []},
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
