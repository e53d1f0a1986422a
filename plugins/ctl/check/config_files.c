/* SPDX-License-Identifier: MIT */
/* config_files: reads a collectd.conf with everything that it includes.
 *
 * Statements point into the parsed files, which therefore stay in memory
 * until config_files_fini(). An Include puts the statements of its files
 * where it stands, because the order of LoadPlugin and <Plugin> matters. */
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
#include "core/option.h"

#define DEPTH_MAX 8 /* collectd's own */
#define FILE_BYTES_MAX ((size_t)16 << 20)

/* One file as it was read. */
struct config_files_file {
  struct config_files_file *next; /* that was read before */
  char *path;
  struct config_item root;
};

/* The arguments that every step of the recursion needs. */
struct config_reader {
  struct config_files *set;
  struct config_files_place *place;
  struct error *error;
};

/* Notes the reader's error, at its place or else at PLACE, and clears both. */
static int skip_error(struct config_reader *reader,
                      struct config_files_place place) {
  struct config_files *set = reader->set;
  struct config_files_skipped *larger =
      realloc(set->skipped, (set->skipped_len + 1) * sizeof(*set->skipped));
  char *text = strdup(reader->error->text);
  if (larger != NULL) {
    set->skipped = larger;
  }
  if (larger == NULL || text == NULL) {
    free(text);
    return -ENOMEM;
  }
  if (reader->place->path != NULL) {
    place = *reader->place;
  }
  larger[set->skipped_len++] =
      (struct config_files_skipped){.place = place, .text = text};
  *reader->place = (struct config_files_place){0};
  reader->error->text[0] = '\0';
  return 0;
}

static int read_config_path(struct config_reader *reader, const char *path,
                            const char *filter, int depth);

/* The items of PATH's file stay where they are, so that statements can point to
 * them. */
static int add_statement(struct config_files *set, const char *path,
                         const struct config_item *item) {
  struct config_files_place *larger = realloc(
      set->statements, (set->statements_len + 1) * sizeof(*set->statements));
  if (larger == NULL) {
    return -ENOMEM;
  }
  set->statements = larger;
  larger[set->statements_len++] =
      (struct config_files_place){.path = path, .item = item};
  return 0;
}

/* Returns NULL when memory is short. */
static struct config_files_file *add_config_file(struct config_files *set,
                                                 const char *path) {
  struct config_files_file *file = calloc(1, sizeof(*file));
  char *copy = strdup(path);
  if (file == NULL || copy == NULL) {
    free(file);
    free(copy);
    return NULL;
  }
  file->path = copy;
  file->next = set->files;
  set->files = file;
  set->files_len++;
  return file;
}

/* The Filter of an <Include "path"> block, or NULL. */
static const char *find_include_filter(const struct config_item *include) {
  const struct config_item *filter = config_item_find(include, "Filter");
  return filter == NULL ? NULL : config_files_get_name(filter);
}

/* Reads the files and directories that match PATTERN. One that is not there is
 * skipped. include: its statement. */
static int read_include_pattern(struct config_reader *reader,
                                struct config_files_place include,
                                const char *pattern, const char *filter,
                                int depth) {
  wordexp_t words;
  if (wordexp(pattern, &words, WRDE_NOCMD) != 0) {
    return error_set(reader->error, -EINVAL,
                     "Include \"%s\" cannot be expanded", pattern);
  }
  int code = 0;
  for (size_t i = 0; i < words.we_wordc && code == 0; i++) {
    bool is_pattern_left = strcmp(words.we_wordv[i], pattern) == 0 &&
                           strpbrk(pattern, "*?[") != NULL;
    struct stat status;
    if (is_pattern_left) {
      continue;
    }
    if (stat(words.we_wordv[i], &status) != 0) {
      (void)error_set(reader->error, -errno, "%s: %s; collectd goes on without",
                      words.we_wordv[i], strerror(errno));
      code = skip_error(reader, include);
    } else {
      code = read_config_path(reader, words.we_wordv[i], filter, depth);
    }
  }
  wordfree(&words);
  return code;
}

/* An Include is replaced by the statements that it includes; one without a path
 * stays, because collectd goes on without it. The innermost
 * Include of a chain is reported as the place, because there the path can be
 * corrected. */
