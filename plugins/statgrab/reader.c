/* SPDX-License-Identifier: MIT */
/* reader: reads what is to be collected, and says what cannot be read. */
#include "statgrab/reader.h"

#include <errno.h>
#include <stdlib.h>

#include "core/log.h"
#include "statgrab/file_systems.h"

/* The groups belong to the thread of reader_read(), the file systems to that
 * of reader_read_file_systems(). */
struct reader {
  struct log_sink log;
  struct groups groups;
  struct complaint complaints[GROUPS];
  struct file_systems *file_systems;
};

int reader_new(const struct statgrab_options *options, sink_of_fn *sink_of,
               const struct log_sink *log, struct reader **ret_reader,
               struct error *error) {
  struct reader *reader = calloc(1, sizeof(*reader));
  if (reader == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  reader->log = *log;
  int code = groups_init(&reader->groups, options, sink_of, error);
  if (code == 0) {
    code = file_systems_new(options->df.items, &reader->groups.source,
                            options->root, &reader->groups.outlets[GROUP_DF],
                            log, &reader->file_systems, error);
  }
  if (code != 0) {
    (void)reader_free(reader, 0);
    return code;
  }
  *ret_reader = reader;
  return 0;
}

unsigned reader_free(struct reader *reader, int64_t deadline_ms) {
  if (reader == NULL) {
    return 0;
  }
  groups_fini(&reader->groups);
  unsigned left = file_systems_free(reader->file_systems, deadline_ms);
  free(reader);
  return left;
}

/* Some systems have no such thing; that is worth a word only to somebody who
 * asked for it by name. */
static bool is_absent(const struct reader *reader, enum statgrab_group group,
                      int code) {
  bool may_lack = group == GROUP_PRESSURE || group == GROUP_CGROUP ||
                  group == GROUP_FHCOUNT;
  return may_lack && !statgrab_names_group(reader->groups.options, group) &&
         (code == -ENOENT || code == -EOPNOTSUPP);
}

/* Says what is wrong with a group, or that it is over; true if it is well. */
static bool is_well(struct reader *reader, enum statgrab_group group, int code,
                    const struct error *error, int64_t now_ms) {
  struct complaint *complaint = &reader->complaints[group];
  const char *name = statgrab_group_names[group];
  if (code != 0) {
    if (!is_absent(reader, group, code) && complaint_fail(complaint, now_ms)) {
      log_write(&reader->log, LOG_LEVEL_WARNING,
                "%s: %s; values are left out, %llu times so far", name,
                error->text[0] == '\0' ? "this system does not tell"
                                       : error->text,
                (unsigned long long)complaint->count);
    }
    return false;
  }
  if (complaint_clear(complaint, now_ms, NULL)) {
    log_write(&reader->log, LOG_LEVEL_NOTICE, "%s: can be read again", name);
  }
  return true;
}

void reader_read(struct reader *reader, int64_t now_ms) {
  struct groups *groups = &reader->groups;
  groups_begin(groups);
  for (enum statgrab_group i = 0; i < GROUPS; i++) {
    if (i != GROUP_DF && statgrab_collects(groups->options, i)) {
      struct error error = {{0}};
      int code = groups_put(groups, i, &error);
      (void)is_well(reader, i, code, &error, now_ms);
    }
  }
}

void reader_read_file_systems(struct reader *reader, int64_t now_ms,
                              int64_t deadline_ms) {
  struct error error = {{0}};
  int code = file_systems_put(reader->file_systems, deadline_ms, &error);
  (void)is_well(reader, GROUP_DF, code, &error, now_ms);
}
