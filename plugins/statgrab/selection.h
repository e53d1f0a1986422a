/* SPDX-License-Identifier: MIT */
/* selection: a list of names to take or to leave, as collectd's native plugins
 * read it: literal, or /a POSIX extended regular expression/. */
#ifndef STATGRAB_SELECTION_H
#define STATGRAB_SELECTION_H

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"
#include "core/option.h"

struct selection_entry;

/* All zero is an empty list. Read by any number of threads at once. */
struct selection {
  struct selection_entry *entries; /* owned */
  size_t len;
};

/* Copies what the option lists. Returns 0; -EINVAL for an expression that is
 * none; -ENOMEM. The selection is empty after a failure. */
int selection_init(struct selection *selection,
                   const struct option_strings *strings, struct error *error);

/* True if some entry is TEXT or matches it. */
bool selection_names(const struct selection *selection, const char *text);

/* What a native plugin does with TEXT: an empty list takes everything, else
 * what is named is taken, or left where is_ignoring. */
bool selection_takes(const struct selection *selection, const char *text,
                     bool is_ignoring);

/* Frees what the selection holds. Accepts NULL. */
void selection_fini(struct selection *selection);

/* For the option table: refuses an expression that is none. */
int selection_check(const char *value, struct error *error);

#endif
