/* SPDX-License-Identifier: MIT */
/* lint: every mistake in a block, where collectd would stop at the first. */
#include "ctl/check/lint.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

static const struct option *find_block(const struct option_block *block,
                                       const struct config_item *item) {
  for (size_t i = 0; i < block->options_len; i++) {
    const struct option *option = &block->options[i];
    if (option->kind == OPTION_BLOCK &&
        strcasecmp(option->name, item->key) == 0) {
      return option;
    }
  }
  return NULL;
}

/* Parses ITEM as the daemon would and throws the result away. */
static int try_block(const struct option_block *block,
                     const struct config_item *item, struct error *error) {
  void *target = malloc(block->size);
  int code = target == NULL ? -ENOMEM : option_init(block, target);
  if (code == 0) {
    code = option_parse(block, item, target, error);
    option_fini(block, target);
  }
  free(target);
  return code;
}

/* CHILD alone in a block of BLOCK's kind. */
static int try_statement(const struct option_block *block,
                         const struct config_item *child, struct error *error) {
  struct config_item alone = *child;
  alone.line = 0; /* the listener is told the place by itself */
  char name[] = "Plugin";
  const struct config_item parent = {
      .key = name, .children = &alone, .children_len = 1};
  struct option_block parts = *block;
  parts.check = NULL; /* judges the whole block */
  return try_block(&parts, &parent, error);
}

static int lint_parts(const struct option_block *block,
                      const struct config_item *item,
                      const struct lint_listener *listener);

static int lint_statement(const struct option_block *block,
                          const struct config_item *child,
                          const struct lint_listener *listener) {
  const struct option *option = find_block(block, child);
  int inside = option == NULL ? 0 : lint_parts(option->block, child, listener);
  if (inside != 0) {
    return inside;
  }
  struct error error = {{0}};
  int code = try_statement(block, child, &error);
  if (code == -EINVAL) {
    listener->found(listener->context, child, error.text);
    return 1;
  }
  return code;
}

static int lint_parts(const struct option_block *block,
                      const struct config_item *item,
                      const struct lint_listener *listener) {
  int mistakes = 0;
  for (size_t i = 0; i < item->children_len; i++) {
    int found = lint_statement(block, &item->children[i], listener);
    if (found < 0) {
      return found;
    }
    mistakes += found;
  }
  return mistakes;
}

static int try_first(const struct option_block *block,
                     const struct config_item *item, size_t count,
                     struct error *error) {
  struct config_item head = *item;
  head.children_len = count;
  struct option_block parts = *block;
  parts.check = NULL;
  return try_block(&parts, &head, error);
}

/* Which statement does not go with those before it: a repeated one. Returns
 * ITEM where all of them go together and the whole is wrong. */
static const struct config_item *find_culprit(const struct option_block *block,
                                              const struct config_item *item) {
  size_t good = 0;
  size_t bad = item->children_len + 1;
  while (bad - good > 1) {
    size_t middle = good + (bad - good) / 2;
    if (middle <= item->children_len &&
        try_first(block, item, middle, NULL) == 0) {
      good = middle;
    } else {
      bad = middle;
    }
  }
  return bad > item->children_len ? item : &item->children[bad - 1];
}

int lint_block(const struct option_block *block, const struct config_item *item,
               const struct lint_listener *listener) {
  int mistakes = lint_parts(block, item, listener);
  if (mistakes != 0) {
    return mistakes;
  }
  struct error error = {{0}};
  int code = try_block(block, item, &error);
  if (code == -EINVAL) {
    listener->found(listener->context, find_culprit(block, item), error.text);
    return 1;
  }
  return code;
}
