/* SPDX-License-Identifier: MIT */
/* selection: a list of names to take or to leave. */
#include "statgrab/selection.h"

#include <errno.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

struct selection_entry {
  char *literal; /* NULL: the expression counts */
  regex_t expression;
};

/* The expression between the slashes, yours; NULL and *ret_is_literal for a
 * name; NULL alone when memory is short. */
static char *take_expression(const char *text, bool *ret_is_literal) {
  size_t length = strlen(text);
  *ret_is_literal = length < 3 || text[0] != '/' || text[length - 1] != '/';
  return *ret_is_literal ? NULL : strndup(text + 1, length - 2);
}

static int compile(regex_t *expression, const char *pattern,
                   struct error *error) {
  int status = regcomp(expression, pattern, REG_EXTENDED | REG_NOSUB);
  if (status == 0) {
    return 0;
  }
  char why[128];
  (void)regerror(status, expression, why, sizeof(why));
  return error_set(error, -EINVAL, "is not a regular expression: %s", why);
}

static int init_entry(struct selection_entry *entry, const char *text,
                      struct error *error) {
  bool is_literal;
  char *pattern = take_expression(text, &is_literal);
  if (is_literal) {
    entry->literal = strdup(text);
    return entry->literal == NULL ? -ENOMEM : 0;
  }
  if (pattern == NULL) {
    return -ENOMEM;
  }
  entry->literal = NULL;
  int code = compile(&entry->expression, pattern, error);
  free(pattern);
  return code;
}

int selection_init(struct selection *selection,
                   const struct option_strings *strings, struct error *error) {
  *selection = (struct selection){0};
  if (strings->len == 0) {
    return 0;
  }
  selection->entries = calloc(strings->len, sizeof(*selection->entries));
  if (selection->entries == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  for (size_t i = 0; i < strings->len; i++) {
    int code = init_entry(&selection->entries[i], strings->items[i], error);
    if (code != 0) {
      selection_fini(selection);
      return code == -ENOMEM ? error_set(error, code, "out of memory") : code;
    }
    selection->len++;
  }
  return 0;
}

bool selection_names(const struct selection *selection, const char *text) {
  for (size_t i = 0; i < selection->len; i++) {
    const struct selection_entry *entry = &selection->entries[i];
    bool is_named = entry->literal != NULL
                        ? strcmp(entry->literal, text) == 0
                        : regexec(&entry->expression, text, 0, NULL, 0) == 0;
    if (is_named) {
      return true;
    }
  }
  return false;
}

bool selection_takes(const struct selection *selection, const char *text,
                     bool is_ignoring) {
  return selection->len == 0 || selection_names(selection, text) != is_ignoring;
}

void selection_fini(struct selection *selection) {
  if (selection == NULL) {
    return;
  }
  for (size_t i = 0; i < selection->len; i++) {
    if (selection->entries[i].literal == NULL) {
      regfree(&selection->entries[i].expression);
    }
    free(selection->entries[i].literal);
  }
  free(selection->entries);
  *selection = (struct selection){0};
}

int selection_check(const char *value, struct error *error) {
  if (value[0] == '\0') {
    return error_set(error, -EINVAL, "is empty");
  }
  char *items[] = {strdup(value)};
  if (items[0] == NULL) {
    return -ENOMEM;
  }
  const struct option_strings strings = {.items = items, .len = 1};
  struct selection selection;
  int code = selection_init(&selection, &strings, error);
  selection_fini(&selection);
  free(items[0]);
  return code;
}
