/* SPDX-License-Identifier: MIT */
/* config_files: reads a collectd.conf with everything that it includes. */
#pragma once

#include <stdbool.h>

#include "core/config.h"
#include "core/error.h"
#include "resource_alert/options.h"

/* A statement or block, at any level, and its file. Borrowed. */
struct config_files_place {
  const char *path;
  const struct config_item *item; /* has the line and the column, or 0 */
};

/* Something that collectd passes over. The text is owned. */
struct config_files_skipped {
  struct config_files_place place;
  char *text;
};

/* The statements of all files in the order in which collectd reads them. All
 * zero is an empty set. */
struct config_files {
  struct config_files_file *files; /* owned */
  size_t files_len;
  struct config_files_place *statements; /* of the outermost level */
  size_t statements_len;
  struct config_files_skipped *skipped; /* of Includes */
  size_t skipped_len;
};

/* Reads PATH and its Includes by collectd's rules: wildcards, directories
 * recursively in the order of names, hidden files left out, <Include> with a
 * Filter, at most eight deep. What an Include names and is not there, and a
 * file with mistakes in a directory, is skipped as collectd does.
 * set: zeroed. Yours, config_files_fini(), also after a failure.
 * Returns 0; negative errno with a text and, in *ret_place, where; its path is
 * NULL where PATH itself cannot be read. */
int config_files_read(const char *path, struct config_files *set,
                      struct config_files_place *ret_place,
                      struct error *error);

/* Frees what the set holds. */
void config_files_fini(struct config_files *set);

/* The string of a statement with one value, such as LoadPlugin, or NULL.
 * Borrowed from ITEM. */
const char *config_files_get_name(const struct config_item *item);

/* True for a block <Plugin NAME>. */
bool config_files_is_plugin(const struct config_item *item, const char *name);

/* Returns false if no LoadPlugin names NAME; otherwise *ret_index (which may
 * be NULL) is the first statement that does. */
bool config_files_find_load_plugin(const struct config_files *set,
                                   const char *name, size_t *ret_index);

/* Finds the NUMBER-th block <KEY> in the blocks <Plugin PLUGIN>, in the order
 * of reading; it must be there. */
struct config_files_place
config_files_find_block(const struct config_files *set, const char *plugin,
                        const char *key, size_t number);

/* Reads PATH and its Includes and parses every <Plugin resource_alert> block.
 * Returns 0 with *ret yours, option_fini(&resource_alert_options, ret); or
 * negative errno with a text that names file and line. */
int config_files_read_rules(const char *path,
                            struct resource_alert_options *ret,
                            struct error *error);
