/* SPDX-License-Identifier: MIT */
/* override_lint: reports what the <Override> blocks change, and those whose
 * rule does not exist. */
#include "ctl/check/override_lint.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/text.h"

#define VALUE_BYTES 128

/* A block is visited in the order in which collectd reads them. */
struct block_walk {
  const struct config_files *files;
  size_t statement, child;
};

/* The next rule or Override before the place LAST (a statement and a child of
 * it); its item is NULL at the end. */
static struct config_files_place find_next_block(struct block_walk *walk,
                                                 size_t last_statement,
                                                 size_t last_child) {
  for (; walk->statement <= last_statement; walk->statement++) {
    const struct config_files_place *at =
        &walk->files->statements[walk->statement];
    bool is_ours = config_files_is_plugin(at->item, "resource_alert");
    while (is_ours && walk->child < at->item->children_len &&
           (walk->statement < last_statement || walk->child < last_child)) {
      const struct config_item *block = &at->item->children[walk->child++];
      bool is_rule = strcasecmp(block->key, "Threshold") == 0 ||
                     strcasecmp(block->key, "Override") == 0;
      if (is_rule && config_files_get_name(block) != NULL) {
        return (struct config_files_place){at->path, block};
      }
    }
    walk->child = 0;
  }
  return (struct config_files_place){0};
}

/* The values as they stand in the file. */
static void format_values(const struct config_item *item,
                          char text[VALUE_BYTES]) {
  size_t length = 0;
  text[0] = '\0';
  for (size_t i = 0; i < item->values_len && length < VALUE_BYTES; i++) {
    const struct config_value *value = &item->values[i];
    const char *space = i == 0 ? "" : " ";
    char *end = text + length;
    size_t room = VALUE_BYTES - length;
    int wrote = value->kind == CONFIG_STRING
                    ? snprintf(end, room, "%s\"%s\"", space, value->string)
                : value->kind == CONFIG_NUMBER
                    ? snprintf(end, room, "%s%.15g", space, value->number)
                    : snprintf(end, room, "%s%s", space,
                               value->boolean ? "true" : "false");
    length += wrote > 0 ? (size_t)wrote : 0;
  }
}

/* Prints what one line of an Override replaces: the last line before it. */
static void note_change(const struct config_files *files, size_t index,
                        size_t child, const struct config_item *line,
                        struct lint_report *report) {
  const struct config_item *block =
      &files->statements[index].item->children[child];
  const char *rule = config_files_get_name(block);
  struct block_walk walk = {.files = files};
  struct config_files_place at;
  struct config_files_place before = {0};
  struct config_files_place whole = {0};
  while ((at = find_next_block(&walk, index, child)).item != NULL) {
    if (strcmp(config_files_get_name(at.item), rule) == 0) {
      const struct config_item *same = config_item_find(at.item, line->key);
      whole = whole.item == NULL ? at : whole;
      before =
          same != NULL ? (struct config_files_place){at.path, same} : before;
    }
  }
  char now[VALUE_BYTES];
  char old[VALUE_BYTES] = "the default";
  format_values(line, now);
  if (before.item != NULL) {
    format_values(before.item, old);
  }
  const struct config_files_place *place =
      before.item != NULL ? &before : &whole;
  lint_note(report,
            (struct config_files_place){files->statements[index].path, line},
            "rule \"%s\": %s %s overrides %s (%s:%d)", rule, line->key, now,
            old, place->path, place->item->line);
}

/* Returns false, and prints an error, if no earlier block is that rule. */
static bool check_rule_exists(const struct config_files *files, size_t index,
                              size_t child, struct lint_report *report) {
  const struct config_files_place *statement = &files->statements[index];
  const struct config_item *block = &statement->item->children[child];
  const char *rule = config_files_get_name(block);
  struct text_nearest nearest = text_nearest_begin(rule);
  struct block_walk walk = {.files = files};
  struct config_files_place at;
  while ((at = find_next_block(&walk, index, child)).item != NULL) {
    const char *name = config_files_get_name(at.item);
    if (strcasecmp(at.item->key, "Threshold") == 0) {
      if (strcmp(name, rule) == 0) {
        return true;
      }
      text_nearest_offer(&nearest, name);
    }
  }
  lint_print(report, LINT_ERROR,
             (struct config_files_place){statement->path, block},
             "<Override \"%s\">: no <Threshold> of this name before it%s%s",
             rule, nearest.name == NULL ? "" : "; did you mean ",
             nearest.name == NULL ? "" : nearest.name);
  return false;
}

int override_lint_check(const struct config_files *files, size_t index,
                        struct lint_report *report) {
  const struct config_item *item = files->statements[index].item;
  int errors = 0;
  for (size_t i = 0;
       config_files_is_plugin(item, "resource_alert") && i < item->children_len;
       i++) {
    const struct config_item *block = &item->children[i];
    if (strcasecmp(block->key, "Override") != 0 ||
        config_files_get_name(block) == NULL) {
      continue;
    }
    bool exists = check_rule_exists(files, index, i, report);
    errors += exists ? 0 : 1;
    for (size_t k = 0; exists && k < block->children_len; k++) {
      note_change(files, index, i, &block->children[k], report);
    }
  }
  return errors;
}
