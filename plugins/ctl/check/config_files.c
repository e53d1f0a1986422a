/* SPDX-License-Identifier: MIT */
/* config_files: a collectd.conf with everything that it includes. */
#include "ctl/check/config_files.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <wordexp.h>

#include "core/config.h"
#include "core/file_util.h"

#define DEPTH_MAX 8 /* collectd's own */
#define FILE_BYTES_MAX ((size_t)16 << 20)

/* What is carried through the recursion. */
struct reading {
  struct config_files *set;
  struct config_place *place;
  struct error *error;
};

static int read_path(struct reading *reading, const char *path,
                     const char *filter, int depth);

static int add_statement(struct config_files *set, const char *path,
                         const struct config_item *item) {
  struct config_statement *larger = realloc(
      set->statements, (set->statements_len + 1) * sizeof(*set->statements));
  if (larger == NULL) {
    return -ENOMEM;
  }
  set->statements = larger;
  larger[set->statements_len++] =
      (struct config_statement){.path = path, .item = item};
  return 0;
}

static struct config_file *add_file(struct config_files *set,
                                    const char *path) {
  struct config_file **larger =
      realloc(set->files, (set->files_len + 1) * sizeof(struct config_file *));
  if (larger == NULL) {
    return NULL;
  }
  set->files = larger;
  struct config_file *file = calloc(1, sizeof(*file));
  char *copy = strdup(path);
  if (file == NULL || copy == NULL) {
    free(file);
    free(copy);
    return NULL;
  }
  file->path = copy;
  larger[set->files_len++] = file;
  return file;
}

/* The Filter in an <Include "path"> block, or NULL. */
static const char *filter_of(const struct config_item *include) {
  for (size_t i = 0; i < include->children_len; i++) {
    const struct config_item *child = &include->children[i];
    if (strcasecmp(child->key, "Filter") == 0 && child->values_len == 1 &&
        child->values[0].kind == CONFIG_STRING) {
      return child->values[0].string;
    }
  }
  return NULL;
}

/* The files and directories that the wildcards in PATTERN stand for; a name
 * without wildcards stands for itself. */
static int read_pattern(struct reading *reading, const char *pattern,
                        const char *filter, int depth) {
  wordexp_t words;
  if (wordexp(pattern, &words, WRDE_NOCMD) != 0) {
    return error_set(reading->error, -EINVAL,
                     "Include \"%s\" cannot be expanded", pattern);
  }
  int code = 0;
  for (size_t i = 0; i < words.we_wordc && code == 0; i++) {
    bool is_pattern_left = strcmp(words.we_wordv[i], pattern) == 0 &&
                           strpbrk(pattern, "*?[") != NULL;
    if (!is_pattern_left) {
      code = read_path(reading, words.we_wordv[i], filter, depth);
    }
  }
  wordfree(&words);
  return code;
}

static int take_statement(struct reading *reading, struct config_file *file,
                          const struct config_item *item, int depth) {
  if (strcasecmp(item->key, "Include") != 0) {
    return add_statement(reading->set, file->path, item);
  }
  const struct config_place here = {file->path, item->line, item->column};
  int code = 0;
  if (item->values_len != 1 || item->values[0].kind != CONFIG_STRING) {
    code = error_set(reading->error, -EINVAL,
                     "Include takes one path: write Include \"PATH\"");
  } else if (depth >= DEPTH_MAX) {
    code = error_set(reading->error, -ELOOP,
                     "Include is nested more than %d deep", DEPTH_MAX);
  } else {
    code = read_pattern(reading, item->values[0].string, filter_of(item),
                        depth + 1);
  }
  if (code != 0 && reading->place->path == NULL) {
    *reading->place = here;
  }
  return code;
}

/* Moves "line N, column M: " from the text into the place. */
static void place_mistake(struct reading *reading, const char *path) {
  *reading->place = (struct config_place){.path = path};
  int used = 0;
  if (sscanf(reading->error->text, "line %d, column %d: %n",
             &reading->place->line, &reading->place->column, &used) == 2) {
    char *text = reading->error->text;
    memmove(text, text + used, strlen(text + used) + 1);
  }
}

static int read_file(struct reading *reading, const char *path, int depth) {
  struct config_file *file = add_file(reading->set, path);
  if (file == NULL) {
    return error_set(reading->error, -ENOMEM, "out of memory");
  }
  char *text = NULL;
  size_t bytes = 0;
  int code = file_read(path, FILE_BYTES_MAX, &text, &bytes, reading->error);
  if (code == 0) {
    code = config_text_parse(text, bytes, &file->root, reading->error);
    free(text);
    if (code != 0) {
      place_mistake(reading, file->path);
    }
  }
  for (size_t i = 0; i < file->root.children_len && code == 0; i++) {
    code = take_statement(reading, file, &file->root.children[i], depth);
  }
  return code;
}

static int is_visible(const struct dirent *entry) {
  return entry->d_name[0] != '.';
}

static int by_name(const struct dirent **a, const struct dirent **b) {
  return strcmp((*a)->d_name, (*b)->d_name);
}

static int read_directory(struct reading *reading, const char *path,
                          const char *filter, int depth) {
  struct dirent **entries = NULL;
  int count = scandir(path, &entries, is_visible, by_name);
  if (count < 0) {
    return error_set(reading->error, -errno, "%s: %s", path, strerror(errno));
  }
  int code = 0;
  for (int i = 0; i < count; i++) {
    char below[PATH_MAX];
    int length =
        snprintf(below, sizeof(below), "%s/%s", path, entries[i]->d_name);
    free(entries[i]);
    if (code == 0 && length < (int)sizeof(below)) {
      code = read_path(reading, below, filter, depth);
    }
  }
  free(entries);
  return code;
}

static int read_path(struct reading *reading, const char *path,
                     const char *filter, int depth) {
  struct stat status;
  if (stat(path, &status) != 0) {
    return error_set(reading->error, -errno, "%s: %s", path, strerror(errno));
  }
  if (S_ISDIR(status.st_mode)) {
    return read_directory(reading, path, filter, depth);
  }
  const char *slash = strrchr(path, '/');
  const char *name = slash == NULL ? path : slash + 1;
  if (filter != NULL && fnmatch(filter, name, FNM_PERIOD) != 0) {
    return 0;
  }
  return read_file(reading, path, depth);
}

int config_files_read(const char *path, struct config_files *set,
                      struct config_place *ret_place, struct error *error) {
  *ret_place = (struct config_place){0};
  struct reading reading = {.set = set, .place = ret_place, .error = error};
  int code = read_path(&reading, path, NULL, 0);
  return code == -ENOMEM ? error_set(error, code, "out of memory") : code;
}

void config_files_fini(struct config_files *set) {
  for (size_t i = 0; i < set->files_len; i++) {
    config_item_fini(&set->files[i]->root);
    free(set->files[i]->path);
    free(set->files[i]);
  }
  free(set->files);
  free(set->statements);
  *set = (struct config_files){0};
}
