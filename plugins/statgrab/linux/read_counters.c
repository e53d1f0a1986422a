/* SPDX-License-Identifier: MIT */
/* read_counters: files of a few numbers: memory, paging, load, uptime, open
 * files, pressure and users. */
#include <errno.h>
#include <math.h>
#include <string.h>
#include <utmp.h>

#include "statgrab/linux/linux_read.h"

/* ---- numbers with names ---- */

/* An adapter: linux_read_line_fn has a context of any type. */
static int parse_field_line(struct scan *line, void *fields) {
  return scan_field(line, fields);
}

/* Reads a file of names and numbers.
 * required: this many of the fields, the first ones, must be there.
 * unit: factor of each number.
 * Returns 0; -EBADMSG where a required one is missing, the others are set;
 * another negative errno. */
static int read_named_numbers(struct source_driver *driver,
                              enum linux_file file, struct scan_field *fields,
                              size_t required, uint64_t unit,
                              struct error *error) {
  int code = linux_read_lines(driver, file, parse_field_line, fields, error);
  for (size_t i = 0; fields[i].name != NULL && source_has_data(code); i++) {
    uint64_t *number = fields[i].number;
    bool is_known = *number <= (STATS_UNKNOWN - 1) / unit;
    *number = is_known ? *number * unit : STATS_UNKNOWN;
    if (!is_known && i < required && code == 0) {
      code = linux_read_fail_malformed(driver, file, fields[i].name, error);
    }
  }
  return code;
}

/* Linux before 3.14 and some containers have no MemAvailable: psutil's
 * fallback. */
static uint64_t estimate_available(const struct stats_memory *stats) {
  uint64_t sum = stats->free + stats->cached;
  return sum < stats->total ? sum : stats->total;
}

int linux_read_memory(struct stats *all, struct error *error) {
  struct stats_memory *stats = &all->memory;
  STATS_CLEAR(stats);
  struct scan_field fields[] = {
      {"MemTotal", &stats->total},
      {"MemFree", &stats->free},
      {"Buffers", &stats->buffered},
      {"Cached", &stats->cached},
      {"MemAvailable", &stats->available},
      {"SReclaimable", &stats->slab_reclaimable},
      {"SwapTotal", &stats->swap_total},
      {"SwapFree", &stats->swap_free},
      {"SwapCached", &stats->swap_cached},
      {NULL, NULL},
  };
  int code =
      read_named_numbers(all->driver, LINUX_MEMINFO, fields, 4, 1024, error);
  if (code == 0 && stats->total == 0) {
    code =
        linux_read_fail_malformed(all->driver, LINUX_MEMINFO, "memory", error);
  }
  if (code == 0 && stats->available == STATS_UNKNOWN) {
    stats->available = estimate_available(stats);
  }
  return code;
}

/* Read here because libstatgrab reports KiB of block I/O as pages on Linux. */
int linux_read_paging(struct stats *all, struct error *error) {
  struct stats_paging *stats = &all->paging;
  STATS_CLEAR(stats);
  /* A kernel without swap space, or before 4.13, lacks the last ones. */
  struct scan_field fields[] = {
      {"pgpgin", &stats->disk_in_kib},   {"pgpgout", &stats->disk_out_kib},
      {"pgfault", &stats->faults},       {"pgmajfault", &stats->major_faults},
      {"pswpin", &stats->swap_in_pages}, {"pswpout", &stats->swap_out_pages},
      {"oom_kill", &stats->oom_kills},   {NULL, NULL},
  };
  return read_named_numbers(all->driver, LINUX_VMSTAT, fields, 4, 1, error);
}

/* ---- files of one line ---- */

/* Reads the first line; an empty one where the file has none, so that the
 * numbers expected in it are missing. */
static int read_first_line(struct source_driver *driver, enum linux_file file,
                           struct scan *ret_line, struct error *error) {
  struct scan text;
  int code = linux_read_text(driver, file, &text, error);
  if (code == 0 && !scan_line(&text, ret_line)) {
    *ret_line = (struct scan){text.end, text.end};
  }
  return code;
}

