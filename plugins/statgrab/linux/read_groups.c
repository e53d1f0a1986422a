/* SPDX-License-Identifier: MIT */
/* read_groups: the control groups of units and containers that the
 * configuration names. Version 2 only (kernel:
 * Documentation/admin-guide/cgroup-v2.rst).
 *
 * The tree is walked for names and limits every SCAN_INTERVAL_MS; between two
 * walks only the files of the groups found are read. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "statgrab/ignorelist.h"
#include "statgrab/linux/linux_read.h"

#define SCAN_INTERVAL_MS 15000
#define GROUPS_MAX 5000 /* beyond it groups are left out */
#define DEPTH_MAX 12
#define FILE_BYTES 4096
#define UID_LENGTH 36

/* A directory on the way down, with the smallest limits of it and above. */
struct group_walk {
  struct stats *stats;
  char path[PATH_MAX];
  size_t mount_length; /* of the path; the group's name follows */
  int depth;
  struct stats_group_limit memory;
  struct stats_group_limit pids;
  bool has_quota;
};

/* ---- files of a group ---- */

/* Reads FILE of the group at PATH, cut at LENGTH. False if it is not there. */
static bool read_group_file(const char *path, size_t length, const char *file,
                            char text[FILE_BYTES], struct scan *ret_text) {
  char name[PATH_MAX];
  int used = snprintf(name, sizeof(name), "%.*s/%s", (int)length, path, file);
  if (used < 0 || (size_t)used >= sizeof(name)) {
    return false;
  }
  int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) {
    return false;
  }
  ssize_t got = read(fd, text, FILE_BYTES);
  (void)close(fd);
  *ret_text = (struct scan){text, text + (got > 0 ? got : 0)};
  return got > 0;
}

/* STATS_UNKNOWN where there is no number: a limit of "max" is none. */
static uint64_t read_group_number(const char *path, size_t length,
                                  const char *file) {
  char text[FILE_BYTES];
  struct scan scan;
  uint64_t number;
  return read_group_file(path, length, file, text, &scan) &&
                 scan_number(&scan, &number)
             ? number
             : STATS_UNKNOWN;
}

/* Reads the numbers that stand behind their names in FILE. */
static void read_group_fields(const char *path, size_t length, const char *file,
                              const struct scan_field *fields) {
  char text[FILE_BYTES];
  struct scan scan;
  struct scan line;
  if (read_group_file(path, length, file, text, &scan)) {
    while (scan_line(&scan, &line)) {
      (void)scan_field(&line, fields);
    }
  }
}

/* "full avg10=0.00 avg60=1.25 ...": the average of 60 seconds. NaN if the
 * kernel does not measure it. */
static double read_full_pressure(const char *path, const char *file) {
  char text[FILE_BYTES];
  struct scan scan;
  struct scan line;
  struct scan word;
  double percent;
  if (read_group_file(path, strlen(path), file, text, &scan)) {
    while (scan_line(&scan, &line)) {
      bool is_full = scan_literal(&line, "full ");
      while (is_full && scan_word(&line, &word)) {
        if (scan_literal(&word, "avg60=") && scan_fraction(&word, &percent)) {
          return percent;
        }
      }
    }
  }
  return (double)NAN;
}

/* ---- names of pods ---- */

/* The UID behind "pod" in the last part of a group's name that has one, with
 * '-' for the '_' of systemd. */
static bool find_pod_uid(const char *group, char uid[UID_LENGTH + 1]) {
  const char *found = NULL;
  for (const char *at = strstr(group, "pod"); at != NULL;
       at = strstr(at + 1, "pod")) {
    found = strspn(at + 3, "0123456789abcdef-_") >= UID_LENGTH ? at + 3 : found;
  }
  for (size_t i = 0; found != NULL && i < UID_LENGTH; i++) {
    uid[i] = found[i] == '_' ? '-' : found[i];
  }
  uid[UID_LENGTH] = '\0';
  return found != NULL;
}

