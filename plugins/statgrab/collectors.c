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

/* Statistics that several groups use are read once a round. */
enum shared_stats {
  SHARED_CGROUP,
  SHARED_CPU,
  SHARED_MEMORY,
  SHARED_PAGING,
  SHARED_STATS,
};

struct shared_read {
  bool is_done; /* in this round */
  int code;
  struct error error;
};

/* The file systems and their complaint belong to the thread of
 * collectors_read_filesystems(), the rest to that of collectors_read(). */
struct collectors {
  const struct statgrab_options *options; /* borrowed */
  struct log_sink log;
  struct source source;
  struct source_driver *driver; /* owned */
  uint64_t page_bytes;
  struct emitter emitters[GROUPS];
  struct emitter contextswitch; /* a plugin of its own in collectd */
  struct complaint complaints[GROUPS];
  struct filesystems *filesystems;

  struct shared_read shared[SHARED_STATS];
  struct stats_cgroup cgroup;
  struct stats_cpu cpu;
  struct stats_memory memory;
  struct stats_paging paging;

  struct metrics_cpu_history cpu_history;
  struct stats_disk_table disks;
  struct ignorelist disk_names;
  struct stats_interface_table interfaces;
  struct ignorelist interface_names;
};

/* ---- life cycle ---- */

#define USE_LIBSTATGRAB(FUNCTION)                                              \
  best.FUNCTION =                                                              \
      best.FUNCTION != NULL ? best.FUNCTION : source_libstatgrab.FUNCTION

/* The driver's functions, and libstatgrab's for what the driver has not. */
static struct source choose_source(const char *root) {
  struct source best = source_driver_functions(root);
  best.mounts_have_usage =
      best.read_mounts == NULL && source_libstatgrab.mounts_have_usage;
  USE_LIBSTATGRAB(read_cpu);
  USE_LIBSTATGRAB(read_disks);
  USE_LIBSTATGRAB(read_interfaces);
  USE_LIBSTATGRAB(read_links);
  USE_LIBSTATGRAB(read_load);
  USE_LIBSTATGRAB(read_memory);
  USE_LIBSTATGRAB(read_mounts);
  USE_LIBSTATGRAB(read_paging);
  USE_LIBSTATGRAB(read_processes);
  USE_LIBSTATGRAB(read_uptime);
  USE_LIBSTATGRAB(read_users);
  return best;
}

/* native: the name of collectd's plugin for the same values. */
static struct emitter make_emitter(const char *native, const char *prefix,
                                   bool is_native,
                                   collectors_sink_fn *sink_of) {
  struct emitter emitter = {
      .own = {.sink = sink_of("statgrab"), .prefix = prefix},
      .is_native = is_native,
  };
  emitter.common = emitter.own;
  if (is_native) {
    emitter.common =
        (struct emitter_sink){.sink = sink_of(native), .prefix = ""};
  }
  return emitter;
}

