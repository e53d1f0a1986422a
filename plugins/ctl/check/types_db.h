/* SPDX-License-Identifier: MIT */
/* types_db: reads types.db: the data sources of each type. */
#pragma once

#include <stddef.h>

#include "core/error.h"
#include "core/metric.h"

#define TYPES_DB_SOURCES_MAX 16

struct types_db_type {
  char name[READING_NAME_BYTES];
  size_t sources_len;
  struct reading_source sources[TYPES_DB_SOURCES_MAX];
};

/* All zero is an empty set. */
struct types_db {
  struct types_db_type *types; /* owned */
  size_t len;
};

/* Adds the types in PATH; of two with one name the first counts. Lines that
 * are not a type are ignored. Returns 0 or negative errno with a text. */
int types_db_read(struct types_db *types, const char *path,
                  struct error *error);
const struct types_db_type *types_db_find(const struct types_db *types,
                                          const char *name);
void types_db_fini(struct types_db *types);
