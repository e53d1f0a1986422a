/* SPDX-License-Identifier: MIT */
/* option_value: one value of the configuration into one field. */
#include "core/option_value.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/option_text.h"

int option_set_string(char **field, const char *value) {
  char *copy = strdup(value);
  if (copy == NULL) {
    return -ENOMEM;
  }
  free(*field);
  *field = copy;
  return 0;
}

static int add_string(struct option_strings *strings, const char *value) {
  char **larger = realloc(strings->items, (strings->len + 1) * sizeof(*larger));
  if (larger == NULL) {
    return -ENOMEM;
  }
  strings->items = larger;
  larger[strings->len] = strdup(value);
  if (larger[strings->len] == NULL) {
    return -ENOMEM;
  }
  strings->len++;
  return 0;
}

static int take_text(const struct option *option,
                     const struct config_value *value, void *field,
                     struct error *error) {
  if (value->kind != CONFIG_STRING) {
    return option_refuse(option, value, "must be quoted", error);
  }
  struct error reason = {{0}};
  if (option->check != NULL && option->check(value->string, &reason) != 0) {
    return option_refuse(option, value, reason.text, error);
  }
  return option->kind == OPTION_STRING ? option_set_string(field, value->string)
                                       : add_string(field, value->string);
}

static int take_boolean(const struct option *option,
                        const struct config_value *value, bool *field,
                        struct error *error) {
  static const char *const words[] = {"false", "no",  "off",
                                      "true",  "yes", "on"};
  if (value->kind == CONFIG_BOOLEAN) {
    *field = value->boolean;
    return 0;
  }
  for (size_t i = 0; value->kind == CONFIG_STRING && i < 6; i++) {
    if (strcasecmp(value->string, words[i]) == 0) {
      *field = i >= 3;
      return 0;
    }
  }
  return option_refuse(option, value, "is neither true nor false", error);
}

static int take_number(const struct option *option,
                       const struct config_value *value, void *field,
                       struct error *error) {
  double number = value->number;
  if (value->kind == CONFIG_STRING) { /* collectd's users quote numbers, too */
    char *rest = NULL;
    number = strtod(value->string, &rest);
    if (rest == value->string || *rest != '\0') {
      return option_refuse(option, value, "is not a number", error);
    }
  } else if (value->kind == CONFIG_BOOLEAN) {
    return option_refuse(option, value, "is not a number", error);
  }
  bool is_whole = isfinite(number) && floor(number) >= number;
  if (option->kind == OPTION_INTEGER && !is_whole) {
    return option_refuse(option, value, "is not a whole number", error);
  }
  if (!(number >= option->min && number <= option->max)) {
    return option_refuse(option, value, "is out of range", error);
  }
  if (option->kind == OPTION_INTEGER) {
    *(int64_t *)field = (int64_t)number;
  } else {
    *(double *)field = number;
  }
  return 0;
}

static int take_word(const struct option *option,
                     const struct config_value *value, int *field,
                     struct error *error) {
  for (int i = 0; option->words[i] != NULL; i++) {
    const char *word = option->words[i];
    bool is_same = false;
    if (value->kind == CONFIG_STRING) {
      is_same = strcasecmp(value->string, word) == 0;
    } else if (value->kind == CONFIG_BOOLEAN) { /* a bare off is a boolean */
      is_same = strcasecmp(word, value->boolean ? "on" : "off") == 0;
    }
    if (is_same) {
      *field = i;
      return 0;
    }
  }
  return option_refuse(option, value, "is not one of the allowed words", error);
}

int option_take_value(const struct option *option,
                      const struct config_value *value, void *target,
                      struct error *error) {
  void *field = option_field(option, target);
  switch (option->kind) {
  case OPTION_STRING:
  case OPTION_STRINGS:
    return take_text(option, value, field, error);
  case OPTION_BOOLEAN:
    return take_boolean(option, value, field, error);
  case OPTION_INTEGER:
  case OPTION_NUMBER:
    return take_number(option, value, field, error);
  case OPTION_WORD:
    return take_word(option, value, field, error);
  case OPTION_BLOCK:
    break;
  }
  return error_set(error, -EINVAL, "%s is a block: write <%s> ... </%s>",
                   option->name, option->name, option->name);
}
