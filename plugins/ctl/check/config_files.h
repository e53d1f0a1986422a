/* SPDX-License-Identifier: MIT */
/* config_files: a collectd.conf with everything that it includes, statement by
 * statement in the order in which collectd takes them. */
#ifndef CTL_CHECK_CONFIG_FILES_H
#define CTL_CHECK_CONFIG_FILES_H

#include "core/config.h"
#include "core/error.h"

/* One file as it was read. */
struct config_file {
  char *path;
  struct config_item root;
};

/* A statement of the outermost level and where it stands. Borrowed. */
struct config_statement {
  const char *path;
  const struct config_item *item;
};

/* All zero is an empty set. */
struct config_files {
  struct config_file **files; /* owned, in the order of reading */
  size_t files_len;
  struct config_statement *statements;
  size_t statements_len;
};

/* Where something is wrong: a file, and a line and column in it or 0. */
struct config_place {
  const char *path; /* borrowed from the set, or from the caller */
  int line;
  int column;
};

/* Reads PATH and its Includes by collectd's rules: wildcards, directories
 * with all that is below them in the order of names, hidden files left out,
 * <Include> with a Filter, at most eight deep.
 * set: zeroed. Yours, config_files_fini(), also after a failure.
 * Returns 0; negative errno with a text and, in *ret_place, where. */
int config_files_read(const char *path, struct config_files *set,
                      struct config_place *ret_place, struct error *error);

/* Frees what the set holds. */
void config_files_fini(struct config_files *set);

#endif
