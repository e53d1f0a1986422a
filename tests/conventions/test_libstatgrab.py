# SPDX-License-Identifier: MIT
"""The known faults of libstatgrab 0.92: those that code must work around have a
test, listed here; those that are avoided by never calling a function are
checked here."""
import re

import pytest
from conventions import PLUGINS, ROOT, code_of, shown, sources

SOURCE = PLUGINS / "statgrab" / "source_libstatgrab.c"
PLUGIN_FILE = PLUGINS / "statgrab" / "statgrab.c"
HERE = "test_libstatgrab.py"

# Each fault, and the tests that would fail because of it, by file.
TRAPS = {
    "01 results are kept per thread": [
        (HERE, "test_only_reentrant_calls"),
        ("unit/statgrab/test_source_libstatgrab.c", "is_read_by_five_threads"),
        ("system/test_statgrab_trouble.py", "test_values_do_not_depend_on_the_reading_thread")],
    "02 the differences overflow the stack when items vanish": [
        (HERE, "test_the_forbidden_calls"),
        ("system/test_statgrab_trouble.py", "test_interfaces_come_and_go")],
    "03 sg_get_process_count_r() reads beyond its array": [
        (HERE, "test_the_forbidden_calls"),
        ("unit/statgrab/test_source_libstatgrab.c", "counts_processes")],
    "04 a call before sg_init() or after sg_shutdown() crashes": [
        (HERE, "test_it_is_started_first_and_ended_last")],
    "05 sg_free_X() ends the daemon": [
        (HERE, "test_the_forbidden_calls"),
        (HERE, "test_every_result_is_released")],
    "06 the plain calls leak with every thread": [
        (HERE, "test_only_reentrant_calls"),
        ("unit/statgrab/test_endurance.c", "leaves_nothing_behind")],
    "07 NULL may be an empty list": [
        ("unit/statgrab/test_source_libstatgrab.c", "an_empty_list_is_no_error")],
    "08 memory in use is not what it says": [
        ("unit/statgrab/test_metrics_memory.c", "counts_tmpfs_as_used"),
        ("system/test_statgrab.py", "test_memory_and_swap_are_psutils")],
    "09 its sum of the processor's time lacks some": [
        ("unit/statgrab/test_linux.c", "reads_the_whole_cpu_line"),
        ("unit/statgrab/test_metrics_cpu.c", "wait_stays_below_a_hundred"),
        ("unit/statgrab/test_metrics_cpu.c", "two_reads_in_one_tick_have_no_shares"),
        ("system/test_statgrab.py", "test_cpu_is_psutils_cpu")],
    "10 four meanings of a full disk": [
        ("unit/statgrab/test_filesystem_filter.c", "sends_psutils_percentages"),
        ("system/test_statgrab_machines.py", "test_file_systems_are_as_full_as_in_psutil")],
    "11 file systems repeat, have no size, never answer": [
        ("unit/statgrab/test_filesystem_filter.c", "selects_what_can_fill_up"),
        ("unit/statgrab/test_filesystem_filter.c", "sends_nothing_without_a_size"),
        ("system/test_statgrab_trouble.py", "test_a_dead_mount_costs_its_own_values_only")],
    "12 processes cost four files each": [
        ("unit/statgrab/test_linux.c", "reads_processes"),
        ("system/test_statgrab_trouble.py", "test_five_thousand_processes")],
    "13 numbers that mean an unknown speed": [
        ("system/test_statgrab.py", "test_this_machine_is_seen_as_psutil_sees_it"),
        ("system/test_statgrab_trouble.py", "test_interfaces_come_and_go")],
    "14 pages are KiB of blocks": [
        ("system/test_statgrab.py", "test_paging_is_what_the_kernel_counts")],
    "15 a container's limits are not seen": [
        ("unit/statgrab/test_linux.c", "finds_the_limits_of_a_container_without_a_namespace"),
        ("unit/statgrab/test_linux.c", "finds_the_limits"),
        ("system/test_statgrab_machines.py", "test_the_limits_of_a_container_are_reported")],
    "16 no utmp, no swap": [
        ("unit/statgrab/test_linux.c", "counts_users"),
        ("system/test_statgrab.py", "test_memory_and_swap_are_psutils")],
    "17 collectd's own code for it does not compile": [
        (HERE, "test_one_file_uses_it")],
}

