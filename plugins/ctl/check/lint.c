/* SPDX-License-Identifier: MIT */
/* lint: finds every mistake in a block, where collectd stops at the first.
 *
 * To report all of them, each statement is parsed alone, in an empty block
 * of the same kind, by the daemon's own option table. What only shows in the
 * whole, such as a repeated option, is found by bisection over the number of
 * statements, so that it has a place as well. */
#include "ctl/check/lint.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/text.h"

/* Where the mistakes of one block are reported. */
struct lint_place {
  struct lint_report *report;
  const char *path;
  const char *prefix;
};

void lint_print(struct lint_report *report, enum lint_severity severity,
                struct config_files_place place, const char *format, ...) {
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  text_blank_controls(text);
  (void)fprintf(report->file, "%s:", place.path);
  if (place.item->line > 0) {
    (void)fprintf(report->file, "%d:%d:", place.item->line, place.item->column);
  }
  (void)fprintf(report->file, " %s: %s\n",
                severity == LINT_ERROR ? "error" : "warning", text);
  report->counts[severity]++;
}

void lint_note(struct lint_report *report, struct config_files_place place,
               const char *format, ...) {
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  text_blank_controls(text);
  (void)fprintf(report->file, "%s:%d:%d: note: %s\n", place.path,
                place.item->line, place.item->column, text);
}

static void print_mistake(const struct lint_place *place,
                          const struct config_item *item, const char *text) {
  lint_print(place->report, LINT_ERROR,
             (struct config_files_place){place->path, item}, "%s%s",
             place->prefix, text);
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
                                 const struct lint_place *place);

/* Mistakes inside of a block hide those of the block as a whole, which would
 * only repeat them. */
static int lint_statement(const struct option_block *block,
                          const struct config_item *child,
                          const struct lint_place *place) {
  const struct option *option = option_find(block, child->key);
  bool is_block = option != NULL && option->block != NULL;
  int inside =
      is_block ? lint_inner_statements(option->block, child, place) : 0;
  if (inside != 0 || (is_block && option->block->amends != NULL)) {
    return inside; /* what it changes may stand in another file */
  }
  struct error error = {{0}};
  int code = try_parse_statement(block, child, &error);
  if (code == -EINVAL) {
    print_mistake(place, child, error.text);
    return 1;
  }
  return code;
}

/* Returns the number of mistakes reported, or -ENOMEM. */
static int lint_inner_statements(const struct option_block *block,
                                 const struct config_item *item,
                                 const struct lint_place *place) {
  int mistakes = 0;
  for (size_t i = 0; i < item->children_len; i++) {
    int found = lint_statement(block, &item->children[i], place);
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

/* True for an option given again, and for a block whose label is given again.
 */
static bool is_twin(const struct config_item *one,
                    const struct config_item *other) {
  const char *label = config_files_get_name(one);
  const char *other_label = config_files_get_name(other);
  bool is_block = one->children_len > 0 || other->children_len > 0;
  return strcasecmp(one->key, other->key) == 0 &&
         (!is_block || (label != NULL && other_label != NULL
                            ? strcmp(label, other_label) == 0
                            : label == other_label));
}

const struct config_item *lint_find_twin(const struct config_item *parent,
                                         const struct config_item *item) {
  for (size_t i = 0; i < parent->children_len && &parent->children[i] != item;
       i++) {
    if (is_twin(&parent->children[i], item)) {
      return &parent->children[i];
    }
  }
  return NULL;
}

/* Leaves out the blocks that change a block of an earlier file. The children of
 * *ret_item are yours, and hold no memory of their own. */
static int copy_unamended(const struct option_block *block,
                          const struct config_item *item,
                          struct config_item *ret_item) {
  *ret_item = *item;
  ret_item->children =
      calloc(item->children_len + 1, sizeof(item->children[0]));
  ret_item->children_len = 0;
  if (ret_item->children == NULL) {
    return -ENOMEM;
  }
  for (size_t i = 0; i < item->children_len; i++) {
    const struct option *option = option_find(block, item->children[i].key);
    bool amends = option != NULL && option->block != NULL &&
                  option->block->amends != NULL;
    if (!amends) {
      ret_item->children[ret_item->children_len++] = item->children[i];
    }
  }
  return 0;
}

/* Reports what only shows in the whole block. */
static int lint_whole_block(const struct option_block *block,
                            struct config_files_place place, const char *prefix,
                            struct lint_report *report) {
  struct error error = {{0}};
  int code = try_parse_block(block, place.item, false, &error);
  if (code == -EINVAL) {
    const struct config_item *bad = find_bad_statement(block, place.item);
    const struct config_item *twin =
        bad == place.item ? NULL : lint_find_twin(place.item, bad);
    lint_print(report, LINT_ERROR, (struct config_files_place){place.path, bad},
               twin == NULL ? "%s%s" : "%s%s; the other one is in line %d",
               prefix, error.text, twin == NULL ? 0 : twin->line);
    return 1;
  }
  return code;
}

int lint_block(const struct option_block *block,
               struct config_files_place place, const char *prefix,
               struct lint_report *report) {
  const struct lint_place where = {report, place.path, prefix};
  int mistakes = lint_inner_statements(block, place.item, &where);
  if (mistakes != 0) {
    return mistakes;
  }
  struct config_item item;
  int code = copy_unamended(block, place.item, &item);
  if (code == 0) {
    const struct config_files_place unamended = {place.path, &item};
    code = lint_whole_block(block, unamended, prefix, report);
  }
  free(item.children);
  return code;
}