static int add_or_include_statement(struct config_reader *reader,
                                    struct config_files_file *file,
                                    const struct config_item *item, int depth) {
  const char *path = config_files_get_name(item);
  if (strcasecmp(item->key, "Include") != 0 || path == NULL) {
    return add_statement(reader->set, file->path, item);
  }
  int code = 0;
  if (depth >= DEPTH_MAX) {
    code = error_set(reader->error, -ELOOP,
                     "Include is nested more than %d deep", DEPTH_MAX);
  } else {
    code = read_include_pattern(reader,
                                (struct config_files_place){file->path, item},
                                path, find_include_filter(item), depth + 1);
  }
  if (code != 0 && reader->place->path == NULL) {
    *reader->place = (struct config_files_place){file->path, item};
  }
  return code;
}

/* Moves "line N, column M: " from the text into the file's root, which is empty
 * after a syntax error, and makes it the place. */
static void set_syntax_place(struct config_reader *reader,
                             struct config_files_file *file) {
  char *text = reader->error->text;
  int used = 0;
  *reader->place = (struct config_files_place){file->path, &file->root};
  if (sscanf(text, "line %d, column %d: %n", &file->root.line,
             &file->root.column, &used) == 2) {
    memmove(text, text + used, strlen(text + used) + 1);
  }
}

/* The file stays in the set after a failure, because its path is a part of the
 * place. */
static int read_config_file(struct config_reader *reader, const char *path,
                            int depth) {
  struct config_files_file *file = add_config_file(reader->set, path);
  if (file == NULL) {
    return error_set(reader->error, -ENOMEM, "out of memory");
  }
  char *text = NULL;
  size_t bytes = 0;
  int code = file_read(path, FILE_BYTES_MAX, &text, &bytes, reader->error);
  if (code == 0) {
    code = config_text_parse(text, bytes, &file->root, reader->error);
    free(text);
    if (code != 0) {
      set_syntax_place(reader, file);
    }
  }
  for (size_t i = 0; i < file->root.children_len && code == 0; i++) {
    code =
        add_or_include_statement(reader, file, &file->root.children[i], depth);
  }
  return code;
}

/* collectd leaves hidden files out, such as an editor's. */
static int is_visible_entry(const struct dirent *entry) {
  return entry->d_name[0] != '.';
}

/* By bytes, as collectd sorts them, and not by locale as alphasort() does. */
static int compare_entry_names(const struct dirent **a,
                               const struct dirent **b) {
  return strcmp((*a)->d_name, (*b)->d_name);
}

/* collectd reads all entries in the order of their names, directories below as
 * well. A path that is too long is left out. */
static int read_config_directory(struct config_reader *reader, const char *path,
                                 const char *filter, int depth) {
  struct dirent **entries = NULL;
  int count = scandir(path, &entries, is_visible_entry, compare_entry_names);
  if (count < 0) {
    return error_set(reader->error, -errno, "%s: %s", path, strerror(errno));
  }
  int code = 0;
  for (int i = 0; i < count; i++) {
    char below[PATH_MAX];
    int length =
        snprintf(below, sizeof(below), "%s/%s", path, entries[i]->d_name);
    free(entries[i]);
    if (code == 0 && length < (int)sizeof(below)) {
      code = read_config_path(reader, below, filter, depth);
    }
    if (code != 0 && code != -ENOMEM && reader->place->path != NULL) {
      error_prefix(reader->error, "collectd goes on without this file");
      code = skip_error(reader, *reader->place);
    }
  }
  free(entries);
  return code;
}

/* The filter is for files only; directories are always entered, as collectd
 * does. */
static int read_config_path(struct config_reader *reader, const char *path,
                            const char *filter, int depth) {
  struct stat status;
  if (stat(path, &status) != 0) {
    return error_set(reader->error, -errno, "%s: %s", path, strerror(errno));
  }
  if (S_ISDIR(status.st_mode)) {
    return read_config_directory(reader, path, filter, depth);
  }
  const char *slash = strrchr(path, '/');
  const char *name = slash == NULL ? path : slash + 1;
  if (filter != NULL && fnmatch(filter, name, FNM_PERIOD) != 0) {
    return 0;
  }
  return read_config_file(reader, path, depth);
}

