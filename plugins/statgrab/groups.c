/* SPDX-License-Identifier: MIT */
/* groups: each group of values, from its facts to its outlets. */
#include "statgrab/groups.h"

#include <errno.h>
#include <math.h>
#include <unistd.h>

#include "statgrab/collect.h"
#include "statgrab/device_values.h"
#include "statgrab/load_values.h"
#include "statgrab/memory_values.h"
#include "statgrab/pressure_values.h"
#include "statgrab/process_values.h"
#include "statgrab/swap_values.h"
#include "statgrab/tables.h"

/* ---- set-up ---- */

#define BETTER(FACTS)                                                          \
  best.FACTS = best.FACTS != NULL ? best.FACTS : libstatgrab_source.FACTS

struct source groups_best_source(const char *root) {
  struct source best = *driver_source(root);
  best.asks_file_systems =
      best.read_mounts == NULL && libstatgrab_source.asks_file_systems;
  BETTER(read_cpu);
  BETTER(read_disks);
  BETTER(read_interfaces);
  BETTER(read_links);
  BETTER(read_load);
  BETTER(read_memory);
  BETTER(read_mounts);
  BETTER(read_paging);
  BETTER(read_processes);
  BETTER(read_uptime);
  BETTER(read_users);
  return best;
}

static struct outlets outlets_of(const char *native, const char *prefix,
                                 bool is_native, sink_of_fn *sink_of) {
  struct outlets outlets = {
      .own = {.sink = sink_of("statgrab"), .prefix = prefix},
      .is_native = is_native,
  };
  outlets.common = outlets.own;
  if (is_native) {
    outlets.common = (struct outlet){.sink = sink_of(native), .prefix = ""};
  }
  return outlets;
}

int groups_init(struct groups *groups, const struct statgrab_options *options,
                sink_of_fn *sink_of, struct error *error) {
  const struct disk_options *disk = options->disk.items;
  const struct interface_options *interface = options->interface.items;
  bool is_native = options->native_names;
  *groups = (struct groups){
      .options = options,
      .source = groups_best_source(options->root),
      .page_bytes = (uint64_t)sysconf(_SC_PAGESIZE),
      .contextswitch = outlets_of("contextswitch", "cpu", is_native, sink_of),
  };
  for (enum statgrab_group i = 0; i < GROUPS; i++) {
    const char *name = statgrab_group_names[i];
    bool is_single = i == GROUP_UPTIME || i == GROUP_USERS;
    groups->outlets[i] =
        outlets_of(name, is_single ? "" : name, is_native, sink_of);
  }
  int code = driver_new(options->root, &groups->driver, error);
  if (code == 0) {
    code = selection_init(&groups->disk_selection, &disk->disks, error);
  }
  if (code == 0) {
    code = selection_init(&groups->interface_selection, &interface->interfaces,
                          error);
  }
  return code;
}

void groups_fini(struct groups *groups) {
  driver_free(groups->driver);
  cpu_facts_fini(&groups->cpu);
  cpu_history_fini(&groups->cpu_history);
  disk_table_fini(&groups->disks);
  selection_fini(&groups->disk_selection);
  interface_table_fini(&groups->interfaces);
  selection_fini(&groups->interface_selection);
  *groups = (struct groups){0};
}

void groups_begin(struct groups *groups) {
  groups->has_cgroup.is_read = false;
  groups->has_cpu.is_read = false;
  groups->has_memory.is_read = false;
  groups->has_paging.is_read = false;
}

/* ---- facts that several groups use ---- */

/* True if the facts are to be read; else what the first to ask got stands. */
static bool is_first(struct shared *shared) {
  bool is_first = !shared->is_read;
  if (is_first) {
    *shared = (struct shared){.is_read = true};
  }
  return is_first;
}

static int hand_on(const struct shared *shared, struct error *error) {
  if (shared->code != 0 && error != NULL) {
    *error = shared->error;
  }
  return shared->code;
}

