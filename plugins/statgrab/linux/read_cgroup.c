/* SPDX-License-Identifier: MIT */
/* read_cgroup: the limits of the control group that collectd is in, which in a
 * container are the container's. Version 1 and 2, or both, as they come. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "statgrab/linux/linux_driver.h"

/* What one controller is called where. */
struct controller {
  const char *name;      /* in a line of version 1 */
  const char *mount;     /* its own tree */
  const char *limit;     /* "max", -1 or a huge number: none */
  const char *usage;     /* NULL: not asked for */
  const char *statistic; /* the file of names and numbers */
};

enum { VERSION_1, VERSION_2, VERSIONS };

static const struct controller memory[VERSIONS] = {
    {"memory", "/sys/fs/cgroup/memory", "memory.limit_in_bytes",
     "memory.usage_in_bytes", "memory.stat"},
    {NULL, "/sys/fs/cgroup", "memory.max", "memory.current", "memory.stat"},
};

static const struct controller cpu[VERSIONS] = {
    {"cpu", "/sys/fs/cgroup/cpu", "cpu.cfs_quota_us", NULL, "cpu.stat"},
    {NULL, "/sys/fs/cgroup", "cpu.max", NULL, "cpu.stat"},
};

/* Where a controller's group is: mount, and the path below it. */
struct place {
  const struct controller *controller;
  int version;
  char path[PATH_MAX];
  size_t mount_length; /* of the path; what is behind it is the group */
};

#define TEXT_BYTES 8192 /* a memory.stat has 1.5 KiB */

/* Reads FILE of the group at PLACE. False where it is not there. */
static bool read_file(const struct place *place, const char *file,
                      char text[TEXT_BYTES], struct scan *ret_text) {
  char path[PATH_MAX];
  int length = snprintf(path, sizeof(path), "%s/%s", place->path, file);
  if (length < 0 || (size_t)length >= sizeof(path)) {
    return false;
  }
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) {
    return false;
  }
  ssize_t got = read(fd, text, TEXT_BYTES);
  (void)close(fd);
  if (got <= 0) {
    return false;
  }
  *ret_text = (struct scan){text, text + got};
  return true;
}

static bool read_number(const struct place *place, const char *file,
                        uint64_t *ret_number) {
  char text[TEXT_BYTES];
  struct scan scan;
  return read_file(place, file, text, &scan) && scan_number(&scan, ret_number);
}

/* The number behind NAME in the group's statistic; FACT_UNKNOWN if none. */
static uint64_t read_statistic(const struct place *place, const char *name) {
  char text[TEXT_BYTES];
  struct scan scan, line;
  uint64_t number;
  if (read_file(place, place->controller->statistic, text, &scan)) {
    while (scan_line(&scan, &line)) {
      if (scan_literal(&line, name) && scan_literal(&line, " ") &&
          scan_number(&line, &number)) {
        return number;
      }
    }
  }
  return FACT_UNKNOWN;
}

/* ---- finding the group ---- */

/* True if NAME is one of the comma-separated controllers. */
static bool lists(struct scan names, const char *name) {
  size_t length = strlen(name);
  while (names.at < names.end) {
    const char *comma = memchr(names.at, ',', (size_t)(names.end - names.at));
    const char *end = comma == NULL ? names.end : comma;
    if ((size_t)(end - names.at) == length &&
        memcmp(names.at, name, length) == 0) {
      return true;
    }
    names.at = comma == NULL ? names.end : comma + 1;
  }
  return false;
}

/* Takes "4:memory:/a/b" apart. */
static bool take_line(struct scan line, struct scan *ret_names,
                      struct scan *ret_group) {
  const char *first = memchr(line.at, ':', (size_t)(line.end - line.at));
  const char *second =
      first == NULL ? NULL
                    : memchr(first + 1, ':', (size_t)(line.end - first - 1));
  if (second == NULL) {
    return false;
  }
  *ret_names = (struct scan){first + 1, second};
  *ret_group = (struct scan){second + 1, line.end};
  return true;
}

/* In a container that has no cgroup namespace the path is one of the machine,
 * and the mount itself is the container's group. */
static bool set_place(const struct driver *driver,
                      const struct controller *controller, int version,
                      struct scan group, struct place *place) {
  const char *own = controller->mount;
  int length =
      snprintf(place->path, sizeof(place->path), "%s%s%.*s", driver->root, own,
               (int)(group.end - group.at), group.at);
  if (length <= 0 || (size_t)length >= sizeof(place->path)) {
    return false;
  }
  place->controller = controller;
  place->version = version;
  place->mount_length = strlen(driver->root) + strlen(own);
  bool is_root = place->path[length - 1] == '/';
  if (is_root || access(place->path, X_OK) != 0) {
    place->path[place->mount_length] = '\0';
  }
  return access(place->path, X_OK) == 0;
}

