/* SPDX-License-Identifier: MIT */
/* option: one table drives parsing, defaults, errors and the manual. This file
 * walks blocks; option_value.c fills fields; option_text.c has the words. */
#include "core/option.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/option_text.h"
#include "core/option_value.h"

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
