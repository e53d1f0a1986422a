/* SPDX-License-Identifier: MIT */
/* record: readings that were kept, all series merged by time. */
#include "ctl/record.h"

#include <errno.h>
#include <ftw.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "ctl/identity.h"
#include "ctl/record_series.h"

#define DEFAULT_GAP_MS 10000 /* collectd's own interval */

struct record {
  const struct types_db *types;
  struct record_series **series; /* a heap by the time of the next point once
                                    all is found */
  size_t len;
  size_t heap_len;
  struct record_counts counts;
  struct record_series *given; /* the one whose point was handed out */
  uint64_t values[RECORD_VALUES_MAX];
};

/* ---- finding ---- */

/* "type-instance-2025-10-01" -> "type-instance". Returns false for another
 * name. */
static bool strip_date(char *name) {
  size_t length = strlen(name);
  static const char shape[] = "-dddd-dd-dd";
  if (length <= sizeof(shape) - 1) {
    return false;
  }
  char *date = name + length - (sizeof(shape) - 1);
  for (size_t i = 0; i < sizeof(shape) - 1; i++) {
    bool is_digit = date[i] >= '0' && date[i] <= '9';
    if (shape[i] == 'd' ? !is_digit : date[i] != '-') {
      return false;
    }
  }
  *date = '\0';
  return true;
}

/* RELATIVE is host/plugin/type..., changed to the series' name. *ret_source: a
 * whisper file's data source, or "value". */
static bool name_series(char *relative, bool is_whisper,
                        const char **ret_source) {
  *ret_source = "value";
  if (!is_whisper) {
    return strip_date(relative);
  }
  relative[strlen(relative) - 4] = '\0';
  char *slash = strchr(relative, '/');
  slash = slash == NULL ? NULL : strchr(slash + 1, '/');
  slash = slash == NULL ? NULL : strchr(slash + 1, '/');
  if (slash != NULL) {
    *slash = '\0';
    *ret_source = slash + 1;
  }
  return true;
}

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
        (!series->is_whisper || strcmp(series->sources[0].name, source) == 0)) {
      return series;
    }
  }
  return NULL;
}

static void set_sources(struct record_series *series,
                        const struct types_db *types, const char *source) {
  const struct types_db_type *type =
      types == NULL || series->is_whisper
          ? NULL
          : types_db_find(types, series->names.type);
  for (size_t i = 0; i < RECORD_VALUES_MAX; i++) {
    bool is_known = type != NULL && i < type->sources_len;
    series->sources[i] = is_known
                             ? type->sources[i]
                             : (struct reading_source){.kind = READING_GAUGE,
                                                       .min = (double)NAN,
                                                       .max = (double)NAN};
  }
  if (series->is_whisper) {
    series->sources_len = 1;
    (void)snprintf(series->sources[0].name, READING_NAME_BYTES, "%s", source);
  }
}

static struct record_series *add_series(struct record *record,
                                        const struct reading_names *names,
                                        bool is_whisper, const char *source) {
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
  series->is_whisper = is_whisper;
  series->counts = &record->counts;
  set_sources(series, record->types, source);
  larger[record->len++] = series;
  return series;
}

static int add_path(struct record_series *series, const char *path) {
  char **larger =
      realloc(series->paths, (series->paths_len + 1) * sizeof(char *));
  if (larger == NULL) {
    return -ENOMEM;
  }
  series->paths = larger;
  larger[series->paths_len] = strdup(path);
  return larger[series->paths_len++] == NULL ? -ENOMEM : 0;
}

static bool ends_in(const char *text, const char *end) {
  size_t length = strlen(text);
  return length > strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

static int take_file(struct record *record, const char *path,
                     const char *relative, uint64_t bytes) {
  char *copy = strdup(relative);
  bool is_whisper = ends_in(relative, ".wsp");
  const char *source = NULL;
  struct reading_names names;
  int code = copy == NULL ? -ENOMEM : 0;
  if (code == 0 && name_series(copy, is_whisper, &source) &&
      identity_parse(copy, &names, NULL) == 0) {
    struct record_series *series = find_series(record, &names, source);
    if (series == NULL) {
      series = add_series(record, &names, is_whisper, source);
    }
    code = series == NULL ? -ENOMEM : add_path(series, path);
    record->counts.bytes_all += bytes;
  }
  free(copy);
  return code;
}

/* nftw() has no context of its own. */
static struct {
  struct record *record;
  size_t root_length;
  int code;
} walk;

static int visit(const char *path, const struct stat *status, int kind,
                 struct FTW *place) {
  (void)place;
  if (kind == FTW_F && walk.code == 0) {
    walk.code = take_file(walk.record, path, path + walk.root_length,
                          (uint64_t)status->st_size);
  }
  return walk.code;
}

static int by_text(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
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
    qsort(series->paths, series->paths_len, sizeof(char *), by_text);
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

int record_open(const char *directory, const struct types_db *types,
                struct record **ret, struct error *error) {
  struct record *record = calloc(1, sizeof(*record));
  char root[4096];
  int length = snprintf(root, sizeof(root), "%s/", directory);
  if (record == NULL || length >= (int)sizeof(root)) {
    free(record);
    return error_set(error, -ENOMEM, "%s: path is too long", directory);
  }
  record->types = types;
  walk.record = record;
  walk.root_length = (size_t)length;
  walk.code = 0;
  int code = nftw(root, visit, 32, FTW_PHYS) == -1 ? -errno : walk.code;
  if (code != 0) {
    (void)error_set(error, code, "%s: %s", directory, strerror(-code));
  } else if (record->len == 0) {
    code = error_set(error, -ENOENT,
                     "%s has no host/plugin/type-YYYY-MM-DD of the csv plugin "
                     "and no host/plugin/type.wsp of Graphite",
                     directory);
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
