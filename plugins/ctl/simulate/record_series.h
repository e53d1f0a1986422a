/* SPDX-License-Identifier: MIT */
/* record_series: one series out of its files, a reading at a time. */
#ifndef CTL_SIMULATE_RECORD_SERIES_H
#define CTL_SIMULATE_RECORD_SERIES_H

#include <stdint.h>
#include <stdio.h>

#include "ctl/simulate/csv_recording.h"

#define RECORD_EPOCH_S_MAX 9e9 /* in 2255; nanoseconds end soon after */

struct record_point {
  int64_t at_ms;
  uint64_t values[RECORD_VALUES_MAX]; /* doubles or integers, by their kind */
};

/* Where a whisper file's newest archive stands. */
struct whisper {
  uint32_t offset, step_s, points; /* of the archive */
  uint32_t slot;                   /* the next one to read */
  uint32_t left;                   /* slots */
};

/* What Graphite told. */
struct render {
  struct render_point {
    int64_t at_ms;
    double value;
  } * points; /* owned */
  size_t len, next;
};

enum record_kind { RECORD_CSV, RECORD_WHISPER, RECORD_RENDER };

struct record_series {
  struct reading_names names;
  struct reading_source sources[RECORD_VALUES_MAX];
  size_t sources_len;
  char **paths; /* owned, in the order of time */
  size_t paths_len;
  size_t path; /* the next one to open */
  FILE *file;
  enum record_kind kind;
  struct whisper whisper;
  struct render render;
  char *line;
  size_t line_bytes;
  struct record_counts *counts; /* the whole record's */
  bool has_point;
  struct record_point point; /* the next one */
  int64_t gap_ms;            /* the smallest between two readings; 0: unknown */
};

/* Reads the next point into series->point; series->has_point: there is one. */
void record_series_read(struct record_series *series);

/* Likewise, from the file that is open, or from what was told. Return false at
 * its end. */
bool record_csv_read(struct record_series *series);
bool record_whisper_read(struct record_series *series);
bool record_render_read(struct record_series *series);

/* Looks at the header of the file just opened; 0 or -EINVAL: pass it over. */
int record_csv_begin(struct record_series *series);
int record_whisper_begin(struct record_series *series);

void record_series_free(struct record_series *series);

#endif
