/* SPDX-License-Identifier: MIT */
/* option: one table drives parsing, defaults and error messages. */
#include "core/option.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/text.h"

void *option_field(const struct option *option, void *target) {
  return (char *)target + option->offset;
}

/* ---- defaults ---- */

static int set_default(const struct option *option, void *target) {
  if (option->kind == OPTION_NUMBER && option->default_text == NULL) {
    *(double *)option_field(option, target) = (double)NAN;
  }
  if (option->default_text == NULL) {
    return 0;
  }
  struct config_value value = {.kind = CONFIG_STRING};
  value.string = strdup(option->default_text);
  if (value.string == NULL) {
    return -ENOMEM;
  }
  int code = option_take_value(option, &value, target, NULL);
  free(value.string);
  return code;
}

int option_init(const struct option_block *block, void *target) {
  memset(target, 0, block->size);
  for (size_t i = 0; i < block->options_len; i++) {
    int code = set_default(&block->options[i], target);
    if (code != 0) {
      option_fini(block, target);
      return code;
    }
  }
  return 0;
}

/* ---- statements ---- */

static bool is_used_before(const struct config_item *item, size_t position) {
  const char *key = item->children[position].key;
  for (size_t i = 0; i < position; i++) {
    if (strcasecmp(item->children[i].key, key) == 0) {
      return true;
    }
  }
  return false;
}

static int take_option(const struct option *option,
                       const struct config_item *item, void *target,
                       struct error *error) {
  if (item->children_len > 0) {
    return error_set(error, -EINVAL, "%s is not a block: write %s %s",
                     option->name, option->name,
                     option->example == NULL ? "VALUE" : option->example);
  }
  if (item->values_len == 0) {
    return error_set(error, -EINVAL, "%s has no value", option->name);
  }
  if (item->values_len > 1 && option->kind != OPTION_STRINGS) {
    return error_set(error, -EINVAL, "%s takes one value, not %zu",
                     option->name, item->values_len);
  }
  for (size_t i = 0; i < item->values_len; i++) {
    int code = option_take_value(option, &item->values[i], target, error);
    if (code != 0) {
      return code;
    }
  }
  return 0;
}

static int check_label(const struct option_block *block,
                       const struct config_item *item,
                       const struct option_blocks *siblings,
                       struct error *error) {
  bool has_label = item->values_len == 1 &&
                   item->values[0].kind == CONFIG_STRING &&
                   item->values[0].string[0] != '\0';
  if (item->values_len > 1 ||
      (block->label == OPTION_LABEL_NONE && item->values_len > 0)) {
    return error_set(error, -EINVAL, "<%s> takes %s: write <%s%s>", block->name,
                     block->label == OPTION_LABEL_NONE ? "no name" : "one name",
                     block->name,
                     block->label == OPTION_LABEL_NONE ? "" : " \"NAME\"");
  }
  if (!has_label &&
      (block->label == OPTION_LABEL_REQUIRED || item->values_len > 0)) {
    return error_set(error, -EINVAL,
                     "<%s> needs a quoted name: write <%s \"NAME\">",
                     block->name, block->name);
  }
  if (!has_label) {
    return 0;
  }
  const char *label = item->values[0].string;
  for (size_t i = 0; !block->may_share_label && i < siblings->len; i++) {
    const struct option_head *head =
        (const void *)((const char *)siblings->items + i * block->size);
    if (head->label != NULL && strcmp(head->label, label) == 0) {
      return error_set(error, -EINVAL,
                       "<%s \"%s\"> stands twice; give each a name of its own",
                       block->name, label);
    }
  }
  struct error reason = {{0}};
  if (block->check_label != NULL && block->check_label(label, &reason) != 0) {
    return error_set(error, -EINVAL, "<%s \"%s\">: %s", block->name, label,
                     reason.text);
  }
  return 0;
}

static int check_required(const struct option_block *block,
                          const struct config_item *item, struct error *error) {
  for (size_t i = 0; i < block->options_len; i++) {
    const struct option *option = &block->options[i];
    bool is_there = !option->is_required;
    for (size_t j = 0; j < item->children_len && !is_there; j++) {
      is_there = strcasecmp(item->children[j].key, option->name) == 0;
    }
    if (!is_there) {
      return error_set(error, -EINVAL, "%s is missing: write %s%s%s%s",
                       option->name, option->kind == OPTION_BLOCK ? "<" : "",
                       option->name, option->kind == OPTION_BLOCK ? ">" : " ",
                       option->example == NULL ? "..." : option->example);
    }
  }
  return 0;
}

