/* SPDX-License-Identifier: MIT */
/* csv_recording: readings that were kept, all series merged by time. */
#include "ctl/simulate/csv_recording.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "ctl/simulate/record_parts.h"

#define DEFAULT_GAP_MS 10000 /* collectd's own interval */

/* ---- its series ---- */

static struct record_series *find_series(const struct record *record,
                                         const struct reading_names *names,
                                         const char *source) {
  for (size_t i = record->len; i > 0; i--) {
    struct record_series *series = record->series[i - 1];
    if (strcmp(series->names.type_instance, names->type_instance) == 0 &&
        strcmp(series->names.type, names->type) == 0 &&
        strcmp(series->names.plugin_instance, names->plugin_instance) == 0 &&
        strcmp(series->names.plugin, names->plugin) == 0 &&
        strcmp(series->names.host, names->host) == 0 &&
        (series->kind == RECORD_CSV ||
         strcmp(series->sources[0].name, source) == 0)) {
      return series;
    }
  }
  return NULL;
}

static void set_sources(struct record_series *series,
                        const struct types_db *types, const char *source) {
  const struct types_db_type *type =
      types != NULL && series->kind == RECORD_CSV
          ? types_db_find(types, series->names.type)
          : NULL;
  for (size_t i = 0; i < RECORD_VALUES_MAX; i++) {
    bool is_known = type != NULL && i < type->sources_len;
    series->sources[i] = is_known
                             ? type->sources[i]
                             : (struct reading_source){.kind = READING_GAUGE,
                                                       .min = (double)NAN,
                                                       .max = (double)NAN};
  }
  if (series->kind != RECORD_CSV) {
    series->sources_len = 1;
    (void)snprintf(series->sources[0].name, READING_NAME_BYTES, "%s", source);
  }
}

static struct record_series *add_series(struct record *record,
                                        const struct reading_names *names,
                                        enum record_kind kind,
                                        const char *source) {
  struct record_series *series = calloc(1, sizeof(*series));
  struct record_series **larger = realloc(
      record->series, (record->len + 1) * sizeof(struct record_series *));
  if (larger != NULL) {
    record->series = larger;
  }
  if (series == NULL || larger == NULL) {
    free(series);
    return NULL;
  }
  series->names = *names;
  series->kind = kind;
  series->counts = &record->counts;
  set_sources(series, record->types, source);
  larger[record->len++] = series;
  return series;
}

struct record_series *record_series_of(struct record *record,
                                       const struct reading_names *names,
                                       enum record_kind kind,
                                       const char *source) {
  struct record_series *series = find_series(record, names, source);
  return series != NULL ? series : add_series(record, names, kind, source);
}

/* ---- the heap ---- */

static bool is_earlier(const struct record_series *a,
                       const struct record_series *b) {
  return a->point.at_ms < b->point.at_ms;
}

static void sink_down(struct record *record, size_t at) {
  struct record_series **heap = record->series;
  for (;;) {
    size_t first = at;
    for (size_t child = 2 * at + 1; child <= 2 * at + 2; child++) {
      if (child < record->heap_len && is_earlier(heap[child], heap[first])) {
        first = child;
      }
    }
    if (first == at) {
      return;
    }
    struct record_series *moved = heap[at];
    heap[at] = heap[first];
    heap[first] = moved;
    at = first;
  }
}

/* Each series has a file open: let there be room for them. */
static void allow_files(size_t count) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < count + 64) {
    limit.rlim_cur =
        limit.rlim_max < count + 64 ? limit.rlim_max : (rlim_t)(count + 64);
    (void)setrlimit(RLIMIT_NOFILE, &limit);
  }
}

static void make_heap(struct record *record) {
  allow_files(record->len);
  record->counts.series = record->len;
  for (size_t i = 0; i < record->len; i++) {
    struct record_series *series = record->series[i];
    record_series_read(series);
  }
  for (size_t i = 0; i < record->len; i++) { /* those with points in front */
    struct record_series *series = record->series[i];
    if (series->has_point) {
      record->series[i] = record->series[record->heap_len];
      record->series[record->heap_len++] = series;
    }
  }
  for (size_t i = record->heap_len / 2; i > 0; i--) {
    sink_down(record, i - 1);
  }
}

/* ---- life ---- */

static int find_series_at(struct record *record, const struct record_place *at,
                          struct error *error) {
  struct stat status;
  if (stat(at->path, &status) != 0) {
    return error_set(error, -errno, "%s: %s", at->path, strerror(errno));
  }
  if (S_ISDIR(status.st_mode)) {
    return record_find_files(record, at->path, error);
  }
  return record_read_render(record, at->path, at->prefix, error);
}

static int refuse_nothing(const struct record *record,
                          const struct record_place *at, struct error *error) {
  if (record->counts.foreign_targets > 0) {
    return error_set(error, -ENOENT,
                     "%s has no target %sHOST.PLUGIN.TYPE; --prefix tells "
                     "what stands before HOST",
                     at->path, at->prefix);
  }
  return error_set(error, -ENOENT,
                   "%s has no host/plugin/type-YYYY-MM-DD of the csv plugin "
                   "and no host/plugin/type.wsp of Graphite",
                   at->path);
}

int record_open(const struct record_place *at, struct record **ret,
                struct error *error) {
  struct record *record = calloc(1, sizeof(*record));
  if (record == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  record->types = at->types;
  int code = find_series_at(record, at, error);
  if (code == 0 && record->len == 0) {
    code = refuse_nothing(record, at, error);
  }
  if (code != 0) {
    record_close(record);
    return code;
  }
  make_heap(record);
  *ret = record;
  return 0;
}

static void describe(const void *handle, size_t index,
                     struct reading_source *ret_source) {
  const struct record_series *series = handle;
  *ret_source = series->sources[index];
}

/* Puts the series that was handed out back to its place. */
static void turn(struct record *record) {
  if (record->given == NULL) {
    return;
  }
  if (!record->given->has_point) {
    struct record_series **heap = record->series;
    heap[0] = heap[--record->heap_len];
    heap[record->heap_len] = record->given;
  }
  sink_down(record, 0);
  record->given = NULL;
}

bool record_next(struct record *record, struct record_reading *ret) {
  turn(record);
  if (record->heap_len == 0) {
    return false;
  }
  struct record_series *series = record->series[0];
  record->given = series;
  record->counts.readings++;
  memcpy(record->values, series->point.values, sizeof(record->values));
  ret->at_ms = series->point.at_ms;
  record_series_read(series); /* the next one tells the interval */
  int64_t gap_ms = series->gap_ms == 0 ? DEFAULT_GAP_MS : series->gap_ms;
  ret->reading = (struct reading){
      .names = &series->names,
      .type = {.handle = series, .describe = describe},
      .time_ns = ret->at_ms * 1000000,
      .interval_ns = gap_ms * 1000000,
      .values_len = series->sources_len,
      .values = record->values,
  };
  return true;
}

void record_get_counts(const struct record *record, struct record_counts *ret) {
  *ret = record->counts;
}

void record_close(struct record *record) {
  if (record == NULL) {
    return;
  }
  for (size_t i = 0; i < record->len; i++) {
    record_series_free(record->series[i]);
  }
  free(record->series);
  free(record);
}