static int need_cpu(struct groups *groups, struct error *error) {
  struct shared *shared = &groups->has_cpu;
  if (is_first(shared)) {
    shared->code =
        groups->source.read_cpu(groups->driver, &groups->cpu, &shared->error);
  }
  return hand_on(shared, error);
}

static int need_memory(struct groups *groups, struct error *error) {
  struct shared *shared = &groups->has_memory;
  if (is_first(shared)) {
    shared->code = groups->source.read_memory(groups->driver, &groups->memory,
                                              &shared->error);
  }
  return hand_on(shared, error);
}

static int need_paging(struct groups *groups, struct error *error) {
  struct shared *shared = &groups->has_paging;
  if (is_first(shared)) {
    shared->code = groups->source.read_paging(groups->driver, &groups->paging,
                                              &shared->error);
  }
  return hand_on(shared, error);
}

static int need_cgroup(struct groups *groups, struct error *error) {
  if (groups->source.read_cgroup == NULL) {
    return -ENOTSUP;
  }
  struct shared *shared = &groups->has_cgroup;
  if (is_first(shared)) {
    shared->code = groups->source.read_cgroup(groups->driver, &groups->cgroup,
                                              &shared->error);
  }
  return hand_on(shared, error);
}

/* Processors that collectd itself may use; NaN where nothing is known. */
static double usable(struct groups *groups) {
  bool has_cpu = source_has_told(need_cpu(groups, NULL));
  bool has_cgroup = need_cgroup(groups, NULL) == 0;
  return usable_processors(has_cpu ? groups->cpu.online : FACT_UNKNOWN,
                           has_cgroup ? groups->cgroup.affinity : FACT_UNKNOWN,
                           has_cgroup ? groups->cgroup.cpu_quota : (double)NAN);
}

/* ---- the groups ---- */

static int put_cgroup(struct groups *groups, struct error *error) {
  int code = need_cgroup(groups, error);
  if (code == 0) {
    cgroup_put(&groups->cgroup, usable(groups), &groups->outlets[GROUP_CGROUP]);
  }
  return code;
}

static int put_cpu(struct groups *groups, struct error *error) {
  int code = need_cpu(groups, error);
  if (source_has_told(code)) {
    cpu_put(&groups->cpu, groups->options->cpu.items,
            &groups->outlets[GROUP_CPU], &groups->cpu_history);
    outlet_put_counter(&groups->contextswitch.common, "", "contextswitch", "",
                       groups->cpu.context_switches);
  }
  return code;
}

static int put_disk(struct groups *groups, struct error *error) {
  int code = groups->source.read_disks(groups->driver, &groups->disks, error);
  if (source_has_told(code)) {
    disks_put(&groups->disks, groups->options->disk.items,
              &groups->disk_selection, &groups->outlets[GROUP_DISK]);
  }
  return code;
}

static int put_fhcount(struct groups *groups, struct error *error) {
  struct handle_facts facts;
  if (groups->source.read_handles == NULL) {
    return -ENOTSUP;
  }
  int code = groups->source.read_handles(groups->driver, &facts, error);
  if (code == 0) {
    handles_put(&facts, groups->options->fhcount.items,
                &groups->outlets[GROUP_FHCOUNT]);
  }
  return code;
}

static int put_interface(struct groups *groups, struct error *error) {
  struct interface_table *table = &groups->interfaces;
  int code = groups->source.read_interfaces(groups->driver, table, error);
  if (source_has_told(code)) {
    /* without links the counters are as good as before */
    (void)groups->source.read_links(groups->driver, table, NULL);
    interfaces_put(table, groups->options->interface.items,
                   &groups->interface_selection,
                   &groups->outlets[GROUP_INTERFACE]);
  }
  return code;
}

static int put_load(struct groups *groups, struct error *error) {
  const struct load_options *options = groups->options->load.items;
  struct load_facts facts;
  int code = groups->source.read_load(groups->driver, &facts, error);
  if (code != 0) {
    return code;
  }
  double cores = 0;
  if (options->cores == CORES_USABLE) {
    cores = usable(groups);
  } else if (source_has_told(need_cpu(groups, NULL)) &&
             groups->cpu.online != FACT_UNKNOWN) {
    cores = (double)groups->cpu.online;
  }
  load_put(&facts, cores, options, &groups->outlets[GROUP_LOAD]);
  return 0;
}