int linux_read_load(struct stats *all, struct error *error) {
  double *minutes = all->load.minutes;
  struct scan line;
  int code = read_first_line(all->driver, LINUX_LOADAVG, &line, error);
  for (size_t i = 0; code == 0 && i < 3; i++) {
    if (!scan_fraction(&line, &minutes[i])) {
      code =
          linux_read_fail_malformed(all->driver, LINUX_LOADAVG, "load", error);
    }
  }
  return code;
}

int linux_read_uptime(struct stats *all, struct error *error) {
  struct scan line;
  int code = read_first_line(all->driver, LINUX_UPTIME, &line, error);
  if (code == 0 && !scan_fraction(&line, &all->uptime_s)) {
    code =
        linux_read_fail_malformed(all->driver, LINUX_UPTIME, "uptime", error);
  }
  return code;
}

int linux_read_handles(struct stats *all, struct error *error) {
  struct stats_handles *stats = &all->handles;
  struct scan line;
  int code = read_first_line(all->driver, LINUX_FILE_NR, &line, error);
  if (code == 0 && !(scan_number(&line, &stats->used) &&
                     scan_number(&line, &stats->unused) &&
                     scan_number(&line, &stats->max))) {
    code =
        linux_read_fail_malformed(all->driver, LINUX_FILE_NR, "limit", error);
  }
  return code;
}

/* ---- pressure: Linux 4.20 and later, Documentation/accounting/psi.rst ---- */

/* "some avg10=0.07 avg60=0.65 avg300=4.64 total=208369241" */
static int parse_pressure_line(struct scan *line, void *context) {
  struct stats_pressure_line *lines = context;
  struct stats_pressure_line found;
  double *percent = found.percent;
  bool is_some = scan_literal(line, "some");
  bool is_complete =
      (is_some || scan_literal(line, "full")) &&
      scan_literal(line, " avg10=") && scan_fraction(line, &percent[0]) &&
      scan_literal(line, " avg60=") && scan_fraction(line, &percent[1]) &&
      scan_literal(line, " avg300=") && scan_fraction(line, &percent[2]) &&
      scan_literal(line, " total=") && scan_number(line, &found.total_us);
  if (is_complete) {
    lines[is_some ? 0 : 1] = found;
  }
  return is_complete ? 0 : -EBADMSG;
}

/* Reads all resources even where one fails. Returns the first failure, as
 * -EBADMSG where another resource could be read. */
int linux_read_pressure(struct stats *all, struct error *error) {
  struct stats_pressure *stats = &all->pressure;
  const double nan = (double)NAN;
  const struct stats_pressure_line none = {{nan, nan, nan}, STATS_UNKNOWN};
  int first = 0;
  size_t failed = 0;
  for (unsigned i = 0; i < PRESSURE_RESOURCES; i++) {
    struct stats_pressure_line *lines = stats->lines[i];
    lines[0] = lines[1] = none;
    int code =
        linux_read_lines(all->driver, LINUX_PRESSURE + i, parse_pressure_line,
                         lines, first == 0 ? error : NULL);
    first = first == 0 ? code : first;
    failed += code != 0;
  }
  return failed == 0 || failed == PRESSURE_RESOURCES ? first : -EBADMSG;
}

/* ---- users ---- */

/* Debian 13 and later have no utmp: the number of users is then 0. */
int linux_read_users(struct stats *all, struct error *error) {
  struct scan text;
  int code = linux_read_text(all->driver, LINUX_UTMP, &text, error);
  all->users = 0;
  if (code == -ENOENT || code == -ENODATA) {
    return 0;
  }
  while (code == 0 && (size_t)(text.end - text.at) >= sizeof(struct utmp)) {
    struct utmp entry;
    memcpy(&entry, text.at, sizeof(entry));
    text.at += sizeof(entry);
    all->users += entry.ut_type == USER_PROCESS && entry.ut_user[0] != '\0';
  }
  return code;
}