int config_files_read(const char *path, struct config_files *set,
                      struct config_files_place *ret_place,
                      struct error *error) {
  *ret_place = (struct config_files_place){0};
  struct config_reader reader = {
      .set = set, .place = ret_place, .error = error};
  int code = read_config_path(&reader, path, NULL, 0);
  if (code == 0 && set->statements_len == 0) {
    static const struct config_item empty = {.line = 1, .column = 1};
    *ret_place = (struct config_files_place){path, &empty};
    return error_set(error, -ENODATA,
                     "there is no statement in it; collectd refuses that");
  }
  return code == -ENOMEM ? error_set(error, code, "out of memory") : code;
}

void config_files_fini(struct config_files *set) {
  for (struct config_files_file *next, *file = set->files; file != NULL;
       file = next) {
    next = file->next;
    config_item_fini(&file->root);
    free(file->path);
    free(file);
  }
  for (size_t i = 0; i < set->skipped_len; i++) {
    free(set->skipped[i].text);
  }
  free(set->skipped);
  free(set->statements);
  *set = (struct config_files){0};
}

/* ---- statements ---- */

const char *config_files_get_name(const struct config_item *item) {
  return item->values_len == 1 && item->values[0].kind == CONFIG_STRING
             ? item->values[0].string
             : NULL;
}

/* True for the statement "KEY NAME" or the block <KEY NAME>. */
static bool is_named_statement(const struct config_item *item, const char *key,
                               const char *name) {
  const char *value = config_files_get_name(item);
  return strcasecmp(item->key, key) == 0 && value != NULL &&
         strcasecmp(value, name) == 0;
}

bool config_files_is_plugin(const struct config_item *item, const char *name) {
  return is_named_statement(item, "Plugin", name);
}

bool config_files_find_load_plugin(const struct config_files *set,
                                   const char *name, size_t *ret_index) {
  for (size_t i = 0; i < set->statements_len; i++) {
    if (is_named_statement(set->statements[i].item, "LoadPlugin", name)) {
      if (ret_index != NULL) {
        *ret_index = i;
      }
      return true;
    }
  }
  return false;
}

struct config_files_place
config_files_find_block(const struct config_files *set, const char *plugin,
                        const char *key, size_t number) {
  for (size_t i = 0; i < set->statements_len; i++) {
    const struct config_files_place *statement = &set->statements[i];
    if (!config_files_is_plugin(statement->item, plugin)) {
      continue;
    }
    for (size_t j = 0; j < statement->item->children_len; j++) {
      const struct config_item *child = &statement->item->children[j];
      if (strcasecmp(child->key, key) == 0 && number-- == 0) {
        return (struct config_files_place){statement->path, child};
      }
    }
  }
  return set->statements[0]; /* cannot happen: it was parsed from them */
}

/* ---- rules and responses ---- */

/* The prefix is the path only: option_parse() puts the line into the text. */
static int parse_resource_alert_blocks(const struct config_files *set,
                                       struct resource_alert_options *options,
                                       struct error *error) {
  for (size_t i = 0; i < set->statements_len; i++) {
    const struct config_files_place *statement = &set->statements[i];
    int code = config_files_is_plugin(statement->item, "resource_alert")
                   ? option_parse(&resource_alert_options, statement->item,
                                  options, error)
                   : 0;
    if (code != 0) {
      error_prefix(error, "%s", statement->path);
      return code;
    }
  }
  return 0;
}

/* Returns -ENOENT where there is no rule to run. */
static int check_has_rules(const struct resource_alert_options *options,
                           const char *path, struct error *error) {
  const struct threshold_compat_options *stock = &options->rules.stock;
  size_t rules = options->rules.thresholds.len + stock->hosts.len +
                 stock->plugins.len + stock->types.len;
  return rules > 0 ? 0
                   : error_set(error, -ENOENT,
                               "%s: there is no <Threshold> in a <Plugin "
                               "resource_alert> block",
                               path);
}

int config_files_read_rules(const char *path,
                            struct resource_alert_options *ret,
                            struct error *error) {
  struct config_files set = {0};
  struct config_files_place place;
  int code = config_files_read(path, &set, &place, error);
  if (code != 0 && place.path != NULL) {
    error_prefix(error, "%s:%d:%d", place.path, place.item->line,
                 place.item->column);
  }
  if (code == 0) {
    code = option_init(&resource_alert_options, ret);
    if (code == 0) {
      code = parse_resource_alert_blocks(&set, ret, error);
      code = code == 0 ? check_has_rules(ret, path, error) : code;
      if (code != 0) {
        option_fini(&resource_alert_options, ret);
      }
    }
  }
  config_files_fini(&set);
  return code;
}
