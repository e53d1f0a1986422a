/* SPDX-License-Identifier: MIT */
/* lint: finds every mistake in a block, where collectd stops at the first.
 *
 * To report all of them, each statement is parsed alone, in an empty block
 * of the same kind, by the daemon's own option table. What only shows in the
 * whole, such as a repeated option, is found by bisection over the number of
 * statements, so that it has a place as well. */
#include "ctl/check/lint.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

/* NULL for a statement that is no block, or that is unknown. */
static const struct option *find_inner_block(const struct option_block *block,
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

void lint_report_error(const struct lint_report *report,
                       const struct config_item *item, const char *text) {
  diagnostics_print(report->diagnostics, DIAGNOSTICS_ERROR,
                    (struct config_files_place){report->path, item}, "%s%s",
                    report->prefix, text);
}

/* Parses ITEM as the daemon would and discards the result. is_part: only a part
 * of the block, whose check as a whole would refuse it. */
static int try_parse_block(const struct option_block *block,
                           const struct config_item *item, bool is_part,
                           struct error *error) {
  struct option_block parts = *block;
  parts.check = is_part ? NULL : block->check;
  void *target = malloc(block->size);
  int code = target == NULL ? -ENOMEM : option_init(&parts, target);
  if (code == 0) {
    code = option_parse(&parts, item, target, error);
    option_fini(&parts, target);
  }
  free(target);
  return code;
}

/* Parses CHILD alone in a block of BLOCK's kind, without the check of the
 * whole block. */
static int try_parse_statement(const struct option_block *block,
                               const struct config_item *child,
                               struct error *error) {
  struct config_item alone = *child;
  alone.line = 0; /* the report adds the place itself */
  char name[] = "Plugin";
  const struct config_item parent = {
      .key = name, .children = &alone, .children_len = 1};
  return try_parse_block(block, &parent, true, error);
}

static int lint_inner_statements(const struct option_block *block,
                                 const struct config_item *item,
                                 const struct lint_report *report);

/* Mistakes inside of a block hide those of the block as a whole, which would
 * only repeat them. */
static int lint_statement(const struct option_block *block,
                          const struct config_item *child,
                          const struct lint_report *report) {
  const struct option *option = find_inner_block(block, child);
  int inside =
      option == NULL ? 0 : lint_inner_statements(option->block, child, report);
  if (inside != 0) {
    return inside;
  }
  struct error error = {{0}};
  int code = try_parse_statement(block, child, &error);
  if (code == -EINVAL) {
    lint_report_error(report, child, error.text);
    return 1;
  }
  return code;
}

/* Returns the number of mistakes reported, or -ENOMEM. */
static int lint_inner_statements(const struct option_block *block,
                                 const struct config_item *item,
                                 const struct lint_report *report) {
  int mistakes = 0;
  for (size_t i = 0; i < item->children_len; i++) {
    int found = lint_statement(block, &item->children[i], report);
    if (found < 0) {
      return found;
    }
    mistakes += found;
  }
  return mistakes;
}

/* Finds the statement that contradicts those before it, such as a repeated
 * one. Returns ITEM where they are good together and the whole is wrong. */
static const struct config_item *
find_bad_statement(const struct option_block *block,
                   const struct config_item *item) {
  struct config_item head = *item; /* its first statements */
  size_t good = 0;
  size_t bad = item->children_len + 1;
  while (bad - good > 1) {
    size_t middle = good + (bad - good) / 2;
    head.children_len = middle;
    if (middle <= item->children_len &&
        try_parse_block(block, &head, true, NULL) == 0) {
      good = middle;
    } else {
      bad = middle;
    }
  }
  return bad > item->children_len ? item : &item->children[bad - 1];
}

int lint_block(const struct option_block *block, const struct config_item *item,
               const struct lint_report *report) {
  int mistakes = lint_inner_statements(block, item, report);
  if (mistakes != 0) {
    return mistakes;
  }
  struct error error = {{0}};
  int code = try_parse_block(block, item, false, &error);
  if (code == -EINVAL) {
    lint_report_error(report, find_bad_statement(block, item), error.text);
    return 1;
  }
  return code;
}
