/* SPDX-License-Identifier: MIT */
/* ignorelist: a list of names to include or exclude, as in collectd's native
 * plugins: literal names, or /POSIX extended regular expressions/. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"
#include "core/option.h"

struct ignorelist_entry;

/* All zero is an empty list. May be read by several threads at once. */
struct ignorelist {
  struct ignorelist_entry *entries; /* owned */
  size_t len;
};

/* Copies the strings of an option. Returns 0; -EINVAL for a string that is not
 * a regular expression; -ENOMEM. The list is empty after a failure. */
int ignorelist_init(struct ignorelist *list,
                    const struct option_strings *strings, struct error *error);

/* True if an entry is TEXT or matches it. */
bool ignorelist_contains(const struct ignorelist *list, const char *text);

/* What a native plugin does with TEXT: an empty list selects everything;
 * another one selects what it contains or, with ignore_selected, all else. */
bool ignorelist_selects(const struct ignorelist *list, const char *text,
                        bool ignore_selected);

/* Frees what the list holds. */
void ignorelist_fini(struct ignorelist *list);

/* For an option table: refuses a malformed regular expression. */
int ignorelist_check_entry(const char *value, struct error *error);
