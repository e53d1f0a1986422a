/* SPDX-License-Identifier: MIT */
/* record_whisper: a file of Graphite's whisper: a header, archives of rings of
 * points, the finest first; numbers are big-endian. */
#include <endian.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "ctl/simulate/record_series.h"

#define HEADER_BYTES 16  /* aggregation, retention, factor, archives */
#define ARCHIVE_BYTES 12 /* offset, seconds a point, points */
#define POINT_BYTES 12   /* time, value */
#define POINTS_MAX (1U << 28)

static uint32_t number_at(const unsigned char *bytes) {
  uint32_t number;
  memcpy(&number, bytes, sizeof(number));
  return be32toh(number);
}

/* Fills one slot's point. Returns false where the file ends too early. */
static bool read_slot(struct record_series *series, uint32_t *ret_time_s,
                      double *ret_value) {
  unsigned char bytes[POINT_BYTES];
  if (fread(bytes, sizeof(bytes), 1, series->file) != 1) {
    return false;
  }
  uint64_t raw;
  memcpy(&raw, bytes + 4, sizeof(raw));
  raw = be64toh(raw);
  memcpy(ret_value, &raw, sizeof(raw));
  *ret_time_s = number_at(bytes);
  return true;
}

/* The ring begins behind its newest point. Returns false for a file that is
 * too short. */
static bool find_newest(struct record_series *series) {
  struct whisper *whisper = &series->whisper;
  uint32_t newest_s = 0;
  if (fseek(series->file, (long)whisper->offset, SEEK_SET) != 0) {
    return false;
  }
  for (uint32_t i = 0; i < whisper->points; i++) {
    uint32_t time_s;
    double unused;
    if (!read_slot(series, &time_s, &unused)) {
      return false;
    }
    if (time_s > newest_s) {
      newest_s = time_s;
      whisper->slot = (i + 1) % whisper->points;
    }
  }
  whisper->left = whisper->points;
  return fseek(series->file,
               (long)whisper->offset + (long)whisper->slot * POINT_BYTES,
               SEEK_SET) == 0;
}

int record_whisper_begin(struct record_series *series) {
  unsigned char header[HEADER_BYTES + ARCHIVE_BYTES];
  struct whisper *whisper = &series->whisper;
  *whisper = (struct whisper){0};
  if (fread(header, sizeof(header), 1, series->file) != 1) {
    series->counts->cut_files++;
    return -EINVAL;
  }
  whisper->offset = number_at(header + HEADER_BYTES);
  whisper->step_s = number_at(header + HEADER_BYTES + 4);
  whisper->points = number_at(header + HEADER_BYTES + 8);
  if (number_at(header + 12) == 0 || whisper->step_s == 0 ||
      whisper->points == 0 || whisper->points > POINTS_MAX ||
      !find_newest(series)) {
    series->counts->cut_files++;
    return -EINVAL;
  }
  return 0;
}

bool record_whisper_read(struct record_series *series) {
  struct whisper *whisper = &series->whisper;
  while (whisper->left > 0) {
    uint32_t time_s;
    double value;
    if (!read_slot(series, &time_s, &value)) {
      return false;
    }
    series->counts->bytes += POINT_BYTES;
    whisper->left--;
    whisper->slot++;
    if (whisper->slot == whisper->points) {
      whisper->slot = 0;
      (void)fseek(series->file, (long)whisper->offset, SEEK_SET);
    }
    /* What was never written, or was left by an earlier turn of the ring. */
    if (time_s > 0 && (int64_t)time_s * 1000 > series->point.at_ms) {
      series->point.at_ms = (int64_t)time_s * 1000;
      memcpy(&series->point.values[0], &value, sizeof(value));
      return true;
    }
  }
  return false;
}
