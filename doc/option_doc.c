/* SPDX-License-Identifier: MIT */
/* option_doc: the reference of an option table, and its check against a sample
 * file; used when the manual is built and tested, not by the daemon. */
#include "option_doc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- the reference ---- */

/* Blocks that were explained already: one that is in several others is
 * explained once. */
struct explained {
  const struct option_block *blocks[64];
  size_t len;
};

static void print_options_pod(const struct option_block *block,
                              struct explained *explained, FILE *file);

/* Returns whether the block was printed before, and records that it is now. */
static bool mark_block_explained(struct explained *explained,
                                 const struct option_block *block) {
  for (size_t i = 0; i < explained->len; i++) {
    if (explained->blocks[i] == block) {
      return true;
    }
  }
  if (explained->len < OPTION_COUNT(explained->blocks)) {
    explained->blocks[explained->len++] = block;
  }
  return false;
}

/* Prints a block as an item with the list of its options inside. */
static void print_block_pod(const struct option *option,
                            struct explained *explained, FILE *file) {
  const struct option_block *block = option->block;
  static const char *const labels[] = {"", " \"NAME\"", " [\"NAME\"]"};
  (void)fprintf(file, "=item B<E<lt>%s%sE<gt>>%s\n\n%s\n\n", block->name,
                labels[block->label],
                block->is_repeatable ? " (repeatable)" : "", block->help);
  if (block->amends != NULL || mark_block_explained(explained, block)) {
    (void)fprintf(file, "Its options are those of B<E<lt>%sE<gt>> above.\n\n",
                  block->amends != NULL ? block->amends : block->name);
    return;
  }
  (void)fprintf(file, "=over 4\n\n");
  print_options_pod(block, explained, file);
  (void)fprintf(file, "=back\n\n");
}

/* Prints "Name allowed-values (default: x)" and the help. */
static void print_option_pod(const struct option *option, FILE *file) {
  char allowed[OPTION_ALLOWED_BYTES];
  option_describe_allowed(option, allowed, sizeof(allowed));
  const char *value = option->kind == OPTION_STRINGS  ? "\"STRING\" ..."
                      : option->kind == OPTION_STRING ? "\"STRING\""
                                                      : allowed;
  (void)fprintf(file, "=item B<%s> I<%s>", option->name, value);
  if (option->default_text != NULL) {
    (void)fprintf(file, " (default: C<%s>)", option->default_text);
  } else if (option->is_required) {
    (void)fprintf(file, " (required)");
  }
  (void)fprintf(file, "\n\n%s\n\n", option->help);
}

/* Options appear in the order of the table, which is the order of the
 * manual. */
static void print_options_pod(const struct option_block *block,
                              struct explained *explained, FILE *file) {
  for (size_t i = 0; i < block->options_len; i++) {
    const struct option *option = &block->options[i];
    if (option->kind == OPTION_BLOCK) {
      print_block_pod(option, explained, file);
    } else {
      print_option_pod(option, file);
    }
  }
}

void option_doc_print(const struct option_block *block, FILE *file) {
  struct explained explained = {.len = 0};
  print_options_pod(block, &explained, file);
}

/* ---- the sample file ---- */

/* True if some sub-block named BLOCK anywhere below ITEM shows OPTION. */
static bool is_shown_in_any_block(const struct option_block *block,
                                  const struct option *option,
                                  const struct config_item *item) {
  for (size_t i = 0; i < item->children_len; i++) {
    const struct config_item *child = &item->children[i];
    if ((strcasecmp(child->key, block->name) == 0 &&
         config_item_find(child, option->name) != NULL) ||
        is_shown_in_any_block(block, option, child)) {
      return true;
    }
  }
  return false;
}

/* Checks that OPTION is shown; if it is a block, also the options in it.
 * PARENT: the block that has it; NULL for the outermost, whose options must
 * stand in ITEM itself. */
static int check_option_shown(const struct option_block *parent,
                              const struct option *option,
                              const struct config_item *item,
                              struct error *error) {
  if (parent == NULL && config_item_find(item, option->name) == NULL) {
    return error_set(error, -ENOENT, "%s is not shown", option->name);
  }
  if (parent != NULL && !is_shown_in_any_block(parent, option, item)) {
    return error_set(error, -ENOENT, "<%s>: %s is not shown", parent->name,
                     option->name);
  }
  const struct option_block *block = option->block;
  int code = 0;
  bool has_rows = block != NULL && block->amends == NULL;
  for (size_t i = 0; has_rows && i < block->options_len && code == 0; i++) {
    code = check_option_shown(block, &block->options[i], item, error);
  }
  return code;
}

int option_doc_check_sample(const struct option_block *block,
                            const struct config_item *item,
                            struct error *error) {
  int code = 0;
  for (size_t i = 0; i < block->options_len && code == 0; i++) {
    code = check_option_shown(NULL, &block->options[i], item, error);
  }
  return code;
}