static void prefix_block(const struct option_block *block, const char *label,
                         struct error *error) {
  if (label == NULL) {
    error_prefix(error, "<%s>", block->name);
  } else {
    error_prefix(error, "<%s \"%s\">", block->name, label);
  }
}

/* Appends a child of BLOCK with its defaults; fini frees it from then on. */
static int add_block(const struct option_block *block,
                     struct option_blocks *siblings, void **ret_child) {
  char *larger = realloc(siblings->items, (siblings->len + 1) * block->size);
  if (larger == NULL) {
    return -ENOMEM;
  }
  siblings->items = larger;
  void *child = larger + siblings->len * block->size;
  int code = option_init(block, child);
  if (code == 0) {
    siblings->len++;
    *ret_child = child;
  }
  return code;
}

static int take_statements(const struct option_block *block,
                           const struct config_item *item, void *target,
                           struct error *error);

static int take_block(const struct option *option,
                      const struct config_item *item, size_t position,
                      void *target, struct error *error) {
  const struct option_block *block = option->block;
  struct option_blocks *siblings = option_field(option, target);
  if (siblings->len > 0 && !block->is_repeatable) {
    return error_set(error, -EINVAL, "<%s> stands twice; one is allowed",
                     block->name);
  }
  void *child = NULL;
  int code = check_label(block, item, siblings, error);
  if (code != 0 || (code = add_block(block, siblings, &child)) != 0) {
    return code;
  }
  struct option_head *head = child;
  head->position = position;
  const char *label = item->values_len > 0 ? item->values[0].string : NULL;
  if (label != NULL) {
    code = option_set_string(&head->label, label);
  }
  if (code == 0) {
    code = take_statements(block, item, child, error);
  }
  if (code == 0) {
    code = check_required(block, item, error);
  }
  if (code == 0 && block->check != NULL) {
    code = block->check(child, error);
  }
  if (code != 0) {
    prefix_block(block, label, error);
  }
  return code;
}

static const struct option *find_option(const struct option_block *block,
                                        const char *name) {
  for (size_t i = 0; i < block->options_len; i++) {
    if (strcasecmp(block->options[i].name, name) == 0) {
      return &block->options[i];
    }
  }
  return NULL;
}

static int take_statement(const struct option_block *block,
                          const struct config_item *parent, size_t position,
                          void *target, struct error *error) {
  const struct config_item *item = &parent->children[position];
  const struct option *option = find_option(block, item->key);
  int code;
  if (option == NULL) {
    code = option_refuse_name(block, item->key, error);
  } else if (option->kind == OPTION_BLOCK) {
    code = take_block(option, item, position, target, error);
  } else if (option->kind != OPTION_STRINGS &&
             is_used_before(parent, position)) {
    code = error_set(error, -EINVAL, "%s stands twice; one is allowed",
                     option->name);
  } else {
    code = take_option(option, item, target, error);
  }
  if (code == -ENOMEM) {
    (void)error_set(error, code, "out of memory");
  }
  return code;
}

static int take_statements(const struct option_block *block,
                           const struct config_item *item, void *target,
                           struct error *error) {
  int code = 0;
  for (size_t i = 0; i < item->children_len && code == 0; i++) {
    const struct config_item *child = &item->children[i];
    code = take_statement(block, item, i, target, error);
    if (code != 0 && child->line > 0 && child->children_len == 0) {
      error_prefix(error, "line %d", child->line);
    }
  }
  return code;
}

int option_parse(const struct option_block *block,
                 const struct config_item *item, void *target,
                 struct error *error) {
  int code = take_statements(block, item, target, error);
  return code == 0 && block->check != NULL ? block->check(target, error) : code;
}

/* ---- freeing ---- */

static void free_strings(struct option_strings *strings) {
  for (size_t i = 0; i < strings->len; i++) {
    free(strings->items[i]);
  }
  free(strings->items);
}

static void free_blocks(const struct option_block *block,
                        struct option_blocks *blocks) {
  for (size_t i = 0; i < blocks->len; i++) {
    option_fini(block, (char *)blocks->items + i * block->size);
  }
  free(blocks->items);
}

