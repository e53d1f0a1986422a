/* SPDX-License-Identifier: MIT */
/* csv_recording: reads what collectd's csv plugin wrote, all series merged by
 * time. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/metric.h"
#include "ctl/check/types_db.h"

#define CSV_RECORDING_VALUES_MAX 16

struct csv_recording;

struct csv_recording_counts {
  size_t series;
  uint64_t readings;
  uint64_t bad_lines; /* skipped: not a complete reading */
};

/* Opens the csv plugin's DataDir: a directory for each host, in it one for each
 * plugin-instance, in it files type-instance-YYYY-MM-DD. Other files are
 * ignored.
 * types: the kind of each value (the plugin stores totals); NULL: the values
 * are rates (StoreRates true). Borrowed until the recording is closed.
 * *ret: yours, csv_recording_close().
 * Returns 0 or negative errno with a text; -ENOENT where there is no such
 * file. */
int csv_recording_open(const char *directory, const struct types_db *types,
                       struct csv_recording **ret, struct error *error);

/* The next reading of all series by time, borrowed until the next call.
 * Returns false at the end. */
bool csv_recording_read_next(struct csv_recording *recording,
                             struct reading *ret);

/* So far. Borrowed. */
const struct csv_recording_counts *
csv_recording_counts(const struct csv_recording *recording);

/* Accepts NULL. */
void csv_recording_close(struct csv_recording *recording);
