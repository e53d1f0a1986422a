/* SPDX-License-Identifier: MIT */
/* csv_recording: reads what collectd's csv plugin wrote, all series merged by
 * time. A heap holds the series by the time of their next reading, so that a
 * month of data needs one open file and one line of memory for each series. */
#include "ctl/simulate/csv_recording.h"

#include <errno.h>
#include <fnmatch.h>
#include <ftw.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "ctl/simulate/notation.h"

#define DEFAULT_INTERVAL_MS 10000 /* collectd's own */
#define EPOCH_S_MAX 9e9           /* in 2255; nanoseconds end in 2262 */
#define FILES_SPARE 64            /* descriptors besides those of the series */

/* One series with its files, of which one at a time is open. */
struct recorded_series {
  struct reading_names names;
  struct reading_source sources[CSV_RECORDING_VALUES_MAX];
  size_t sources_len; /* 0 until the first header was read */
  char **paths;       /* those of the recording, in the order of time */
  size_t paths_len;
  size_t next_path;
  FILE *file; /* NULL: none is open */
  char *line; /* of getline() */
  size_t line_bytes;
  bool has_point; /* the next reading is in at_ms and values */
  int64_t at_ms;
  uint64_t values[CSV_RECORDING_VALUES_MAX]; /* doubles or integers, by kind */
  int64_t interval_ms; /* the smallest between two readings; 0: unknown */
};

struct csv_recording {
  char **paths; /* owned; sorted, so those of a series are next to each other */
  size_t paths_len;
  struct recorded_series **series; /* owned */
  size_t len;
  struct heap_entry {
    int64_t at_ms; /* of the series' next reading */
    struct recorded_series *series;
  } * heap; /* the earliest first; room for all series */
  size_t heap_len;
  struct csv_recording_counts counts;
  bool has_returned; /* the reading of the first series */
  uint64_t values[CSV_RECORDING_VALUES_MAX]; /* of that reading */
};

/* ---- one file ---- */

/* Reads "epoch,shortterm,midterm,longterm", the names of the data sources.
 * Returns false where this file's do not fit those of the files before. */
static bool read_csv_header(struct recorded_series *series) {
  if (getline(&series->line, &series->line_bytes, series->file) <= 0 ||
      strncmp(series->line, "epoch,", 6) != 0) {
    return false;
  }
  size_t len = 0;
  char *state = NULL;
  for (char *name = strtok_r(series->line + 6, ",\r\n", &state); name != NULL;
       name = strtok_r(NULL, ",\r\n", &state)) {
    if (len == CSV_RECORDING_VALUES_MAX) {
      return false;
    }
    (void)snprintf(series->sources[len].name, READING_NAME_BYTES, "%s", name);
    len++;
  }
  bool is_same = series->sources_len == 0 || series->sources_len == len;
  series->sources_len = is_same ? len : series->sources_len;
  return len > 0 && is_same;
}

/* As strtod(), but eight times as fast for what the csv plugin writes, such as
 * "1759276800.123": exact, since up to 15 digits and powers of ten up to 22 are
 * doubles without rounding. */
