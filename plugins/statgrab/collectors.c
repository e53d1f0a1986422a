/* SPDX-License-Identifier: MIT */
/* collectors: reads the statistics of each group and sends its values; logs
 * what cannot be read. */
#include "statgrab/collectors.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "statgrab/filesystems.h"
#include "statgrab/metrics.h"
#include "statgrab/source.h"

/* A kind of statistics is read once a round: several groups use some. */
struct kind_read {
  bool is_done; /* in this round */
  int code;
  struct error error;
};

/* The file systems and their complaint belong to the thread of
 * collectors_collect_filesystems(), the rest to that of
 * collectors_collect_groups(). */
struct collectors {
  const struct statgrab_options *options; /* borrowed */
  struct log_sink log;
  struct source source;
  struct stats stats; /* its driver is owned */
  struct kind_read reads[STATS_KINDS];
  /* compiled once: the options hold them as text */
  struct ignorelist group_names;
  struct ignorelist disk_names;
  struct ignorelist interface_names;
  struct filesystems *filesystems;
  struct emitter emitters[GROUPS];
  struct log_complaint complaints[GROUPS];
};

/* ---- life cycle ---- */

/* Adds libstatgrab's functions where the driver has none. */
static void add_libstatgrab_functions(struct source *source) {
  for (size_t i = 0; i < STATS_KINDS; i++) {
    if (source->read[i] == NULL) {
      source->read[i] = source_libstatgrab.read[i];
    }
  }
  if (source->read_mounts == NULL) {
    source->read_mounts = source_libstatgrab.read_mounts;
  }
}

