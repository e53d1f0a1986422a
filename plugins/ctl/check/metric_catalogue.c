/* SPDX-License-Identifier: MIT */
/* metric_catalogue: lists the names of the values that our plugins may send. A
 * system test compares this list with what they really send. */
#include "ctl/check/metric_catalogue.h"

#include <stdio.h>
#include <string.h>

#define TYPE_BYTES 256

const struct metric_catalogue_entry metric_catalogue[] = {
    {"statgrab", "memory", "percent-used memory-*"},
    {"statgrab", "cpu", "percent-* cpu-* count count-* contextswitch irq-*"},
    {"statgrab", "cpu-*", "percent-* cpu-*"},
    {"statgrab", "load", "load load-relative"},
    {"statgrab", "df-*",
     "percent-used percent-free df_complex-* df_inodes-* percent_bytes-* "
     "percent_inodes-*"},
    {"statgrab", "processes", "ps_count ps_state-* fork_rate"},
    {"statgrab", "swap", "percent-* swap-* swap_io-*"},
    {"statgrab", "swap-*", "percent-* swap-* swap_io-*"},
    {"statgrab", "disk-*",
     "disk_octets disk_ops disk_merged disk_time disk_io_time "
     "pending_operations"},
    {"statgrab", "interface-*",
     "if_octets if_packets if_errors if_dropped if_collisions bool-up "
     "gauge-speed"},
    {"statgrab", "vmem", "vmpage_io-* vmpage_faults total_events-oom_kill"},
    {"statgrab", "fhcount", "file_handles-* percent-*"},
    {"statgrab", "pressure-*", "percent-* total_time_in_ms-*"},
    {"statgrab", "cgroup",
     "memory-* percent-used count-cpus total_events-* total_time_in_ms-*"},
    {"statgrab", "", "uptime users"},
    {"dbpool", NULL,
     "percent-used current_connections-active current_connections-checked_out "
     "current_connections-idle current_connections-ready "
     "current_connections-idle_in_transaction current_connections-aborted "
     "current_connections-waiting current_connections-hidden "
     "current_connections-leaked current_connections-recycle_overdue "
     "current_connections-total current_connections-capacity "
     "current_connections-headroom current_connections-headroom_server "
     "current_connections-headroom_database current_connections-headroom_role "
     "current_connections-clients "
     "duration-oldest_transaction duration-oldest_session duration-oldest_wait "
     "duration-query duration-until_exhausted gauge-up gauge-full "
     "gauge-waiting_average total_sessions-abandoned total_sessions-fatal "
     "total_sessions-killed derive-*"},
    {"session_log", NULL,
     "total_sessions-* current_sessions-open current_sessions-leaked "
     "current_sessions-unclosed_after_error log_rate-errors "
     "log_rate-errors_now errors "
     "total_bytes-read files-followed gauge-lag_bytes derive-*"},
    {"resource_alert", "*",
     "alert_state alert_state-* degradation_level replicas replicas-* derive-* "
     "gauge-*"},
    {"resource_alert", "", "derive-* gauge-*"},
};

const unsigned long metric_catalogue_len =
    sizeof(metric_catalogue) / sizeof(metric_catalogue[0]);

/* Skips one character of the glob, or a whole [set]. */
static const char *skip_glob_element(const char *glob) {
  const char *close = *glob == '[' ? strchr(glob + 1, ']') : NULL;
  return close != NULL ? close + 1 : glob + 1;
}

/* A [set] counts as any character, so an overlap may be reported that is none,
 * but never the reverse. */
static bool is_one_wildcard(char c) { return c == '?' || c == '['; }

bool metric_catalogue_globs_overlap(const char *one, const char *other) {
  if (*one == '\0' && *other == '\0') {
    return true;
  }
  if (*one == '*') {
    return metric_catalogue_globs_overlap(one + 1, other) ||
           (*other != '\0' &&
            metric_catalogue_globs_overlap(one, skip_glob_element(other)));
  }
  if (*other == '*') {
    return metric_catalogue_globs_overlap(other, one);
  }
  if (*one == '\0' || *other == '\0') {
    return false;
  }
  return (*one == *other || is_one_wildcard(*one) || is_one_wildcard(*other)) &&
         metric_catalogue_globs_overlap(skip_glob_element(one),
                                        skip_glob_element(other));
}

bool metric_catalogue_has_type(const struct metric_catalogue_entry *entry,
                               const char *type) {
  const char *at = entry->types;
  while (*at != '\0') {
    size_t length = strcspn(at, " ");
    char one[TYPE_BYTES];
    (void)snprintf(one, sizeof(one), "%.*s", (int)length, at);
    if (metric_catalogue_globs_overlap(one, type)) {
      return true;
    }
    at += length + strspn(at + length, " ");
  }
  return false;
}