FORBIDDEN = {
    r"sg_\w+_diff(_between)?(_r)?": "overflows the stack when items vanish",
    r"sg_get_cpu_percents\w*": "leaves out iowait, interrupts and steal",
    r"sg_get_process_count\w*": "reads beyond its array",
    r"sg_drop_privileges": "is for the whole process: the daemon's",
    r"sg_free_(?!stats_buf)\w+": "aborts on what it does not know",
}


def calls(text):
    return re.findall(r"\b(sg_\w+)\s*\(", text)


@pytest.mark.parametrize("trap", TRAPS)
def test_each_trap_has_its_tests(trap):
    for name, function in TRAPS[trap]:
        path = ROOT / "tests" / ("conventions" if name == HERE else "") / name
        text = path.read_text(encoding="utf-8")
        defined = rf"^(def|static void) {function}\("
        assert re.search(defined, text, re.M), f"{name} has no {function}"
        if path.suffix == ".c":
            assert re.search(rf"\b(TEST|cmocka_unit_test\w*)\({function}\b", text), f"{function} is not run"


def test_one_file_uses_it():
    assert [path for path in sources(".c", ".h") if "statgrab.h>" in path.read_text()] == [SOURCE]
    others = [path for path in sources(".c", ".h") if path != SOURCE]
    assert [shown(path) for path in others if calls(code_of(path))] == []


def test_only_reentrant_calls():
    getters = [name for name in calls(code_of(SOURCE)) if name.startswith("sg_get_")]
    assert len(getters) > 10
    of_the_thread = {name for name in getters if not name.endswith("_r")}
    assert of_the_thread == {"sg_get_error", "sg_get_error_arg"}  # they own no memory


def forbidden(text):
    return [f"{name} {why}" for name in calls(text)
            for pattern, why in FORBIDDEN.items() if re.fullmatch(pattern, name)]


def test_the_forbidden_calls():
    for name in ("sg_get_cpu_stats_diff", "sg_get_network_io_stats_diff_between", "sg_drop_privileges",
                 "sg_get_process_count_r", "sg_free_fs_stats", "sg_get_cpu_percents_of"):
        assert forbidden(f" {name}(x);"), name
    assert forbidden(code_of(SOURCE)) == []


def functions(text):
    return re.findall(r"^\w[^;{}]*?\b(\w+)\([^;{}]*\)\s*\{\n(.*?)^\}", text, re.M | re.S)


def test_every_result_is_released():
    getters = {name: body for name, body in functions(code_of(SOURCE)) if re.search(r"= sg_get_\w+_r\(", body)}
    assert len(getters) > 10
    for name, body in getters.items():
        results = re.findall(r"\*(\w+) =\s+sg_get_\w+_r\(", body)
        assert results, f"{name} drops what it gets"
        for result in results:
            assert re.search(rf"free_library_stats\({result}\);(\s+return [^;]*;)?\s*$", body), f"{name} keeps {result}"


def test_it_is_started_first_and_ended_last():
    assert re.findall(r"sg_init\((.*?)\)", code_of(SOURCE)) == ["1"]  # 0 may hang at the end
    bodies = dict(functions(code_of(PLUGIN_FILE)))
    starting = [body for body in bodies.values() if "source_libstatgrab_init(" in body]
    ending = [body for body in bodies.values() if "source_libstatgrab_fini(" in body]
    assert len(starting) == len(ending) == 1
    assert starting[0].index("source_libstatgrab_init(") < starting[0].index("collectors_new(")
    assert starting[0].index("collectors_new(") < starting[0].index("plugin_register_complex_read(")
    assert ending[0].index("collectors_stop(") < ending[0].index("source_libstatgrab_fini(")