void option_fini(const struct option_block *block, void *target) {
  if (target == NULL) {
    return;
  }
  for (size_t i = 0; i < block->options_len; i++) {
    const struct option *option = &block->options[i];
    void *field = option_field(option, target);
    switch (option->kind) {
    case OPTION_STRING:
      free(*(char **)field);
      break;
    case OPTION_STRINGS:
      free_strings(field);
      break;
    case OPTION_BLOCK:
      free_blocks(option->block, field);
      break;
    case OPTION_BOOLEAN:
    case OPTION_INTEGER:
    case OPTION_NUMBER:
    case OPTION_WORD:
      break;
    }
  }
  free(((struct option_head *)target)->label);
  memset(target, 0, block->size);
}

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

static void describe_value(const struct config_value *value, char *text,
                           size_t bytes) {
  switch (value->kind) {
  case CONFIG_STRING:
    (void)snprintf(text, bytes, "\"%s\"", value->string);
    return;
  case CONFIG_NUMBER:
    (void)snprintf(text, bytes, "%.15g", value->number);
    return;
  case CONFIG_BOOLEAN:
    (void)snprintf(text, bytes, "%s", value->boolean ? "true" : "false");
    return;
  }
}

/* Appends to TEXT, cutting at its end. */
static void append(char *text, size_t bytes, const char *more) {
  size_t length = strlen(text);
  (void)snprintf(text + length, bytes - length, "%s", more);
}

void option_describe_allowed(const struct option *option, char *text,
                             size_t bytes) {
  text[0] = '\0';
  bool is_number =
      option->kind == OPTION_INTEGER || option->kind == OPTION_NUMBER;
  if (option->kind == OPTION_BOOLEAN) {
    append(text, bytes, "true or false");
  } else if (is_number && isinf(option->max) && isinf(option->min)) {
    append(text, bytes, "any number");
  } else if (is_number && isinf(option->max)) {
    (void)snprintf(text, bytes, "%.15g or more", option->min);
  } else if (is_number) {
    (void)snprintf(text, bytes, "%.15g to %.15g", option->min, option->max);
  } else if (option->kind == OPTION_WORD) {
    for (size_t i = 0; option->words[i] != NULL; i++) {
      bool is_last = option->words[i + 1] == NULL;
      append(text, bytes, i == 0 ? "" : is_last ? " or " : ", ");
      append(text, bytes, option->words[i]);
    }
  }
  if (text[0] != '\0' && option->unit != NULL) {
    append(text, bytes, " ");
    append(text, bytes, option->unit);
  }
}

int option_refuse(const struct option *option, const struct config_value *value,
                  const char *why, struct error *error) {
  char found[128];
  char allowed[OPTION_ALLOWED_BYTES];
  describe_value(value, found, sizeof(found));
  option_describe_allowed(option, allowed, sizeof(allowed));
  const char *example =
      option->example != NULL ? option->example : option->default_text;
  bool is_text = option->kind == OPTION_STRING ||
                 option->kind == OPTION_STRINGS || option->kind == OPTION_WORD;
  const char *quote =
      is_text && example != NULL && example[0] != '"' ? "\"" : "";
  return error_set(
      error, -EINVAL, "%s %s %s%s%s%s%s%s%s%s%s", option->name, found, why,
      allowed[0] == '\0' ? "" : "; allowed: ", allowed,
      example == NULL ? "" : "; write ", example == NULL ? "" : option->name,
      example == NULL ? "" : " ", quote, example == NULL ? "" : example, quote);
}

int option_refuse_name(const struct option_block *block, const char *name,
                       struct error *error) {
  struct spelling spelling = spelling_of(name);
  for (size_t i = 0; i < block->options_len; i++) {
    spelling_offer(&spelling, block->options[i].name);
  }
  if (spelling.nearest != NULL) {
    return error_set(error, -EINVAL, "unknown option %s; did you mean %s?",
                     name, spelling.nearest);
  }
  char allowed[OPTION_ALLOWED_BYTES] = "";
  for (size_t i = 0; i < block->options_len; i++) {
    append(allowed, sizeof(allowed), i == 0 ? "" : ", ");
    append(allowed, sizeof(allowed), block->options[i].name);
  }
  return error_set(error, -EINVAL, "unknown option %s; allowed: %s", name,
                   allowed);
}