int collectors_new(const struct statgrab_options *options,
                   const struct sample_sink *sink, const struct log_sink *log,
                   struct collectors **ret_collectors, struct error *error) {
  const struct cgroup_options *cgroup = options->cgroup.items;
  const struct device_options *disk = options->disk.items;
  const struct device_options *interface = options->interface.items;
  struct collectors *collectors = calloc(1, sizeof(*collectors));
  if (collectors == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  collectors->options = options;
  collectors->log = *log;
  stats_init(&collectors->stats);
  collectors->stats.groups.selected = &collectors->group_names;
  collectors->stats.groups.pod_names = cgroup->pod_names;
  for (enum statgrab_group i = 0; i < GROUPS; i++) {
    bool is_one_value = i == GROUP_UPTIME || i == GROUP_USERS;
    const char *prefix = is_one_value ? "" : statgrab_group_names[i];
    collectors->emitters[i] = (struct emitter){*sink, prefix, ""};
  }
  int code = source_driver_new(options->root, &collectors->source,
                               &collectors->stats.driver, error);
  add_libstatgrab_functions(&collectors->source);
  code = code != 0
             ? code
             : ignorelist_init(&collectors->group_names, &cgroup->names, error);
  code = code != 0
             ? code
             : ignorelist_init(&collectors->disk_names, &disk->names, error);
  code = code != 0 ? code
                   : ignorelist_init(&collectors->interface_names,
                                     &interface->names, error);
  code = code != 0 ? code
                   : filesystems_new(options->df.items, &collectors->source,
                                     collectors->stats.driver,
                                     &collectors->emitters[GROUP_DF], log,
                                     &collectors->filesystems, error);
  if (code != 0) {
    (void)collectors_stop(collectors, 0);
    return code;
  }
  *ret_collectors = collectors;
  return 0;
}

unsigned collectors_stop(struct collectors *collectors, int64_t deadline_ms) {
  if (collectors == NULL) {
    return 0;
  }
  unsigned abandoned = filesystems_stop(collectors->filesystems, deadline_ms);
  source_driver_free(collectors->stats.driver);
  stats_fini(&collectors->stats);
  ignorelist_fini(&collectors->group_names);
  ignorelist_fini(&collectors->disk_names);
  ignorelist_fini(&collectors->interface_names);
  free(collectors);
  return abandoned;
}

/* ---- reading ---- */

/* Begins a round: all statistics are to be read again. The last read of the
 * processors becomes the one before, unless it failed: the next percentages
 * then span two intervals. */
static void begin_round(struct collectors *collectors) {
  const struct kind_read *cpu = &collectors->reads[STATS_CPU];
  if (cpu->is_done && source_has_data(cpu->code)) {
    stats_exchange_cpu(&collectors->stats);
  }
  for (size_t i = 0; i < STATS_KINDS; i++) {
    collectors->reads[i].is_done = false;
  }
}

/* Reads a kind of statistics unless that was done in this round. Returns the
 * code of that read, and its text where ERROR is not NULL. */
static int read_stats_once(struct collectors *collectors, enum stats_kind kind,
                           struct error *error) {
  struct kind_read *read = &collectors->reads[kind];
  source_read_fn *function = collectors->source.read[kind];
  if (!read->is_done) {
    read->error.text[0] = '\0';
    read->code = function == NULL ? -ENOTSUP
                                  : function(&collectors->stats, &read->error);
    if (read->code == -ENOMEM) {
      (void)error_set(&read->error, read->code, "out of memory");
    }
    read->is_done = true;
  }
  if (read->code != 0 && error != NULL) {
    *error = read->error;
  }
  return read->code;
}

/* Returns the divisor of the relative load; 0 or NaN if unknown. */
static double read_load_cores(struct collectors *collectors,
                              const struct load_options *options) {
  const struct stats *stats = &collectors->stats;
  (void)read_stats_once(collectors, STATS_CPU, NULL);
  if (options->cores == CORES_USABLE) {
    (void)read_stats_once(collectors, STATS_CGROUP, NULL);
    return metrics_usable_processors(stats->cpu.online, &stats->cgroup);
  }
  return stats->cpu.online == STATS_UNKNOWN ? 0 : (double)stats->cpu.online;
}

/* ---- groups: from the statistics read to values ---- */

/* Where the size is unknown the transfers are still sent. */
static int read_paging_and_send_swap(struct collectors *collectors,
                                     struct error *error) {
  const struct stats *stats = &collectors->stats;
  const struct emitter *emitter = &collectors->emitters[GROUP_SWAP];
  bool has_size = metrics_send_swap(&stats->memory, emitter);
  int code = read_stats_once(collectors, STATS_PAGING, error);
  if (source_has_data(code)) { /* other paging counters may be missing */
    metrics_send_swap_io(&stats->paging, (uint64_t)sysconf(_SC_PAGESIZE),
                         emitter);
    code = 0;
  }
  return has_size ? code : error_set(error, -EBADMSG, "the size is unknown");
}

/* Sends the values of a group whose statistics were read. Returns 0, or
 * negative errno with a text where some are missing. */
static int read_rest_and_send_group(struct collectors *collectors,
                                    enum statgrab_group group,
                                    struct error *error) {
  const struct statgrab_options *options = collectors->options;
  const struct device_options *disk = options->disk.items;
  const struct device_options *interface = options->interface.items;
  const struct stats *stats = &collectors->stats;
  const struct emitter *emitter = &collectors->emitters[group];
  switch (group) {
  case GROUP_CGROUP:
    (void)read_stats_once(collectors, STATS_CPU, NULL);
    metrics_send_cgroup(&stats->cgroup, stats->cpu.online, emitter);
    return 0;
  case GROUP_CPU:
    metrics_send_cpu(&stats->cpu_before, &stats->cpu, options->cpu.items,
                     emitter);
    return 0;
  case GROUP_DISK:
    metrics_send_disks(&stats->disks, disk->ignore_selected,
                       &collectors->disk_names, emitter);
    return 0;
  case GROUP_FHCOUNT:
    metrics_send_handles(&stats->handles, emitter);
    return 0;
  case GROUP_INTERFACE:
    /* Without the state of the links the counters are still valid. Behind a
     * RootFS libstatgrab would report the links of this container. */
    if (options->root[0] == '\0') {
      (void)read_stats_once(collectors, STATS_LINKS, NULL);
    }
    metrics_send_interfaces(&stats->interfaces, interface->ignore_selected,
                            &collectors->interface_names, emitter);
    return 0;
  case GROUP_LOAD:
    metrics_send_load(&stats->load,
                      read_load_cores(collectors, options->load.items),
                      emitter);
    return 0;
  case GROUP_MEMORY:
    metrics_send_memory(&stats->memory, emitter);
    return 0;
  case GROUP_PRESSURE:
    metrics_send_pressure(&stats->pressure, emitter);
    return 0;
  case GROUP_PROCESSES:
    (void)read_stats_once(collectors, STATS_CPU, NULL);
    metrics_send_processes(&stats->processes, stats->cpu.forks, emitter);
    return 0;
  case GROUP_SWAP:
    return read_paging_and_send_swap(collectors, error);
  case GROUP_UPTIME:
    emitter_send_gauge(emitter, "uptime", "", stats->uptime_s);
    return 0;
  case GROUP_USERS:
    emitter_send_amount(emitter, "users", "", stats->users);
    return 0;
  case GROUP_VMEM:
    metrics_send_paging(&stats->paging, emitter);
    return 0;
  case GROUP_DF: /* filesystems.h */
  case GROUPS:
    break;
  }
  return 0;
}

/* What a group reads first; read_rest_and_send_group() reads further kinds. */
static const enum stats_kind kind_of_group[GROUPS] = {
    [GROUP_CGROUP] = STATS_CGROUP,        [GROUP_CPU] = STATS_CPU,
    [GROUP_DISK] = STATS_DISKS,           [GROUP_FHCOUNT] = STATS_HANDLES,
    [GROUP_INTERFACE] = STATS_INTERFACES, [GROUP_LOAD] = STATS_LOAD,
    [GROUP_MEMORY] = STATS_MEMORY,        [GROUP_PRESSURE] = STATS_PRESSURE,
    [GROUP_PROCESSES] = STATS_PROCESSES,  [GROUP_SWAP] = STATS_MEMORY,
    [GROUP_UPTIME] = STATS_UPTIME,        [GROUP_USERS] = STATS_USERS,
    [GROUP_VMEM] = STATS_PAGING,
};

/* True for statistics whose valid part can be used when others are malformed:
 * see source_read_fn. */
static bool is_usable_in_part(enum stats_kind kind) {
  return kind == STATS_CPU || kind == STATS_DISKS || kind == STATS_INTERFACES ||
         kind == STATS_PAGING || kind == STATS_PRESSURE ||
         kind == STATS_PROCESSES;
}

/* The control groups that the configuration names, apart from our own. */
static int collect_named_groups(struct collectors *collectors,
                                struct error *error) {
  int code = read_stats_once(collectors, STATS_GROUPS, error);
  if (code == 0) {
    metrics_send_groups(&collectors->stats.groups,
                        &collectors->emitters[GROUP_CGROUP]);
  }
  return code;
}

/* Reads and sends one group. Returns 0 or negative errno with a text. */
static int collect_group(struct collectors *collectors,
                         enum statgrab_group group, struct error *error) {
  enum stats_kind kind = kind_of_group[group];
  int code = read_stats_once(collectors, kind, error);
  if (code == -EBADMSG && is_usable_in_part(kind)) {
    (void)read_rest_and_send_group(collectors, group, NULL);
    return code;
  }
  return code == 0 ? read_rest_and_send_group(collectors, group, error) : code;
}

/* ---- all groups ---- */

/* Some systems do not have these groups. That is logged only where the
 * configuration names the group. */
static bool is_silently_absent(const struct collectors *collectors,
                               enum statgrab_group group, int code) {
  bool is_optional = group == GROUP_PRESSURE || group == GROUP_CGROUP ||
                     group == GROUP_FHCOUNT;
  return is_optional && !statgrab_names_group(collectors->options, group) &&
         (code == -ENOENT || code == -EOPNOTSUPP);
}

/* Logs that a group cannot be read, or that it can again. */
static void log_group_result(struct collectors *collectors,
                             enum statgrab_group group, int code,
                             const struct error *error, int64_t now_ms) {
  struct log_complaint *complaint = &collectors->complaints[group];
  const char *name = statgrab_group_names[group];
  if (code == 0) {
    if (log_complaint_clear(complaint, now_ms, NULL)) {
      log_write(&collectors->log, LOG_LEVEL_NOTICE, "%s: can be read again",
                name);
    }
  } else if (!is_silently_absent(collectors, group, code) &&
             log_complaint_fail(complaint, now_ms)) {
    log_write(&collectors->log, LOG_LEVEL_WARNING,
              "%s: %s; values are left out, %llu times so far", name,
              error->text[0] == '\0' ? "not available on this system"
                                     : error->text,
              (unsigned long long)complaint->count);
  }
}

void collectors_collect_groups(struct collectors *collectors, int64_t now_ms) {
  begin_round(collectors);
  for (enum statgrab_group i = 0; i < GROUPS; i++) {
    if (i != GROUP_DF && statgrab_collects(collectors->options, i)) {
      struct error error = {{0}};
      int code = collect_group(collectors, i, &error);
      if (i == GROUP_CGROUP && collectors->group_names.len > 0) {
        code = collect_named_groups(collectors, &error);
      }
      log_group_result(collectors, i, code, &error, now_ms);
    }
  }
}

void collectors_collect_filesystems(struct collectors *collectors,
                                    int64_t now_ms, int64_t deadline_ms) {
  struct error error = {{0}};
  int code = filesystems_collect(collectors->filesystems, deadline_ms, &error);
  log_group_result(collectors, GROUP_DF, code, &error, now_ms);
}