static bool find_place(const struct driver *driver, struct scan text,
                       const struct controller versions[VERSIONS],
                       struct place *place) {
  struct scan line, names, group, unified = {NULL, NULL};
  while (scan_line(&text, &line)) {
    if (!take_line(line, &names, &group)) {
      continue;
    }
    if (names.at == names.end) {
      unified = group;
    } else if (lists(names, versions[VERSION_1].name)) {
      return set_place(driver, &versions[VERSION_1], VERSION_1, group, place);
    }
  }
  return unified.at != NULL &&
         set_place(driver, &versions[VERSION_2], VERSION_2, unified, place);
}

/* From a group to the one around it. False at the mount. */
static bool go_up(struct place *place) {
  char *slash = strrchr(place->path, '/');
  if (slash == NULL || (size_t)(slash - place->path) < place->mount_length) {
    return false;
  }
  *slash = '\0';
  return true;
}

/* ---- limits ---- */

/* Version 1 says "none" by the largest number of whole pages. */
#define NO_LIMIT_BYTES (UINT64_C(1) << 62)

/* The smallest limit of the group and those around it, and the use there. */
static void read_memory(struct place *place, struct cgroup_facts *facts) {
  do {
    uint64_t limit, used;
    bool has_limit = read_number(place, place->controller->limit, &limit) &&
                     limit < NO_LIMIT_BYTES && limit < facts->memory_limit;
    if (has_limit && read_number(place, place->controller->usage, &used)) {
      uint64_t cache = read_statistic(place, place->version == VERSION_1
                                                 ? "total_inactive_file"
                                                 : "inactive_file");
      facts->memory_limit = limit;
      facts->memory_used = cache < used ? used - cache : used;
    }
  } while (go_up(place));
}

/* Processors that the group may use on average; NaN for no limit. */
static double read_quota(const struct place *place) {
  char text[TEXT_BYTES];
  struct scan scan;
  uint64_t quota_us, period_us;
  if (!read_file(place, place->controller->limit, text, &scan) ||
      !scan_number(&scan, &quota_us)) { /* "max", "-1" */
    return (double)NAN;
  }
  bool has_period = place->version == VERSION_1
                        ? read_number(place, "cpu.cfs_period_us", &period_us)
                        : scan_number(&scan, &period_us);
  return has_period && period_us > 0 ? (double)quota_us / (double)period_us
                                     : (double)NAN;
}

/* Only where there is a quota can there have been throttling. */
static void read_cpu(struct place *place, struct cgroup_facts *facts) {
  const struct place own = *place;
  do {
    facts->cpu_quota = fmin(facts->cpu_quota, read_quota(place));
  } while (go_up(place));
  if (isnan(facts->cpu_quota)) {
    return;
  }
  facts->throttled = read_statistic(&own, "nr_throttled");
  if (own.version == VERSION_2) {
    facts->throttled_us = read_statistic(&own, "throttled_usec");
  } else {
    uint64_t throttled_ns = read_statistic(&own, "throttled_time");
    facts->throttled_us =
        throttled_ns == FACT_UNKNOWN ? FACT_UNKNOWN : throttled_ns / 1000;
  }
}

/* A cpuset narrows the affinity, too. */
static uint64_t count_affinity(void) {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof(set), &set) == 0
             ? (uint64_t)CPU_COUNT(&set)
             : FACT_UNKNOWN; /* more than 1024 processors */
}

int linux_read_cgroup(struct driver *driver, struct cgroup_facts *facts,
                      struct error *error) {
  *facts = (struct cgroup_facts){.memory_limit = FACT_UNKNOWN,
                                 .memory_used = FACT_UNKNOWN,
                                 .cpu_quota = (double)NAN,
                                 .affinity = count_affinity(),
                                 .throttled = FACT_UNKNOWN,
                                 .throttled_us = FACT_UNKNOWN};
  struct scan text, line, names, group;
  struct place place;
  int code = proc_file_read(&driver->cgroup, driver->root, &text, error);
  if (code == -ENODATA) {
    return -ENOENT; /* no groups are mounted */
  }
  if (code != 0) {
    return code;
  }
  if (!scan_line(&(struct scan){text.at, text.end}, &line) ||
      !take_line(line, &names, &group)) {
    return linux_refuse(driver, &driver->cgroup, "control group", error);
  }
  if (find_place(driver, text, memory, &place)) {
    read_memory(&place, facts);
  }
  if (find_place(driver, text, cpu, &place)) {
    read_cpu(&place, facts);
  }
  return 0;
}
