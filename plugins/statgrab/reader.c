/* SPDX-License-Identifier: MIT */
/* reader: reads the groups that are asked for and puts their values out. */
#include "statgrab/reader.h"

#include <errno.h>
#include <stdlib.h>

#include "core/complaint.h"
#include "statgrab/collect.h"
#include "statgrab/cpu_facts.h"
#include "statgrab/cpu_values.h"
#include "statgrab/df_choice.h"
#include "statgrab/df_values.h"
#include "statgrab/load_values.h"
#include "statgrab/memory_values.h"
#include "statgrab/process_values.h"
#include "statgrab/source.h"
#include "statgrab/usage.h"

struct reader {
  const struct statgrab_options *options;
  struct report_sink log;
  struct source source;
  struct driver *driver;
  struct outlets outlets[GROUPS];
  struct complaint complaints[GROUPS];
  struct cpu_facts cpu;
  struct cpu_history cpu_history;
  /* file systems have a driver of their own: they are read by a thread of
   * their own */
  struct driver *df_driver;
  struct mount_table mounts;
  uint64_t mounts_generation; /* that the choice was made from */
  struct df_choice choice;
};

/* The system's own driver knows better than libstatgrab. */
static struct source best_source(void) {
  struct source best = driver_source;
  const struct source *other = &libstatgrab_source;
  best.read_memory = best.read_memory ? best.read_memory : other->read_memory;
  best.read_cpu = best.read_cpu ? best.read_cpu : other->read_cpu;
  best.read_load = best.read_load ? best.read_load : other->read_load;
  best.read_processes =
      best.read_processes ? best.read_processes : other->read_processes;
  best.read_mounts = best.read_mounts ? best.read_mounts : other->read_mounts;
  return best;
}

static void init_outlets(struct reader *reader, reader_sink_fn *sink_of) {
  const struct sample_sink own = sink_of("statgrab");
  for (size_t i = 0; i < GROUPS; i++) {
    const char *name = statgrab_group_names[i];
    struct outlets *outlets = &reader->outlets[i];
    outlets->own = (struct outlet){.sink = own, .prefix = name};
    outlets->common = outlets->own;
    outlets->is_native = reader->options->native_names;
    if (outlets->is_native) {
      outlets->common = (struct outlet){.sink = sink_of(name), .prefix = ""};
    }
  }
}

