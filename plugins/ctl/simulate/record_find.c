/* SPDX-License-Identifier: MIT */
/* record_find: the files of collectd's csv plugin and of Graphite's whisper
 * below a directory, each to its series. */
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ctl/simulate/identity.h"
#include "ctl/simulate/record_parts.h"

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
    struct record_series *series = record_series_of(
        record, &names, is_whisper ? RECORD_WHISPER : RECORD_CSV, source);
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

int record_find_files(struct record *record, const char *directory,
                      struct error *error) {
  char root[PATH_MAX];
  int length = snprintf(root, sizeof(root), "%s/", directory);
  if (length >= (int)sizeof(root)) {
    return error_set(error, -ENAMETOOLONG, "%s: path is too long", directory);
  }
  walk.record = record;
  walk.root_length = (size_t)length;
  walk.code = 0;
  int code = nftw(root, visit, 32, FTW_PHYS) == -1 ? -errno : walk.code;
  if (code != 0) {
    return error_set(error, code, "%s: %s", directory, strerror(-code));
  }
  for (size_t i = 0; i < record->len; i++) {
    struct record_series *series = record->series[i];
    qsort(series->paths, series->paths_len, sizeof(char *), by_text);
  }
  return 0;
}
