/* SPDX-License-Identifier: MIT */
/* record_series: one series out of its files, a reading at a time. */
#include "ctl/simulate/record_series.h"

#include <stdlib.h>

static bool open_next(struct record_series *series) {
  while (series->path < series->paths_len) {
    series->file = fopen(series->paths[series->path++], "re");
    if (series->file == NULL) {
      continue;
    }
    int code = series->kind == RECORD_WHISPER ? record_whisper_begin(series)
                                              : record_csv_begin(series);
    if (code == 0) {
      return true;
    }
    (void)fclose(series->file);
    series->file = NULL;
  }
  return false;
}

/* The first point behind BEFORE_MS in the files that are left. */
static void read_files(struct record_series *series, int64_t before_ms) {
  while (!series->has_point && (series->file != NULL || open_next(series))) {
    series->has_point = series->kind == RECORD_WHISPER
                            ? record_whisper_read(series)
                            : record_csv_read(series);
    if (!series->has_point) {
      (void)fclose(series->file);
      series->file = NULL;
    } else if (series->point.at_ms <= before_ms) {
      series->has_point = false; /* a clock that was set back */
    }
  }
}

void record_series_read(struct record_series *series) {
  int64_t before_ms = series->has_point ? series->point.at_ms : 0;
  series->has_point = false;
  if (series->kind == RECORD_RENDER) {
    series->has_point = record_render_read(series);
  } else {
    read_files(series, before_ms);
  }
  int64_t gap_ms = series->point.at_ms - before_ms;
  if (before_ms > 0 && series->has_point &&
      (series->gap_ms == 0 || gap_ms < series->gap_ms)) {
    series->gap_ms = gap_ms;
  }
}

void record_series_free(struct record_series *series) {
  if (series == NULL) {
    return;
  }
  for (size_t i = 0; i < series->paths_len; i++) {
    free(series->paths[i]);
  }
  if (series->file != NULL) {
    (void)fclose(series->file);
  }
  free(series->paths);
  free(series->render.points);
  free(series->line);
  free(series);
}