int collectors_new(const struct statgrab_options *options,
                   collectors_sink_fn *sink_of, const struct log_sink *log,
                   struct collectors **ret_collectors, struct error *error) {
  const struct disk_options *disk = options->disk.items;
  const struct interface_options *interface = options->interface.items;
  struct collectors *collectors = calloc(1, sizeof(*collectors));
  if (collectors == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  collectors->options = options;
  collectors->log = *log;
  collectors->source = choose_source(options->root);
  collectors->page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
  collectors->contextswitch =
      make_emitter("contextswitch", "cpu", options->native_names, sink_of);
  for (enum statgrab_group i = 0; i < GROUPS; i++) {
    const char *name = statgrab_group_names[i];
    bool is_one_value = i == GROUP_UPTIME || i == GROUP_USERS;
    collectors->emitters[i] = make_emitter(name, is_one_value ? "" : name,
                                           options->native_names, sink_of);
  }
  int code = source_driver_new(options->root, &collectors->driver, error);
  if (code == 0) {
    code = ignorelist_init(&collectors->disk_names, &disk->disks, error);
  }
  if (code == 0) {
    code = ignorelist_init(&collectors->interface_names, &interface->interfaces,
                           error);
  }
  if (code == 0) {
    code = filesystems_new(options->df.items, &collectors->source,
                           options->root, &collectors->emitters[GROUP_DF], log,
                           &collectors->filesystems, error);
  }
  if (code != 0) {
    (void)collectors_free(collectors, 0);
    return code;
  }
  *ret_collectors = collectors;
  return 0;
}

unsigned collectors_free(struct collectors *collectors, int64_t deadline_ms) {
  if (collectors == NULL) {
    return 0;
  }
  unsigned abandoned = filesystems_free(collectors->filesystems, deadline_ms);
  source_driver_free(collectors->driver);
  stats_cpu_fini(&collectors->cpu);
  metrics_cpu_history_fini(&collectors->cpu_history);
  stats_disk_table_fini(&collectors->disks);
  ignorelist_fini(&collectors->disk_names);
  stats_interface_table_fini(&collectors->interfaces);
  ignorelist_fini(&collectors->interface_names);
  free(collectors);
  return abandoned;
}

/* ---- statistics that several groups use ---- */

static int read_shared_stats(struct collectors *collectors,
                             enum shared_stats which, struct error *error) {
  const struct source *source = &collectors->source;
  switch (which) {
  case SHARED_CGROUP:
    return source->read_cgroup == NULL
               ? -ENOTSUP
               : source->read_cgroup(collectors->driver, &collectors->cgroup,
                                     error);
  case SHARED_CPU:
    return source->read_cpu(collectors->driver, &collectors->cpu, error);
  case SHARED_MEMORY:
    return source->read_memory(collectors->driver, &collectors->memory, error);
  case SHARED_PAGING:
    return source->read_paging(collectors->driver, &collectors->paging, error);
  case SHARED_STATS:
    break;
  }
  return -ENOTSUP;
}

/* Reads the statistics where no other group has in this round. Returns the code
 * of that read, and its text where ERROR is not NULL. */
static int need_stats(struct collectors *collectors, enum shared_stats which,
                      struct error *error) {
  struct shared_read *shared = &collectors->shared[which];
  if (!shared->is_done) {
    shared->error.text[0] = '\0';
    shared->code = read_shared_stats(collectors, which, &shared->error);
    shared->is_done = true;
  }
  if (shared->code != 0 && error != NULL) {
    *error = shared->error;
  }
  return shared->code;
}

/* Returns the processors that collectd itself may use; NaN if unknown. */
static double find_usable_processors(struct collectors *collectors) {
  bool has_cpu = source_has_data(need_stats(collectors, SHARED_CPU, NULL));
  bool has_cgroup = need_stats(collectors, SHARED_CGROUP, NULL) == 0;
  return metrics_usable_processors(
      has_cpu ? collectors->cpu.online : STATS_UNKNOWN,
      has_cgroup ? collectors->cgroup.affinity : STATS_UNKNOWN,
      has_cgroup ? collectors->cgroup.cpu_quota : (double)NAN);
}

/* ---- one function for each group ---- */

static int collect_cgroup(struct collectors *collectors, struct error *error) {
  int code = need_stats(collectors, SHARED_CGROUP, error);
  if (code == 0) {
    metrics_send_cgroup(&collectors->cgroup, find_usable_processors(collectors),
                        &collectors->emitters[GROUP_CGROUP]);
  }
  return code;
}

static int collect_cpu(struct collectors *collectors, struct error *error) {
  int code = need_stats(collectors, SHARED_CPU, error);
  if (source_has_data(code)) {
    metrics_send_cpu(&collectors->cpu, collectors->options->cpu.items,
                     &collectors->emitters[GROUP_CPU],
                     &collectors->cpu_history);
    emitter_send_counter(&collectors->contextswitch.common, "", "contextswitch",
                         "", collectors->cpu.context_switches);
  }
  return code;
}

static int collect_disks(struct collectors *collectors, struct error *error) {
  int code = collectors->source.read_disks(collectors->driver,
                                           &collectors->disks, error);
  if (source_has_data(code)) {
    metrics_send_disks(&collectors->disks, collectors->options->disk.items,
                       &collectors->disk_names,
                       &collectors->emitters[GROUP_DISK]);
  }
  return code;
}

static int collect_handles(struct collectors *collectors, struct error *error) {
  struct stats_handles stats;
  if (collectors->source.read_handles == NULL) {
    return -ENOTSUP;
  }
  int code = collectors->source.read_handles(collectors->driver, &stats, error);
  if (code == 0) {
    metrics_send_handles(&stats, collectors->options->fhcount.items,
                         &collectors->emitters[GROUP_FHCOUNT]);
  }
  return code;
}

/* Without the links' state the counters are still valid. */
static int collect_interfaces(struct collectors *collectors,
                              struct error *error) {
  struct stats_interface_table *table = &collectors->interfaces;
  int code =
      collectors->source.read_interfaces(collectors->driver, table, error);
  if (source_has_data(code)) {
    (void)collectors->source.read_links(collectors->driver, table, NULL);
    metrics_send_interfaces(table, collectors->options->interface.items,
                            &collectors->interface_names,
                            &collectors->emitters[GROUP_INTERFACE]);
  }
  return code;
}

static int collect_load(struct collectors *collectors, struct error *error) {
  const struct load_options *options = collectors->options->load.items;
  struct stats_load stats;
  int code = collectors->source.read_load(collectors->driver, &stats, error);
  if (code != 0) {
    return code;
  }
  double cores = 0;
  if (options->cores == CORES_USABLE) {
    cores = find_usable_processors(collectors);
  } else if (source_has_data(need_stats(collectors, SHARED_CPU, NULL)) &&
             collectors->cpu.online != STATS_UNKNOWN) {
    cores = (double)collectors->cpu.online;
  }
  metrics_send_load(&stats, cores, options, &collectors->emitters[GROUP_LOAD]);
  return 0;
}

static int collect_memory(struct collectors *collectors, struct error *error) {
  int code = need_stats(collectors, SHARED_MEMORY, error);
  if (code == 0) {
    metrics_send_memory(&collectors->memory, collectors->options->memory.items,
                        &collectors->emitters[GROUP_MEMORY]);
  }
  return code;
}

static int collect_pressure(struct collectors *collectors,
                            struct error *error) {
  struct stats_pressure stats;
  if (collectors->source.read_pressure == NULL) {
    return -ENOTSUP;
  }
  int code =
      collectors->source.read_pressure(collectors->driver, &stats, error);
  if (source_has_data(code)) {
    metrics_send_pressure(&stats, &collectors->emitters[GROUP_PRESSURE]);
  }
  return code;
}

static int collect_processes(struct collectors *collectors,
                             struct error *error) {
  const struct processes_options *options =
      collectors->options->processes.items;
  struct stats_processes stats;
  int code = collectors->source.read_processes(
      collectors->driver, options->report_by_state, &stats, error);
  if (code != 0) {
    return code;
  }
  bool has_forks = source_has_data(need_stats(collectors, SHARED_CPU, NULL));
  metrics_send_processes(&stats,
                         has_forks ? collectors->cpu.forks : STATS_UNKNOWN,
                         &collectors->emitters[GROUP_PROCESSES]);
  return stats.hidden == 0 ? 0
                           : error_set(error, -EPERM,
                                       "%llu of %llu may not be seen (hidepid)",
                                       (unsigned long long)stats.hidden,
                                       (unsigned long long)stats.count);
}

static int collect_swap(struct collectors *collectors, struct error *error) {
  const struct swap_options *options = collectors->options->swap.items;
  const struct emitter *emitter = &collectors->emitters[GROUP_SWAP];
  int code = need_stats(collectors, SHARED_MEMORY, error);
  if (code != 0) {
    return code;
  }
  bool has_size = metrics_send_swap(&collectors->memory, options, emitter);
  if (options->report_io) {
    code = need_stats(collectors, SHARED_PAGING, error);
    if (source_has_data(code)) { /* other paging counters may be missing */
      metrics_send_swap_io(&collectors->paging, collectors->page_bytes, options,
                           emitter);
      code = 0;
    }
  }
  return has_size ? code : error_set(error, -EBADMSG, "has no known size");
}

static int collect_uptime(struct collectors *collectors, struct error *error) {
  double uptime_s;
  int code =
      collectors->source.read_uptime(collectors->driver, &uptime_s, error);
  if (code == 0) {
    emitter_send_gauge(&collectors->emitters[GROUP_UPTIME].common, "", "uptime",
                       "", uptime_s);
  }
  return code;
}

static int collect_users(struct collectors *collectors, struct error *error) {
  uint64_t users;
  int code = collectors->source.read_users(collectors->driver, &users, error);
  if (code == 0) {
    emitter_send_amount(&collectors->emitters[GROUP_USERS].common, "", "users",
                        "", users);
  }
  return code;
}

static int collect_paging(struct collectors *collectors, struct error *error) {
  int code = need_stats(collectors, SHARED_PAGING, error);
  if (source_has_data(code)) {
    metrics_send_paging(&collectors->paging, &collectors->emitters[GROUP_VMEM]);
  }
  return code;
}

/* ---- all groups ---- */

/* Begins a round: shared statistics are read again. */
static void begin_round(struct collectors *collectors) {
  for (size_t i = 0; i < SHARED_STATS; i++) {
    collectors->shared[i].is_done = false;
  }
}

static int collect_group(struct collectors *collectors,
                         enum statgrab_group group, struct error *error) {
  static int (*const functions[GROUPS])(struct collectors *, struct error *) = {
      [GROUP_CGROUP] = collect_cgroup,
      [GROUP_CPU] = collect_cpu,
      [GROUP_DISK] = collect_disks,
      [GROUP_FHCOUNT] = collect_handles,
      [GROUP_INTERFACE] = collect_interfaces,
      [GROUP_LOAD] = collect_load,
      [GROUP_MEMORY] = collect_memory,
      [GROUP_PRESSURE] = collect_pressure,
      [GROUP_PROCESSES] = collect_processes,
      [GROUP_SWAP] = collect_swap,
      [GROUP_UPTIME] = collect_uptime,
      [GROUP_USERS] = collect_users,
      [GROUP_VMEM] = collect_paging,
  };
  return functions[group] == NULL ? 0 : functions[group](collectors, error);
}

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
  struct complaint *complaint = &collectors->complaints[group];
  const char *name = statgrab_group_names[group];
  if (code == 0) {
    if (complaint_clear(complaint, now_ms, NULL)) {
      log_write(&collectors->log, LOG_LEVEL_NOTICE, "%s: can be read again",
                name);
    }
  } else if (!is_silently_absent(collectors, group, code) &&
             complaint_fail(complaint, now_ms)) {
    log_write(&collectors->log, LOG_LEVEL_WARNING,
              "%s: %s; values are left out, %llu times so far", name,
              error->text[0] == '\0' ? "not available on this system"
                                     : error->text,
              (unsigned long long)complaint->count);
  }
}

int collectors_read_group(struct collectors *collectors,
                          enum statgrab_group group, struct error *error) {
  begin_round(collectors);
  return collect_group(collectors, group, error);
}

void collectors_read(struct collectors *collectors, int64_t now_ms) {
  begin_round(collectors);
  for (enum statgrab_group i = 0; i < GROUPS; i++) {
    if (i != GROUP_DF && statgrab_collects(collectors->options, i)) {
      struct error error = {{0}};
      int code = collect_group(collectors, i, &error);
      log_group_result(collectors, i, code, &error, now_ms);
    }
  }
}

void collectors_read_filesystems(struct collectors *collectors, int64_t now_ms,
                                 int64_t deadline_ms) {
  struct error error = {{0}};
  int code = filesystems_read(collectors->filesystems, deadline_ms, &error);
  log_group_result(collectors, GROUP_DF, code, &error, now_ms);
}
