/* SPDX-License-Identifier: MIT */
/* record_parts: what the files of the record share among themselves. */
#ifndef CTL_SIMULATE_RECORD_PARTS_H
#define CTL_SIMULATE_RECORD_PARTS_H

#include "ctl/simulate/record_series.h"

struct record {
  const struct types_db *types;
  struct record_series **series; /* owned; a heap by the time of the next point
                                    once all is found */
  size_t len;
  size_t heap_len;
  struct record_counts counts;
  struct record_series *given; /* the one whose point was handed out */
  uint64_t values[RECORD_VALUES_MAX];
};

/* The series of that name, made if it is new; a whisper file and a target of
 * Graphite have one of its sources. NULL when memory is short. */
struct record_series *record_series_of(struct record *record,
                                       const struct reading_names *names,
                                       enum record_kind kind,
                                       const char *source);

/* Both add what they find to RECORD. Return 0, or negative errno with a text;
 * finding nothing is no failure. */
int record_find_files(struct record *record, const char *directory,
                      struct error *error);
int record_read_render(struct record *record, const char *path,
                       const char *prefix, struct error *error);

#endif