static int put_memory(struct groups *groups, struct error *error) {
  int code = need_memory(groups, error);
  if (code == 0) {
    memory_put(&groups->memory, groups->options->memory.items,
               &groups->outlets[GROUP_MEMORY]);
  }
  return code;
}

static int put_pressure(struct groups *groups, struct error *error) {
  struct pressure_facts facts;
  if (groups->source.read_pressure == NULL) {
    return -ENOTSUP;
  }
  int code = groups->source.read_pressure(groups->driver, &facts, error);
  if (source_has_told(code)) {
    pressure_put(&facts, &groups->outlets[GROUP_PRESSURE]);
  }
  return code;
}

static int put_processes(struct groups *groups, struct error *error) {
  const struct processes_options *options = groups->options->processes.items;
  struct process_facts facts;
  int code = groups->source.read_processes(
      groups->driver, options->report_by_state, &facts, error);
  if (code == 0) {
    bool has_forks = source_has_told(need_cpu(groups, NULL));
    processes_put(&facts, has_forks ? groups->cpu.forks : FACT_UNKNOWN,
                  &groups->outlets[GROUP_PROCESSES]);
    if (facts.hidden > 0) {
      code = error_set(error, -EPERM, "%llu of %llu may not be seen (hidepid)",
                       (unsigned long long)facts.hidden,
                       (unsigned long long)facts.count);
    }
  }
  return code;
}

static int put_swap(struct groups *groups, struct error *error) {
  const struct swap_options *options = groups->options->swap.items;
  const struct outlets *outlets = &groups->outlets[GROUP_SWAP];
  int code = need_memory(groups, error);
  if (code != 0) {
    return code;
  }
  bool has_space = swap_put(&groups->memory, options, outlets);
  code = options->report_io ? need_paging(groups, error) : 0;
  if (options->report_io && source_has_told(code)) {
    swap_put_io(&groups->paging, groups->page_bytes, options, outlets);
    code = 0; /* what it may lack is of no interest here */
  }
  return has_space ? code : error_set(error, -EBADMSG, "has no known size");
}

static int put_uptime(struct groups *groups, struct error *error) {
  double uptime_s;
  int code = groups->source.read_uptime(groups->driver, &uptime_s, error);
  if (code == 0) {
    outlet_put(&groups->outlets[GROUP_UPTIME].common, "", "uptime", "",
               uptime_s);
  }
  return code;
}

static int put_users(struct groups *groups, struct error *error) {
  uint64_t users;
  int code = groups->source.read_users(groups->driver, &users, error);
  if (code == 0) {
    outlet_put_amount(&groups->outlets[GROUP_USERS].common, "", "users", "",
                      users);
  }
  return code;
}

static int put_vmem(struct groups *groups, struct error *error) {
  int code = need_paging(groups, error);
  if (source_has_told(code)) {
    paging_put(&groups->paging, &groups->outlets[GROUP_VMEM]);
  }
  return code;
}

int groups_put(struct groups *groups, enum statgrab_group group,
               struct error *error) {
  static int (*const rows[GROUPS])(struct groups *, struct error *) = {
      [GROUP_CGROUP] = put_cgroup,       [GROUP_CPU] = put_cpu,
      [GROUP_DISK] = put_disk,           [GROUP_FHCOUNT] = put_fhcount,
      [GROUP_INTERFACE] = put_interface, [GROUP_LOAD] = put_load,
      [GROUP_MEMORY] = put_memory,       [GROUP_PRESSURE] = put_pressure,
      [GROUP_PROCESSES] = put_processes, [GROUP_SWAP] = put_swap,
      [GROUP_UPTIME] = put_uptime,       [GROUP_USERS] = put_users,
      [GROUP_VMEM] = put_vmem,
  };
  return rows[group] == NULL ? 0 : rows[group](groups, error);
}
