/* SPDX-License-Identifier: MIT */
/* missing_files: finds files and directories that the blocks of our plugins
 * name and that do not exist. */
#include "ctl/check/missing_files.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/text.h"

/* Each must exist. */
static const char *const file_options[] = {
    "CAFile",      "CertFile",     "HeaderFile", "KeyFile",
    "PassFile",    "PasswordFile", "SSLCert",    "SSLKey",
    "SSLRootCert", "SecretFile",   "URLFile",    NULL,
};

/* The directory of each must exist; of a log, that before the first wildcard.
 * A StateDir is made, but a path that begins with a mistake is made as well. */
static const char *const directory_options[] = {"File", "StateDir", NULL};

/* Cuts PATH to its directory; "/" stays. */
static void cut_to_directory(char *path) {
  path[strcspn(path, "*?[")] = '\0';
  char *slash = strrchr(path, '/');
  if (slash != NULL) {
    slash[slash == path ? 1 : 0] = '\0';
  }
}

static bool is_missing(const char *path) {
  return access(path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR);
}

static void check_value(struct config_files_place place, const char *value,
                        struct lint_report *report) {
  const char *key = place.item->key;
  char path[PATH_MAX];
  (void)snprintf(path, sizeof(path), "%s", value);
  bool is_directory = text_find_word(directory_options, key) >= 0;
  if (is_directory) {
    cut_to_directory(path);
  } else if (text_find_word(file_options, key) < 0) {
    return;
  }
  if (path[0] == '/' && is_missing(path)) {
    lint_print(report, LINT_WARNING, place, "%s: %s%s does not exist", key,
               is_directory ? "the directory " : "", path);
  }
}

static void check_statement(const char *path, const struct config_item *item,
                            struct lint_report *report) {
  for (size_t i = 0; i < item->values_len; i++) {
    if (item->children_len == 0 && item->values[i].kind == CONFIG_STRING) {
      check_value((struct config_files_place){path, item},
                  item->values[i].string, report);
    }
  }
  for (size_t i = 0; i < item->children_len; i++) {
    check_statement(path, &item->children[i], report);
  }
}

void missing_files_check(const struct config_files *files,
                         struct lint_report *report) {
  static const char *const plugins[] = {"dbpool", "resource_alert",
                                        "session_log", "statgrab", NULL};
  for (size_t i = 0; i < files->statements_len; i++) {
    const struct config_files_place *statement = &files->statements[i];
    const char *name = config_files_get_name(statement->item);
    if (strcasecmp(statement->item->key, "Plugin") == 0 && name != NULL &&
        text_find_word(plugins, name) >= 0) {
      check_statement(statement->path, statement->item, report);
    }
  }
}
