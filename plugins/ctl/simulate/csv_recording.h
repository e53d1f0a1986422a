/* SPDX-License-Identifier: MIT */
/* csv_recording: readings that were kept: collectd's csv directories,
 * Graphite's whisper files and the answers of its render API; all series merged
 * by time.
 */
#ifndef CTL_SIMULATE_CSV_RECORDING_H
#define CTL_SIMULATE_CSV_RECORDING_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/metric.h"
#include "ctl/check/types_db.h"

#define RECORD_VALUES_MAX 16

struct record;

/* One reading; borrowed until the next one. */
struct record_reading {
  struct reading reading;
  int64_t at_ms; /* since the epoch */
};

struct record_counts {
  size_t series;
  uint64_t readings;
  uint64_t bytes, bytes_all; /* read so far, and of all files */
  uint64_t bad_lines;        /* passed over */
  uint64_t cut_files;        /* whisper files that end too early */
  uint64_t foreign_targets;  /* of Graphite, that are no series of collectd */
};

/* Where the readings are. All borrowed while the record is open. */
struct record_place {
  const char *path;             /* a directory, or a file of JSON */
  const struct types_db *types; /* what kind the csv's values are; NULL: they
                                   are rates already */
  const char *prefix;           /* of targets in JSON, before the host */
};

/* A directory holds one for each host, below it one for each plugin-instance,
 * in it type-instance-YYYY-MM-DD (csv) or type-instance.wsp or
 * type-instance/source.wsp (whisper).
 * *ret: yours, record_close().
 * Returns 0 or negative errno with a text; -ENOENT where nothing is found. */
int record_open(const struct record_place *at, struct record **ret,
                struct error *error);

/* The next reading of all series by time. Returns false at the end. */
bool record_next(struct record *record, struct record_reading *ret);

void record_get_counts(const struct record *record, struct record_counts *ret);

/* Accepts NULL. */
void record_close(struct record *record);

#endif