int reader_new(const struct statgrab_options *options, reader_sink_fn *sink_of,
               const struct report_sink *log, struct reader **ret_reader,
               struct error *error) {
  struct reader *reader = calloc(1, sizeof(*reader));
  if (reader == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  reader->options = options;
  reader->log = *log;
  reader->source = best_source();
  init_outlets(reader, sink_of);
  int code = driver_new(options->root, &reader->driver, error);
  if (code == 0) {
    code = driver_new(options->root, &reader->df_driver, error);
  }
  if (code == 0) {
    code = df_choice_init(&reader->choice, options->df.items, error);
  }
  if (code != 0) {
    reader_free(reader);
    return code;
  }
  *ret_reader = reader;
  return 0;
}

void reader_free(struct reader *reader) {
  if (reader == NULL) {
    return;
  }
  driver_free(reader->driver);
  driver_free(reader->df_driver);
  cpu_facts_fini(&reader->cpu);
  cpu_history_fini(&reader->cpu_history);
  mount_table_fini(&reader->mounts);
  df_choice_fini(&reader->choice);
  free(reader);
}

/* Says what went wrong with a group, or that it is over; true if it is well. */
static bool is_well(struct reader *reader, enum statgrab_group group, int code,
                    const struct error *error, int64_t now_ms) {
  struct complaint *complaint = &reader->complaints[group];
  const char *name = statgrab_group_names[group];
  if (code != 0) {
    if (complaint_fail(complaint, now_ms)) {
      report(&reader->log, REPORT_WARNING,
             "%s: %s; its values are left out (%llu times so far)", name,
             error->text, (unsigned long long)complaint->count);
    }
    return false;
  }
  if (complaint_clear(complaint, now_ms, NULL)) {
    report(&reader->log, REPORT_NOTICE, "%s: can be read again", name);
  }
  return true;
}

static void read_memory(struct reader *reader, int64_t now_ms) {
  struct memory_facts facts;
  struct error error = {{0}};
  int code = reader->source.read_memory(reader->driver, &facts, &error);
  if (is_well(reader, GROUP_MEMORY, code, &error, now_ms)) {
    memory_put(&facts, reader->options->memory.items,
               &reader->outlets[GROUP_MEMORY]);
  }
}

/* True if the facts are there; load and processes want some of them, too. */
static bool read_cpu(struct reader *reader, int64_t now_ms) {
  struct error error = {{0}};
  int code = reader->source.read_cpu(reader->driver, &reader->cpu, &error);
  if (!is_well(reader, GROUP_CPU, code, &error, now_ms)) {
    return false;
  }
  if (statgrab_collects(reader->options, GROUP_CPU)) {
    cpu_put(&reader->cpu, reader->options->cpu.items,
            &reader->outlets[GROUP_CPU], &reader->cpu_history);
  }
  return true;
}

static void read_load(struct reader *reader, uint64_t cores, int64_t now_ms) {
  struct load_facts facts;
  struct error error = {{0}};
  int code = reader->source.read_load(reader->driver, &facts, &error);
  if (is_well(reader, GROUP_LOAD, code, &error, now_ms)) {
    load_put(&facts, cores == FACT_UNKNOWN ? 0 : (double)cores,
             reader->options->load.items, &reader->outlets[GROUP_LOAD]);
  }
}

static void read_processes(struct reader *reader, uint64_t forks,
                           int64_t now_ms) {
  const struct processes_options *options = reader->options->processes.items;
  struct process_facts facts;
  struct error error = {{0}};
  int code = reader->source.read_processes(
      reader->driver, options->report_by_state, &facts, &error);
  if (is_well(reader, GROUP_PROCESSES, code, &error, now_ms)) {
    processes_put(&facts, forks, &reader->outlets[GROUP_PROCESSES]);
  }
}

void reader_read(struct reader *reader, int64_t now_ms) {
  const struct statgrab_options *options = reader->options;
  bool has_load = statgrab_collects(options, GROUP_LOAD);
  bool has_processes = statgrab_collects(options, GROUP_PROCESSES);
  bool has_cpu =
      has_load || has_processes || statgrab_collects(options, GROUP_CPU);
  if (statgrab_collects(options, GROUP_MEMORY)) {
    read_memory(reader, now_ms);
  }
  has_cpu = has_cpu && read_cpu(reader, now_ms);
  if (has_load) {
    read_load(reader, has_cpu ? reader->cpu.online : FACT_UNKNOWN, now_ms);
  }
  if (has_processes) {
    read_processes(reader, has_cpu ? reader->cpu.forks : FACT_UNKNOWN, now_ms);
  }
}

static int choose(struct reader *reader, struct error *error) {
  int code =
      reader->source.read_mounts(reader->df_driver, &reader->mounts, error);
  if (code == 0 && reader->mounts_generation != reader->mounts.generation) {
    code = df_choice_make(&reader->choice, &reader->mounts, error);
    reader->mounts_generation = reader->mounts.generation;
  }
  return code;
}

void reader_read_file_systems(struct reader *reader, int64_t now_ms) {
  struct error error = {{0}};
  int code = choose(reader, &error);
  if (!is_well(reader, GROUP_DF, code, &error, now_ms)) {
    return;
  }
  for (size_t i = 0; i < reader->choice.items_len; i++) {
    const struct df_item *item = &reader->choice.items[i];
    struct mount *mount = &reader->mounts.rows[item->row];
    if (usage_read(mount->path, &mount->usage) == 0) {
      df_put(&mount->usage, item->name, reader->options->df.items,
             &reader->outlets[GROUP_DF]);
    }
  }
}
