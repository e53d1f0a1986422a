/* SPDX-License-Identifier: MIT */
/* option: one table drives parsing, defaults and error messages. */
#include "core/option.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/text.h"

const struct option *option_find(const struct option_block *block,
                                 const char *name) {
  for (size_t i = 0; i < block->options_len; i++) {
    if (strcasecmp(block->options[i].name, name) == 0) {
      return &block->options[i];
    }
  }
  return NULL;
}

void *option_field(const struct option *option, void *target) {
  return (char *)target + option->offset;
}

/* ---- errors ---- */

/* Writes a value as it stands in the configuration file, for errors. */
static void format_config_value(const struct config_value *value, char *text,
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

/* Appends both to TEXT, cutting at its end. */
static void append_cut_text(char *text, size_t bytes, const char *separator,
                            const char *more) {
  size_t length = strlen(text);
  (void)snprintf(text + length, bytes - length, "%s%s", separator, more);
}

void option_describe_allowed(const struct option *option, char *text,
                             size_t bytes) {
  text[0] = '\0';
  static const char *const booleans[] = {"true", "false", NULL};
  const char *const *words =
      option->kind == OPTION_BOOLEAN ? booleans : option->words;
  bool is_number =
      option->kind == OPTION_INTEGER || option->kind == OPTION_NUMBER;
  if (is_number && isinf(option->max) && isinf(option->min)) {
    append_cut_text(text, bytes, "", "any number");
  } else if (is_number && isinf(option->max)) {
    (void)snprintf(text, bytes, "%.15g or more", option->min);
  } else if (is_number) {
    (void)snprintf(text, bytes, "%.15g to %.15g", option->min, option->max);
  }
  for (size_t i = 0; words != NULL && words[i] != NULL; i++) {
    bool is_last = words[i + 1] == NULL;
    append_cut_text(text, bytes,
                    i == 0    ? ""
                    : is_last ? " or "
                              : ", ",
                    words[i]);
  }
  if (text[0] != '\0' && option->unit != NULL) {
    append_cut_text(text, bytes, " ", option->unit);
  }
}

/* "NAME VALUE WHY; allowed: ...; write NAME EXAMPLE". Returns -EINVAL. */
static int refuse_value(const struct option *option,
                        const struct config_value *value, const char *why,
                        struct error *error) {
  char found[128];
  char allowed[OPTION_ALLOWED_BYTES];
  format_config_value(value, found, sizeof(found));
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

/* "unknown option NAME; did you mean ...?". Returns -EINVAL. */
static int refuse_option_name(const struct option_block *block,
                              const char *name, struct error *error) {
  struct text_nearest nearest = text_nearest_begin(name);
  for (size_t i = 0; i < block->options_len; i++) {
    text_nearest_offer(&nearest, block->options[i].name);
  }
  if (nearest.name != NULL) {
    return error_set(error, -EINVAL, "unknown option %s; did you mean %s?",
                     name, nearest.name);
  }
  char allowed[OPTION_ALLOWED_BYTES] = "";
  for (size_t i = 0; i < block->options_len; i++) {
    append_cut_text(allowed, sizeof(allowed), i == 0 ? "" : ", ",
                    block->options[i].name);
  }
  return error_set(error, -EINVAL, "unknown option %s; allowed: %s", name,
                   allowed);
}

/* ---- values ---- */

/* *FIELD is owned or NULL. */
static int replace_string(char **field, const char *value) {
  char *copy = strdup(value);
  if (copy == NULL) {
    return -ENOMEM;
  }
  free(*field);
  *field = copy;
  return 0;
}

/* Appends a copy of VALUE. The array grows by one: such lists are short. */
static int append_string(struct option_strings *strings, const char *value) {
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

/* A list is replaced as a whole where another block changes it. */
static void clear_strings(const struct option *option,
                          struct option_strings *strings) {
  if (option->kind != OPTION_STRINGS) {
    return;
  }
  for (size_t i = 0; i < strings->len; i++) {
    free(strings->items[i]);
  }
  free(strings->items);
  *strings = (struct option_strings){0};
}

#define NOT_A_WORD "is not one of the allowed words"

/* Appends to the list or replaces the string, after the option's own check
 * and the list of allowed words. */
static int set_text_value(const struct option *option,
                          const struct config_value *value, void *field,
                          struct error *error) {
  if (value->kind != CONFIG_STRING) {
    return refuse_value(option, value, "must be quoted", error);
  }
  struct error reason = {{0}};
  if (option->check != NULL && option->check(value->string, &reason) != 0) {
    return refuse_value(option, value, reason.text, error);
  }
  if (option->words != NULL &&
      text_find_word(option->words, value->string) < 0) {
    return refuse_value(option, value, NOT_A_WORD, error);
  }
  return option->kind == OPTION_STRING ? replace_string(field, value->string)
                                       : append_string(field, value->string);
}

/* collectd passes bare booleans as such and quoted ones as strings; both are
 * accepted. */
static int set_boolean_value(const struct option *option,
                             const struct config_value *value, bool *field,
                             struct error *error) {
  static const char *const words[] = {"false", "no", "off", "true",
                                      "yes",   "on", NULL};
  int found = value->kind == CONFIG_STRING
                  ? text_find_word(words, value->string)
              : value->kind == CONFIG_BOOLEAN ? (value->boolean ? 3 : 0)
                                              : -1;
  if (found < 0) {
    return refuse_value(option, value, "is neither true nor false", error);
  }
  *field = found >= 3;
  return 0;
}

/* A NaN is out of any range; an integer of up to 2^53 is exact in the double
 * that collectd passes. */
static int set_number_value(const struct option *option,
                            const struct config_value *value, void *field,
                            struct error *error) {
  double number = value->number;
  char *rest = NULL;
  if (value->kind == CONFIG_STRING) { /* users of collectd quote numbers, too */
    number = strtod(value->string, &rest);
  }
  if (value->kind == CONFIG_BOOLEAN ||
      (rest != NULL && (rest == value->string || *rest != '\0'))) {
    return rest == NULL || rest == value->string
               ? refuse_value(option, value, "is not a number", error)
               : error_set(error, -EINVAL,
                           "%s \"%s\" is not a number; write %s %.15g%s",
                           option->name, value->string, option->name, number,
                           *rest == '%' ? " and Unit \"%\"" : "");
  }
  bool is_whole = isfinite(number) && floor(number) >= number;
  if (option->kind == OPTION_INTEGER && !is_whole) {
    return refuse_value(option, value, "is not a whole number", error);
  }
  if (!(number >= option->min && number <= option->max)) {
    return refuse_value(option, value, "is out of range", error);
  }
  if (option->kind == OPTION_INTEGER) {
    *(int64_t *)field = (int64_t)number;
  } else {
    *(double *)field = number;
  }
  return 0;
}

/* Stores the place of the word in the option's list. */
static int set_word_value(const struct option *option,
                          const struct config_value *value, int *field,
                          struct error *error) {
  const char *text = value->kind == CONFIG_STRING   ? value->string
                     : value->kind == CONFIG_NUMBER ? ""
                     : value->boolean               ? "on"
                                      : "off"; /* bare, a boolean */
  int found = text_find_word(option->words, text);
  if (found < 0) {
    return refuse_value(option, value, NOT_A_WORD, error);
  }
  *field = found;
  return 0;
}

/* Puts VALUE into the field of OPTION, or appends it to the field's list.
 * Returns 0, -EINVAL with the reason, -ENOMEM. */
static int set_option_value(const struct option *option,
                            const struct config_value *value, void *target,
                            struct error *error) {
  void *field = option_field(option, target);
  switch (option->kind) {
  case OPTION_STRING:
  case OPTION_STRINGS:
    return set_text_value(option, value, field, error);
  case OPTION_BOOLEAN:
    return set_boolean_value(option, value, field, error);
  case OPTION_INTEGER:
  case OPTION_NUMBER:
    return set_number_value(option, value, field, error);
  case OPTION_WORD:
    return set_word_value(option, value, field, error);
  case OPTION_BLOCK:
    break;
  }
  return error_set(error, -EINVAL, "%s is a block: write <%s> ... </%s>",
                   option->name, option->name, option->name);
}

/* ---- defaults ---- */

/* The default is read as if it stood in the file, so the manual and the code
 * cannot differ. */
static int set_default_value(const struct option *option, void *target) {
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
  int code = set_option_value(option, &value, target, NULL);
  free(value.string);
  return code;
}

/* All zero is the value of an option without a default; a number's is NaN,
 * since 0 may be a limit. */
int option_init(const struct option_block *block, void *target) {
  memset(target, 0, block->size);
  for (size_t i = 0; i < block->options_len; i++) {
    int code = set_default_value(&block->options[i], target);
    if (code != 0) {
      option_fini(block, target);
      return code;
    }
  }
  return 0;
}

/* ---- statements ---- */

/* Checks the number of values and stores each. */
static int parse_option(const struct option *option,
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
    int code = set_option_value(option, &item->values[i], target, error);
    if (code != 0) {
      return code;
    }
  }
  return 0;
}

/* Checks the name of a block before the block is added. SIBLINGS: the blocks
 * of the same kind that were read before it. */
static int check_block_label(const struct option_block *block,
                             const struct config_item *item,
                             const struct option_blocks *siblings,
                             struct error *error) {
  bool takes_none = block->label == OPTION_LABEL_NONE;
  if (item->values_len > (takes_none ? 0 : 1)) {
    return error_set(error, -EINVAL, "<%s> takes %s: write <%s%s>", block->name,
                     takes_none ? "no name" : "one name", block->name,
                     takes_none ? "" : " \"NAME\"");
  }
  if (item->values_len == 0 && block->label != OPTION_LABEL_REQUIRED) {
    return 0;
  }
  if (item->values_len == 0 || item->values[0].kind != CONFIG_STRING ||
      item->values[0].string[0] == '\0') {
    return error_set(error, -EINVAL,
                     "<%s> needs a quoted name: write <%s \"NAME\">",
                     block->name, block->name);
  }
  const char *label = item->values[0].string;
  for (size_t i = 0; !block->may_share_label && i < siblings->len; i++) {
    const struct option_head *head =
        (const void *)((const char *)siblings->items + i * block->size);
    if (head->label != NULL && strcmp(head->label, label) == 0) {
      return error_set(
          error, -EINVAL,
          "<%s \"%s\"> is given twice; give each a name of its own",
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

/* Looks for missing options once the block is complete: their order is free. */
static int check_required_options(const struct option_block *block,
                                  const struct config_item *item,
                                  struct error *error) {
  for (size_t i = 0; i < block->options_len; i++) {
    const struct option *option = &block->options[i];
    if (option->is_required && config_item_find(item, option->name) == NULL) {
      return error_set(error, -EINVAL, "%s is missing: write %s%s%s%s",
                       option->name, option->kind == OPTION_BLOCK ? "<" : "",
                       option->name, option->kind == OPTION_BLOCK ? ">" : " ",
                       option->example == NULL ? "..." : option->example);
    }
  }
  return 0;
}

/* The new struct is counted once it is initialized: option_fini() must not
 * free it before. Arrays grow by one, as blocks are few. */
int option_add_block(const struct option_block *block,
                     struct option_blocks *blocks) {
  char *larger = realloc(blocks->items, (blocks->len + 1) * block->size);
  if (larger == NULL) {
    return -ENOMEM;
  }
  blocks->items = larger;
  int code = option_init(block, larger + blocks->len * block->size);
  blocks->len += code == 0;
  return code;
}

static int parse_statements(const struct option_block *block,
                            const struct config_item *item, void *target,
                            struct error *error);

/* Reads the statements of a block and checks it as a whole. */
static int fill_block(const struct option_block *block,
                      const struct config_item *item, void *target,
                      struct error *error) {
  int code = parse_statements(block, item, target, error);
  if (code == 0 && block->amends == NULL) {
    code = check_required_options(block, item, error);
  }
  if (code == 0 && block->check != NULL) {
    code = block->check(target, error);
  }
  if (code != 0 && item->values_len > 0) {
    error_prefix(error, "<%s \"%s\">", block->name, item->values[0].string);
  } else if (code != 0) {
    error_prefix(error, "<%s>", block->name);
  }
  return code;
}

/* Changes single options of a block that was read before. */
static int parse_amendment(const struct option_block *block,
                           const struct config_item *item,
                           const struct option_blocks *siblings,
                           struct error *error) {
  int code = check_block_label(block, item, siblings, error);
  if (code != 0) {
    return code;
  }
  const char *label = item->values[0].string;
  struct text_nearest nearest = text_nearest_begin(label);
  for (size_t i = 0; i < siblings->len; i++) {
    char *sibling = (char *)siblings->items + i * block->size;
    const struct option_head *head = (const void *)sibling;
    if (strcmp(head->label, label) == 0) {
      return fill_block(block, item, sibling, error);
    }
    text_nearest_offer(&nearest, head->label);
  }
  return error_set(error, -EINVAL,
                   "<%s \"%s\">: no <%s> of this name before it%s%s",
                   block->name, label, block->amends,
                   nearest.name == NULL ? "" : "; did you mean ",
                   nearest.name == NULL ? "" : nearest.name);
}

/* Adds a block and reads its statements. Where that fails the block stays,
 * half filled, until option_fini() frees it. */
static int parse_block(const struct option *option,
                       const struct config_item *item, size_t position,
                       void *target, struct error *error) {
  const struct option_block *block = option->block;
  struct option_blocks *siblings = option_field(option, target);
  if (siblings->len > 0 && !block->is_repeatable) {
    return error_set(error, -EINVAL, "<%s> is given twice; one is allowed",
                     block->name);
  }
  int code = check_block_label(block, item, siblings, error);
  if (code != 0 || (code = option_add_block(block, siblings)) != 0) {
    return code;
  }
  void *child = (char *)siblings->items + (siblings->len - 1) * block->size;
  struct option_head *head = child;
  head->position = position;
  if (block->begin != NULL) {
    block->begin(target, child);
  }
  if (item->values_len > 0) {
    code = replace_string(&head->label, item->values[0].string);
  }
  return code != 0 ? code : fill_block(block, item, child, error);
}

/* Finds the option that a statement is for, letters' case aside as in
 * collectd, and reads it. */
static int parse_statement(const struct option_block *block,
                           const struct config_item *parent, size_t position,
                           void *target, struct error *error) {
  const struct config_item *item = &parent->children[position];
  const struct option *option = option_find(block, item->key);
  int code;
  if (option == NULL) {
    code = refuse_option_name(block, item->key, error);
  } else if (option->kind == OPTION_BLOCK && option->block->amends != NULL) {
    code = parse_amendment(option->block, item, option_field(option, target),
                           error);
  } else if (option->kind == OPTION_BLOCK) {
    code = parse_block(option, item, position, target, error);
  } else if (option->kind != OPTION_STRINGS && !block->may_repeat_options &&
             config_item_find(parent, option->name) != item) {
    code = error_set(error, -EINVAL, "%s is given twice; one is allowed",
                     option->name);
  } else {
    if (block->amends != NULL && config_item_find(parent, item->key) == item) {
      clear_strings(option, option_field(option, target));
    }
    code = parse_option(option, item, target, error);
  }
  if (code == -ENOMEM) {
    (void)error_set(error, code, "out of memory");
  }
  return code;
}

/* Stops at the first error, and puts the line in front of it where it is
 * known: collectd does not pass it on. A block's error has the block's name
 * instead. */
static int parse_statements(const struct option_block *block,
                            const struct config_item *item, void *target,
                            struct error *error) {
  int code = 0;
  for (size_t i = 0; i < item->children_len && code == 0; i++) {
    const struct config_item *child = &item->children[i];
    code = parse_statement(block, item, i, target, error);
    if (code != 0 && child->line > 0 && child->children_len == 0) {
      error_prefix(error, "line %d", child->line);
    }
  }
  return code;
}

/* Required options of the outermost block are not looked for: collectd
 * passes one block for each file, and each may have a part of the options. */
int option_parse(const struct option_block *block,
                 const struct config_item *item, void *target,
                 struct error *error) {
  int code = parse_statements(block, item, target, error);
  return code == 0 && block->check != NULL ? block->check(target, error) : code;
}

/* ---- freeing ---- */

/* Kinds that own no memory are left alone. */
static void free_option_field(const struct option *option, void *field) {
  if (option->kind == OPTION_STRING) {
    free(*(char **)field);
  } else if (option->kind == OPTION_STRINGS) {
    clear_strings(option, field);
  } else if (option->kind == OPTION_BLOCK && option->block->amends == NULL) {
    const struct option_blocks *blocks = field;
    for (size_t i = 0; i < blocks->len; i++) {
      option_fini(option->block,
                  (char *)blocks->items + i * option->block->size);
    }
    free(blocks->items);
  }
}

void option_fini(const struct option_block *block, void *target) {
  if (target == NULL) {
    return;
  }
  for (size_t i = 0; i < block->options_len; i++) {
    free_option_field(&block->options[i],
                      option_field(&block->options[i], target));
  }
  free(((struct option_head *)target)->label);
  memset(target, 0, block->size);
}

/* ---- checks ---- */

int option_check_absolute_path(const char *value, struct error *error) {
  return value[0] == '/' ? 0
                         : error_set(error, -EINVAL, "is not an absolute path");
}

int option_check_name(const char *value, struct error *error) {
  size_t length = strlen(value);
  if (length == 0 || length > OPTION_NAME_LENGTH_MAX) {
    return error_set(error, -EINVAL, "must have 1 to %d characters",
                     OPTION_NAME_LENGTH_MAX);
  }
  for (size_t i = 0; i < length; i++) {
    unsigned char c = (unsigned char)value[i];
    bool is_plain = c < 0x80 && (isalnum(c) || c == '_');
    if (!is_plain && (i == 0 || (c != '-' && c != '.'))) {
      return error_set(error, -EINVAL,
                       "may hold letters, digits, '_', and behind the first "
                       "'-' and '.'");
    }
  }
  return 0;
}