static double parse_decimal(char *text, char **ret_end) {
  static const double powers[] = {1,   1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                  1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
  char *at = text + (*text == '-' ? 1 : 0);
  int64_t digits = 0;
  size_t count = 0, decimals = 0;
  for (; *at >= '0' && *at <= '9' && count <= 15; at++, count++) {
    digits = digits * 10 + (*at - '0');
  }
  if (*at == '.') {
    for (at++; *at >= '0' && *at <= '9' && count <= 15; at++, count++) {
      digits = digits * 10 + (*at - '0');
      decimals++;
    }
  }
  if (count == 0 || count > 15 || strchr(",\r\n", *at) == NULL) {
    return strtod(text, ret_end);
  }
  *ret_end = at;
  double value = (double)digits / powers[decimals];
  return *text == '-' ? -value : value;
}

/* Returns where the number ends, NULL where there is none. */
static char *parse_csv_value(char *text, enum reading_kind kind,
                             uint64_t *ret_value) {
  char *end = NULL;
  if (kind == READING_GAUGE) {
    double gauge = parse_decimal(text, &end);
    memcpy(ret_value, &gauge, sizeof(gauge));
  } else if (kind == READING_DERIVE) {
    *ret_value = (uint64_t)strtoll(text, &end, 10);
  } else {
    *ret_value = strtoull(text, &end, 10);
  }
  return end == text ? NULL : end;
}

/* Reads "EPOCH,VALUE,..." from the series' line. Returns false where it is not
 * complete: collectd may be writing it. */
static bool parse_csv_line(struct recorded_series *series) {
  char *at = NULL;
  double epoch_s = parse_decimal(series->line, &at);
  if (!(epoch_s > 0 && epoch_s < EPOCH_S_MAX)) {
    return false;
  }
  for (size_t i = 0; i < series->sources_len; i++) {
    if (*at != ',' || (at = parse_csv_value(at + 1, series->sources[i].kind,
                                            &series->values[i])) == NULL) {
      return false;
    }
  }
  series->at_ms = (int64_t)(epoch_s * 1000 + 0.5);
  return *at == '\n' || *at == '\r';
}

/* ---- one series ---- */

/* A file without a header, or with other data sources, is skipped. */
static bool open_next_file(struct recorded_series *series) {
  while (series->next_path < series->paths_len) {
    series->file = fopen(series->paths[series->next_path++], "re");
    if (series->file == NULL) {
      continue;
    }
    if (read_csv_header(series)) {
      return true;
    }
    (void)fclose(series->file);
    series->file = NULL;
  }
  return false;
}

/* Reads the first reading after BEFORE_MS from the files that are left. */
static bool read_next_point(struct recorded_series *series, int64_t before_ms,
                            uint64_t *bad_lines) {
  while (series->file != NULL || open_next_file(series)) {
    if (getline(&series->line, &series->line_bytes, series->file) <= 0) {
      (void)fclose(series->file);
      series->file = NULL;
    } else if (!parse_csv_line(series)) {
      (*bad_lines)++;
    } else if (series->at_ms > before_ms) {
      return true; /* else the clock was set back */
    }
  }
  return false;
}

/* The interval is the smallest seen, because a gap makes a larger one. */
static void read_ahead_in_series(struct csv_recording *recording,
                                 struct recorded_series *series) {
  int64_t before_ms = series->has_point ? series->at_ms : 0;
  series->has_point =
      read_next_point(series, before_ms, &recording->counts.bad_lines);
  int64_t interval_ms = series->at_ms - before_ms;
  if (before_ms > 0 && series->has_point &&
      (series->interval_ms == 0 || interval_ms < series->interval_ms)) {
    series->interval_ms = interval_ms;
  }
}

/* A type that is not known, and every rate, is a gauge. */
static void set_source_kinds(struct recorded_series *series,
                             const struct types_db *types) {
  const struct types_db_type *type =
      types == NULL ? NULL : types_db_find(types, series->names.type);
  for (size_t i = 0; i < CSV_RECORDING_VALUES_MAX; i++) {
    bool is_known = type != NULL && i < type->sources_len;
    series->sources[i] = is_known
                             ? type->sources[i]
                             : (struct reading_source){.kind = READING_GAUGE,
                                                       .min = (double)NAN,
                                                       .max = (double)NAN};
  }
}

/* ---- finding the files ---- */

#define DATE_PATTERN "-[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]"
#define DATE_LENGTH (sizeof("-2025-10-01") - 1)

/* nftw() passes no context to its callback. */
static struct csv_recording *walked;

/* nftw()'s callback: collects the paths. */
static int add_csv_path(const char *path, const struct stat *status, int kind,
                        struct FTW *place) {
  (void)status;
  (void)place;
  if (kind != FTW_F || fnmatch("*" DATE_PATTERN, path, 0) != 0) {
    return 0;
  }
  char **larger =
      realloc(walked->paths, (walked->paths_len + 1) * sizeof(char *));
  if (larger == NULL) {
    return -ENOMEM;
  }
  walked->paths = larger;
  larger[walked->paths_len] = strdup(path);
  return larger[walked->paths_len++] == NULL ? -ENOMEM : 0;
}

/* Sorts the files of a series by date, since their names end in it. */
static int compare_paths(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

/* True if the paths differ in the date only. */
static bool is_same_series_path(const char *a, const char *b) {
  size_t length = strlen(a);
  return length == strlen(b) && strncmp(a, b, length - DATE_LENGTH) == 0;
}

/* Adds the series that begins with the path at INDEX. A name that is not
 * host/plugin/type is ignored. */
static int add_recorded_series(struct csv_recording *recording, size_t index,
                               size_t root_length,
                               const struct types_db *types) {
  char name[PATH_MAX];
  const char *relative = recording->paths[index] + root_length;
  (void)snprintf(name, sizeof(name), "%.*s",
                 (int)(strlen(relative) - DATE_LENGTH), relative);
  struct reading_names names;
  if (notation_parse_series(name, &names, NULL) != 0) {
    return 0;
  }
  struct recorded_series *series = calloc(1, sizeof(*series));
  struct recorded_series **larger =
      realloc(recording->series,
              (recording->len + 1) * sizeof(struct recorded_series *));
  if (larger != NULL) {
    recording->series = larger;
  }
  if (series == NULL || larger == NULL) {
    free(series);
    return -ENOMEM;
  }
  series->names = names;
  series->paths = &recording->paths[index];
  series->paths_len = 1;
  set_source_kinds(series, types);
  larger[recording->len++] = series;
  return 0;
}

/* Not reentrant, because of WALKED; the program has one thread. */
static int find_csv_files(struct csv_recording *recording,
                          const char *directory, const struct types_db *types,
                          struct error *error) {
  char root[PATH_MAX];
  int root_length = snprintf(root, sizeof(root), "%s/", directory);
  if (root_length >= (int)sizeof(root)) {
    return error_set(error, -ENAMETOOLONG, "%s: path is too long", directory);
  }
  walked = recording;
  int code = nftw(root, add_csv_path, 32, FTW_PHYS);
  code = code == -1 ? -errno : code;
  if (recording->paths_len > 0) {
    qsort(recording->paths, recording->paths_len, sizeof(char *),
          compare_paths);
  }
  for (size_t i = 0; i < recording->paths_len && code == 0; i++) {
    struct recorded_series *last =
        recording->len == 0 ? NULL : recording->series[recording->len - 1];
    if (last != NULL &&
        is_same_series_path(last->paths[0], recording->paths[i])) {
      last->paths_len++;
    } else {
      code = add_recorded_series(recording, i, (size_t)root_length, types);
    }
  }
  return code == 0
             ? 0
             : error_set(error, code, "%s: %s", directory, strerror(-code));
}

/* ---- the heap ---- */

/* Moves the entry at AT down until neither child is earlier. */
static void sift_down(struct csv_recording *recording, size_t at) {
  struct heap_entry *heap = recording->heap;
  const struct heap_entry moved = heap[at];
  for (;;) {
    size_t child = 2 * at + 1;
    if (child + 1 < recording->heap_len &&
        heap[child + 1].at_ms < heap[child].at_ms) {
      child++;
    }
    if (child >= recording->heap_len || heap[child].at_ms >= moved.at_ms) {
      heap[at] = moved;
      return;
    }
    heap[at] = heap[child];
    at = child;
  }
}

/* Raises the limit of open files, since each series has one. */
static void raise_file_limit(size_t series) {
  struct rlimit limit;
  rlim_t wanted = (rlim_t)(series + FILES_SPARE);
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < wanted) {
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
  }
}

/* Opens the first file of each series; a series without a reading stays out. */
static int open_series_and_make_heap(struct csv_recording *recording) {
  raise_file_limit(recording->len);
  recording->counts.series = recording->len;
  recording->heap = calloc(recording->len, sizeof(*recording->heap));
  if (recording->heap == NULL) {
    return -ENOMEM;
  }
  for (size_t i = 0; i < recording->len; i++) {
    struct recorded_series *series = recording->series[i];
    read_ahead_in_series(recording, series);
    if (series->has_point) {
      recording->heap[recording->heap_len++] =
          (struct heap_entry){series->at_ms, series};
    }
  }
  for (size_t i = recording->heap_len / 2; i > 0; i--) {
    sift_down(recording, i - 1);
  }
  return 0;
}

/* Moves the first series, whose next reading is a later one now, to its place,
 * or out of the heap if it has no more readings. */
static void restore_heap(struct csv_recording *recording) {
  struct heap_entry *first = &recording->heap[0];
  if (first->series->has_point) {
    first->at_ms = first->series->at_ms;
  } else {
    *first = recording->heap[--recording->heap_len];
  }
  if (recording->heap_len > 0) {
    sift_down(recording, 0);
  }
}

/* ---- the recording ---- */

int csv_recording_open(const char *directory, const struct types_db *types,
                       struct csv_recording **ret, struct error *error) {
  struct csv_recording *recording = calloc(1, sizeof(*recording));
  if (recording == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  int code = find_csv_files(recording, directory, types, error);
  if (code == 0 && recording->len == 0) {
    code = error_set(error, -ENOENT,
                     "%s has no host/plugin/type-YYYY-MM-DD of the csv plugin",
                     directory);
  }
  if (code == 0 && open_series_and_make_heap(recording) != 0) {
    code = error_set(error, -ENOMEM, "out of memory");
  }
  if (code != 0) {
    csv_recording_close(recording);
    return code;
  }
  *ret = recording;
  return 0;
}

/* For reading.type: what kind of value has this index. */
static void get_recorded_source(const void *handle, size_t index,
                                struct reading_source *ret_source) {
  const struct recorded_series *series = handle;
  *ret_source = series->sources[index];
}

bool csv_recording_read_next(struct csv_recording *recording,
                             struct reading *ret) {
  if (recording->has_returned) {
    restore_heap(recording);
  }
  recording->has_returned = recording->heap_len > 0;
  if (!recording->has_returned) {
    return false;
  }
  struct recorded_series *series = recording->heap[0].series;
  recording->counts.readings++;
  memcpy(recording->values, series->values,
         series->sources_len * sizeof(series->values[0]));
  int64_t at_ms = series->at_ms;
  read_ahead_in_series(recording, series); /* the next one shows the interval */
  int64_t interval_ms =
      series->interval_ms == 0 ? DEFAULT_INTERVAL_MS : series->interval_ms;
  *ret = (struct reading){
      .names = &series->names,
      .type = {.handle = series, .describe = get_recorded_source},
      .time_ns = at_ms * 1000000,
      .interval_ns = interval_ms * 1000000,
      .values_len = series->sources_len,
      .values = recording->values,
  };
  return true;
}

const struct csv_recording_counts *
csv_recording_counts(const struct csv_recording *recording) {
  return &recording->counts;
}

void csv_recording_close(struct csv_recording *recording) {
  if (recording == NULL) {
    return;
  }
  for (size_t i = 0; i < recording->len; i++) {
    struct recorded_series *series = recording->series[i];
    if (series->file != NULL) {
      (void)fclose(series->file);
    }
    free(series->line);
    free(series);
  }
  for (size_t i = 0; i < recording->paths_len; i++) {
    free(recording->paths[i]);
  }
  free(recording->heap);
  free(recording->series);
  free(recording->paths);
  free(recording);
}