/* What follows the pod in the group's name: 12 characters of the container's
 * id. "" for the pod itself. */
static void copy_container_id(const char *group, char id[13]) {
  const char *last = strrchr(group, '/');
  const char *dash = last == NULL ? NULL : strrchr(last, '-');
  const char *start = dash != NULL && strstr(last, "pod") == NULL ? dash : last;
  id[0] = '\0';
  if (last != NULL && strstr(last, "pod") == NULL) {
    (void)snprintf(id, 13, "%s", start + 1);
  }
}

/* The kubelet names the directories NAMESPACE_NAME_UID. False if there is none
 * for the group. */
static bool find_pod_name(const struct stats *stats, const char *group,
                          char *name, size_t bytes) {
  char path[PATH_MAX];
  char uid[UID_LENGTH + 1] = "";
  if (stats->groups.pod_names[0] == '\0' || !find_pod_uid(group, uid)) {
    return false;
  }
  (void)snprintf(path, sizeof(path), "%s%s", stats->driver->root,
                 stats->groups.pod_names);
  DIR *directory = opendir(path);
  const struct dirent *entry;
  bool is_found = false;
  while (directory != NULL && !is_found &&
         (entry = readdir(directory)) != NULL) {
    size_t length = strlen(entry->d_name);
    is_found = length > UID_LENGTH + 1 &&
               strcmp(entry->d_name + length - UID_LENGTH, uid) == 0;
    if (is_found) {
      char id[13];
      copy_container_id(group, id);
      (void)snprintf(name, bytes, "%.*s%s%s", (int)(length - UID_LENGTH - 1),
                     entry->d_name, id[0] == '\0' ? "" : "_", id);
    }
  }
  if (directory != NULL) {
    (void)closedir(directory);
  }
  return is_found;
}

/* ---- the walk ---- */

/* Lowers LIMIT to that of FILE in the group where it is smaller. */
static void lower_group_limit(struct stats_group_limit *limit,
                              const struct group_walk *walk, const char *file) {
  size_t length = strlen(walk->path);
  uint64_t number = read_group_number(walk->path, length, file);
  if (number < limit->limit) { /* STATS_UNKNOWN is the greatest number */
    *limit = (struct stats_group_limit){number, length};
  }
}

static int add_group(const struct group_walk *walk) {
  struct stats *stats = walk->stats;
  const char *group = walk->path + walk->mount_length;
  char name[STATS_NAME_BYTES * 2];
  if (!find_pod_name(stats, group, name, sizeof(name))) {
    (void)snprintf(name, sizeof(name), "%s", group + 1);
  }
  struct stats_group *row = stats_group_add(&stats->groups, name, walk->path);
  if (row == NULL) {
    return -ENOMEM;
  }
  row->memory = walk->memory;
  row->pids = walk->pids;
  row->has_quota = walk->has_quota;
  return 0;
}

static bool has_cpu_quota(const char *path) {
  return read_group_number(path, strlen(path), "cpu.max") != STATS_UNKNOWN;
}

static int walk_group(const struct group_walk *parent, const char *name);

/* Adds the group if it is selected, then those below it. */
static int walk_directory(struct group_walk *walk) {
  const char *group = walk->path + walk->mount_length;
  int code = 0;
  if (group[0] != '\0') {
    lower_group_limit(&walk->memory, walk, "memory.max");
    lower_group_limit(&walk->memory, walk, "memory.high");
    lower_group_limit(&walk->pids, walk, "pids.max");
    walk->has_quota |= has_cpu_quota(walk->path);
    code = ignorelist_contains(walk->stats->groups.selected, group)
               ? add_group(walk)
               : 0;
  }
  DIR *directory = walk->depth < DEPTH_MAX ? opendir(walk->path) : NULL;
  const struct dirent *entry;
  while (code == 0 && directory != NULL &&
         (entry = readdir(directory)) != NULL) {
    if (entry->d_type == DT_DIR && entry->d_name[0] != '.') {
      code = walk_group(walk, entry->d_name);
    }
  }
  if (directory != NULL) {
    (void)closedir(directory);
  }
  return code;
}

