/* SPDX-License-Identifier: MIT */
/* read_cgroup: the limits of collectd's own control group, in a container those
 * of the container. Control groups version 2 only (kernel:
 * Documentation/admin-guide/cgroup-v2.rst). */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "statgrab/linux/linux_read.h"

#define CGROUP_MOUNT "/sys/fs/cgroup"
#define CGROUP_TEXT_BYTES 8192 /* a memory.stat has 1.5 KiB */

/* The directory of a group. */
struct cgroup_place {
  char path[PATH_MAX];
  size_t mount_length; /* of the path; the group's name follows */
};

/* ---- files of a group ---- */

/* Reads FILE of the group. False where it is not there. */
static bool read_cgroup_file(const struct cgroup_place *place, const char *file,
                             char text[CGROUP_TEXT_BYTES],
                             struct scan *ret_text) {
  char path[PATH_MAX];
  int length = snprintf(path, sizeof(path), "%s/%s", place->path, file);
  if (length < 0 || (size_t)length >= sizeof(path)) {
    return false;
  }
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) {
    return false;
  }
  ssize_t got = read(fd, text, CGROUP_TEXT_BYTES);
  (void)close(fd);
  if (got <= 0) {
    return false;
  }
  *ret_text = (struct scan){text, text + got};
  return true;
}

/* False where there is no number: a limit of "max" is none. */
static bool read_cgroup_number(const struct cgroup_place *place,
                               const char *file, uint64_t *ret_number) {
  char text[CGROUP_TEXT_BYTES];
  struct scan scan;
  return read_cgroup_file(place, file, text, &scan) &&
         scan_number(&scan, ret_number);
}

/* Returns the number behind NAME in FILE; STATS_UNKNOWN if there is none. */
static uint64_t read_cgroup_statistic(const struct cgroup_place *place,
                                      const char *file, const char *name) {
  char text[CGROUP_TEXT_BYTES];
  struct scan scan, line;
  uint64_t number;
  if (read_cgroup_file(place, file, text, &scan)) {
    while (scan_line(&scan, &line)) {
      if (scan_literal(&line, name) && scan_literal(&line, " ") &&
          scan_number(&line, &number)) {
        return number;
      }
    }
  }
  return STATS_UNKNOWN;
}

/* ---- finding the group ---- */

/* Finds the directory of GROUP. In a container without a cgroup namespace the
 * name is one of the machine's and not visible; the mount itself is then the
 * container's group. */
static bool find_cgroup_place(const struct source_driver *driver,
                              struct scan group, struct cgroup_place *place) {
  int length =
      snprintf(place->path, sizeof(place->path), "%s%s%.*s", driver->root,
               CGROUP_MOUNT, (int)(group.end - group.at), group.at);
  if (length <= 0 || (size_t)length >= sizeof(place->path)) {
    return false;
  }
  place->mount_length = strlen(driver->root) + strlen(CGROUP_MOUNT);
  bool is_root = place->path[length - 1] == '/';
  if (is_root || access(place->path, X_OK) != 0) {
    place->path[place->mount_length] = '\0';
  }
  return access(place->path, X_OK) == 0;
}

/* Goes to the parent group. False at the mount. */
static bool move_to_parent(struct cgroup_place *place) {
  char *slash = strrchr(place->path, '/');
  if (slash == NULL || (size_t)(slash - place->path) < place->mount_length) {
    return false;
  }
  *slash = '\0';
  return true;
}

/* ---- limits: the smallest of the group and its parents counts ---- */

/* Memory used without inactive page cache, which the kernel drops first when
 * the limit is reached: the working set of Kubernetes. */
static void read_memory_limit(struct cgroup_place place,
                              struct stats_cgroup *stats) {
  do {
    uint64_t limit, used;
    if (read_cgroup_number(&place, "memory.max", &limit) &&
        limit < stats->memory_limit &&
        read_cgroup_number(&place, "memory.current", &used)) {
      uint64_t cache =
          read_cgroup_statistic(&place, "memory.stat", "inactive_file");
      stats->memory_limit = limit;
      stats->memory_used = cache < used ? used - cache : used;
    }
  } while (move_to_parent(&place));
}

/* Returns processors that the group may use on average; NaN for no limit. */
static double read_cpu_quota(const struct cgroup_place *place) {
  char text[CGROUP_TEXT_BYTES];
  struct scan scan;
  uint64_t quota_us, period_us;
  bool has_quota = read_cgroup_file(place, "cpu.max", text, &scan) &&
                   scan_number(&scan, &quota_us) && /* else "max" */
                   scan_number(&scan, &period_us) && period_us > 0;
  return has_quota ? (double)quota_us / (double)period_us : (double)NAN;
}

/* Without a quota there is no throttling. */
static void read_cpu_limit(const struct cgroup_place *own,
                           struct stats_cgroup *stats) {
  struct cgroup_place place = *own;
  do {
    stats->cpu_quota = fmin(stats->cpu_quota, read_cpu_quota(&place));
  } while (move_to_parent(&place));
  if (!isnan(stats->cpu_quota)) {
    stats->throttled = read_cgroup_statistic(own, "cpu.stat", "nr_throttled");
    stats->throttled_us =
        read_cgroup_statistic(own, "cpu.stat", "throttled_usec");
  }
}

/* Counts the processors this process may run on; a cpuset reduces them, too. */
static uint64_t count_allowed_processors(void) {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof(set), &set) == 0
             ? (uint64_t)CPU_COUNT(&set)
             : STATS_UNKNOWN; /* more than 1024 processors */
}

int linux_read_cgroup(struct stats *all, struct error *error) {
  struct stats_cgroup *stats = &all->cgroup;
  stats_cgroup_clear(stats);
  stats->affinity = count_allowed_processors();
  struct scan text, line;
  struct cgroup_place place;
  int code = linux_read_text(all->driver, LINUX_CGROUP, &text, error);
  if (code == -ENODATA) {
    return -ENOENT; /* no control groups are mounted */
  }
  bool has_groups = false;
  while (code == 0 && scan_line(&text, &line)) {
    has_groups |= memchr(line.at, ':', (size_t)(line.end - line.at)) != NULL;
    /* "0::/PATH" is version 2; version 1 has other numbers. */
    if (scan_literal(&line, "0::") &&
        find_cgroup_place(all->driver, line, &place)) {
      read_memory_limit(place, stats);
      read_cpu_limit(&place, stats);
    }
  }
  return code == 0 && !has_groups
             ? linux_read_fail_malformed(all->driver, LINUX_CGROUP,
                                         "control group", error)
             : code;
}
