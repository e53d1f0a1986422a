/* SPDX-License-Identifier: MIT */
/* ignorelist: a list of names to include or exclude. */
#include "statgrab/ignorelist.h"

#include <errno.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

/* A literal is compared without the cost of an expression; most lists are
 * literal. */
struct ignorelist_entry {
  char *literal; /* owned; NULL where the expression is used */
  regex_t expression;
};

/* A text between slashes is an expression, any other a name. */
static int init_ignorelist_entry(struct ignorelist_entry *entry,
                                 const char *text, struct error *error) {
  size_t length = strlen(text);
  bool is_literal = length < 3 || text[0] != '/' || text[length - 1] != '/';
  char *copy = is_literal ? strdup(text) : strndup(text + 1, length - 2);
  if (copy == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  if (is_literal) {
    entry->literal = copy;
    return 0;
  }
  char why[128];
  int status = regcomp(&entry->expression, copy, REG_EXTENDED | REG_NOSUB);
  (void)regerror(status, &entry->expression, why, sizeof(why));
  free(copy);
  return status == 0 ? 0
                     : error_set(error, -EINVAL,
                                 "is not a regular expression: %s", why);
}

int ignorelist_init(struct ignorelist *list,
                    const struct option_strings *strings, struct error *error) {
  *list = (struct ignorelist){0};
  if (strings->len == 0) {
    return 0;
  }
  list->entries = calloc(strings->len, sizeof(*list->entries));
  if (list->entries == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  for (size_t i = 0; i < strings->len; i++) {
    int code =
        init_ignorelist_entry(&list->entries[i], strings->items[i], error);
    if (code != 0) {
      ignorelist_fini(list);
      return code;
    }
    list->len++;
  }
  return 0;
}

bool ignorelist_contains(const struct ignorelist *list, const char *text) {
  for (size_t i = 0; i < list->len; i++) {
    const struct ignorelist_entry *entry = &list->entries[i];
    if (entry->literal != NULL
            ? strcmp(entry->literal, text) == 0
            : regexec(&entry->expression, text, 0, NULL, 0) == 0) {
      return true;
    }
  }
  return false;
}

bool ignorelist_selects(const struct ignorelist *list, const char *text,
                        bool ignore_selected) {
  return list->len == 0 || ignorelist_contains(list, text) != ignore_selected;
}

void ignorelist_fini(struct ignorelist *list) {
  for (size_t i = 0; i < list->len; i++) {
    if (list->entries[i].literal == NULL) {
      regfree(&list->entries[i].expression);
    }
    free(list->entries[i].literal);
  }
  free(list->entries);
  *list = (struct ignorelist){0};
}

int ignorelist_check_entry(const char *value, struct error *error) {
  struct ignorelist_entry entry = {0};
  if (value[0] == '\0') {
    return error_set(error, -EINVAL, "is empty");
  }
  int code = init_ignorelist_entry(&entry, value, error);
  if (code == 0 && entry.literal == NULL) {
    regfree(&entry.expression);
  }
  free(entry.literal);
  return code;
}
