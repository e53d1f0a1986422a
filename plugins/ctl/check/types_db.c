/* SPDX-License-Identifier: MIT */
/* types_db: reads types.db: the data sources of each type.
 *
 * The format is that of types.db(5): "type  source:KIND:min:max, ...", where
 * U means no limit. The simulation needs the kinds, because the csv plugin
 * stores counters as totals. */
#include "ctl/check/types_db.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file_util.h"

#define FILE_BYTES_MAX ((size_t)4 << 20)

/* "U" is no limit. */
static double parse_range_end(const char *text) {
  return strcmp(text, "U") == 0 ? (double)NAN : strtod(text, NULL);
}

/* Reads "name:KIND:min:max". */
static int parse_type_source(const char *text, struct reading_source *ret) {
  char kind[16], min[48], max[48];
  static const struct {
    const char *name;
    enum reading_kind kind;
  } kinds[] = {{"GAUGE", READING_GAUGE},
               {"DERIVE", READING_DERIVE},
               {"COUNTER", READING_COUNTER},
               {"ABSOLUTE", READING_ABSOLUTE}};
  if (sscanf(text, "%127[^:]:%15[A-Z]:%47[^:]:%47[^:,]", ret->name, kind, min,
             max) != 4) {
    return -EINVAL;
  }
  ret->min = parse_range_end(min);
  ret->max = parse_range_end(max);
  for (size_t i = 0; i < 4; i++) {
    if (strcmp(kind, kinds[i].name) == 0) {
      ret->kind = kinds[i].kind;
      return 0;
    }
  }
  return -EINVAL;
}

/* Reads "type  source:KIND:min:max, ...". */
static int parse_type_line(char *line, struct types_db_type *ret) {
  char *state = NULL;
  char *word = strtok_r(line, " \t", &state);
  if (word == NULL || word[0] == '#' || strlen(word) >= sizeof(ret->name)) {
    return -EINVAL;
  }
  *ret = (struct types_db_type){.sources_len = 0};
  (void)snprintf(ret->name, sizeof(ret->name), "%s", word);
  while ((word = strtok_r(NULL, " \t,", &state)) != NULL) {
    if (ret->sources_len == TYPES_DB_SOURCES_MAX ||
        parse_type_source(word, &ret->sources[ret->sources_len]) != 0) {
      return -EINVAL;
    }
    ret->sources_len++;
  }
  return ret->sources_len > 0 ? 0 : -EINVAL;
}

int types_db_read(struct types_db *types, const char *path,
                  struct error *error) {
  char *text = NULL;
  size_t bytes = 0;
  int code = file_read(path, FILE_BYTES_MAX, &text, &bytes, error);
  if (code != 0) {
    return code;
  }
  char *state = NULL;
  for (char *line = strtok_r(text, "\r\n", &state); line != NULL && code == 0;
       line = strtok_r(NULL, "\r\n", &state)) {
    struct types_db_type type;
    if (parse_type_line(line, &type) != 0 ||
        types_db_find(types, type.name) != NULL) {
      continue;
    }
    struct types_db_type *larger =
        realloc(types->types, (types->len + 1) * sizeof(*larger));
    if (larger == NULL) {
      code = error_set(error, -ENOMEM, "out of memory");
    } else {
      types->types = larger;
      larger[types->len++] = type;
    }
  }
  free(text);
  return code;
}

const struct types_db_type *types_db_find(const struct types_db *types,
                                          const char *name) {
  for (size_t i = 0; i < types->len; i++) {
    if (strcmp(types->types[i].name, name) == 0) {
      return &types->types[i];
    }
  }
  return NULL;
}

void types_db_fini(struct types_db *types) {
  free(types->types);
  *types = (struct types_db){0};
}