static int walk_group(const struct group_walk *parent, const char *name) {
  struct group_walk walk = *parent;
  size_t length = strlen(walk.path);
  walk.depth++;
  if (walk.stats->groups.len >= GROUPS_MAX ||
      length + strlen(name) + 2 > sizeof(walk.path)) {
    return 0;
  }
  (void)snprintf(walk.path + length, sizeof(walk.path) - length, "/%s", name);
  return walk_directory(&walk);
}

/* Finds the mount of version 2: where both versions are mounted, it is below.
 */
static bool find_mount(const struct source_driver *driver,
                       struct group_walk *walk) {
  static const char *const places[] = {"/sys/fs/cgroup",
                                       "/sys/fs/cgroup/unified"};
  for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
    char file[PATH_MAX + 32];
    (void)snprintf(walk->path, sizeof(walk->path), "%s%s", driver->root,
                   places[i]);
    (void)snprintf(file, sizeof(file), "%s/cgroup.controllers", walk->path);
    walk->mount_length = strlen(walk->path);
    if (access(file, R_OK) == 0) {
      return true;
    }
  }
  return false;
}

/* ---- values ---- */

/* Memory without inactive page cache, as in read_cgroup.c, of the group that
 * has the limit. */
static void read_group_memory(struct stats_group *row) {
  size_t length = row->memory.path_length;
  uint64_t cache = STATS_UNKNOWN;
  const struct scan_field fields[] = {{"inactive_file", &cache}, {0}};
  uint64_t used = read_group_number(row->path, length, "memory.current");
  read_group_fields(row->path, length, "memory.stat", fields);
  row->memory_used =
      cache < used && used != STATS_UNKNOWN ? used - cache : used;
}

static void read_group(struct stats_group *row) {
  size_t length = strlen(row->path);
  row->periods_before = row->periods;
  row->throttled_before = row->throttled;
  row->oom_kills = STATS_UNKNOWN;
  const struct scan_field events[] = {{"oom_kill", &row->oom_kills}, {0}};
  const struct scan_field quota[] = {{"nr_periods", &row->periods},
                                     {"nr_throttled", &row->throttled},
                                     {"throttled_usec", &row->throttled_us},
                                     {0}};
  if (row->memory.limit != STATS_UNKNOWN) {
    read_group_memory(row);
  }
  if (row->pids.limit != STATS_UNKNOWN) {
    row->pids_used =
        read_group_number(row->path, row->pids.path_length, "pids.current");
  }
  if (row->has_quota) {
    read_group_fields(row->path, length, "cpu.stat", quota);
  }
  read_group_fields(row->path, length, "memory.events", events);
  row->memory_pressure = read_full_pressure(row->path, "memory.pressure");
}

int linux_read_groups(struct stats *all, struct error *error) {
  struct stats_group_table *groups = &all->groups;
  int64_t now_ms = clock_monotonic_ms();
  if (groups->scanned_ms == 0 ||
      now_ms - groups->scanned_ms >= SCAN_INTERVAL_MS) {
    struct group_walk walk = {.stats = all,
                              .memory = {.limit = STATS_UNKNOWN},
                              .pids = {.limit = STATS_UNKNOWN}};
    if (!find_mount(all->driver, &walk)) {
      return error_set(error, -ENOENT,
                       "no control groups of version 2 in /sys/fs/cgroup; "
                       "remove Name from <cgroup>");
    }
    groups->scanned_ms = now_ms;
    stats_group_table_begin_scan(groups);
    int code = walk_directory(&walk);
    stats_group_table_end_scan(groups);
    if (code != 0) {
      return code;
    }
  }
  for (size_t i = 0; i < groups->len; i++) {
    read_group(&groups->rows[i]);
  }
  return 0;
}
