/* SPDX-License-Identifier: MIT */
/* option_text: what is said about options: refusals and the reference. */
#include "core/option_text.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#include "core/spelling.h"

#define ALLOWED_BYTES 256

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

/* "1 to 10000 connections", "auto, dryrun or off", "" where anything goes. */
static void describe_allowed(const struct option *option, char *text,
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
  char allowed[ALLOWED_BYTES];
  describe_value(value, found, sizeof(found));
  describe_allowed(option, allowed, sizeof(allowed));
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
  char allowed[ALLOWED_BYTES] = "";
  for (size_t i = 0; i < block->options_len; i++) {
    append(allowed, sizeof(allowed), i == 0 ? "" : ", ");
    append(allowed, sizeof(allowed), block->options[i].name);
  }
  return error_set(error, -EINVAL, "unknown option %s; allowed: %s", name,
                   allowed);
}

/* ---- the reference ---- */

/* Blocks that were explained already: one that stands in several others is
 * explained once. */
struct explained {
  const struct option_block *blocks[64];
  size_t len;
};

static void print_options_pod(const struct option_block *block,
                              struct explained *explained, FILE *file);

static bool is_explained(struct explained *explained,
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

static void print_block_pod(const struct option *option,
                            struct explained *explained, FILE *file) {
  const struct option_block *block = option->block;
  const char *label = "";
  if (block->label == OPTION_LABEL_REQUIRED) {
    label = " \"NAME\"";
  } else if (block->label == OPTION_LABEL_OPTIONAL) {
    label = " [\"NAME\"]";
  }
  (void)fprintf(file, "=item B<E<lt>%s%sE<gt>>%s\n\n%s\n\n", block->name, label,
                block->is_repeatable ? " (repeatable)" : "", block->help);
  if (is_explained(explained, block)) {
    (void)fprintf(file, "Its options are those of B<E<lt>%sE<gt>> above.\n\n",
                  block->name);
    return;
  }
  (void)fprintf(file, "=over 4\n\n");
  print_options_pod(block, explained, file);
  (void)fprintf(file, "=back\n\n");
}

static void print_option_pod(const struct option *option, FILE *file) {
  char allowed[ALLOWED_BYTES];
  describe_allowed(option, allowed, sizeof(allowed));
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

void option_print_pod(const struct option_block *block, FILE *file) {
  struct explained explained = {.len = 0};
  print_options_pod(block, &explained, file);
}

/* ---- the sample file ---- */

static bool is_shown(const struct option *option,
                     const struct config_item *item) {
  for (size_t i = 0; i < item->children_len; i++) {
    if (strcasecmp(item->children[i].key, option->name) == 0) {
      return true;
    }
  }
  return false;
}

/* True if some sub-block named BLOCK anywhere below ITEM shows OPTION. */
static bool is_shown_in_any(const struct option_block *block,
                            const struct option *option,
                            const struct config_item *item) {
  for (size_t i = 0; i < item->children_len; i++) {
    const struct config_item *child = &item->children[i];
    if ((strcasecmp(child->key, block->name) == 0 && is_shown(option, child)) ||
        is_shown_in_any(block, option, child)) {
      return true;
    }
  }
  return false;
}

static int check_sub_block(const struct option_block *block,
                           const struct config_item *item, struct error *error);

static int check_inside(const struct option *option,
                        const struct config_item *item, struct error *error) {
  return option->kind == OPTION_BLOCK
             ? check_sub_block(option->block, item, error)
             : 0;
}

static int check_sub_block(const struct option_block *block,
                           const struct config_item *item,
                           struct error *error) {
  for (size_t i = 0; i < block->options_len; i++) {
    const struct option *option = &block->options[i];
    if (!is_shown_in_any(block, option, item)) {
      return error_set(error, -ENOENT, "<%s>: %s is not shown", block->name,
                       option->name);
    }
    int code = check_inside(option, item, error);
    if (code != 0) {
      return code;
    }
  }
  return 0;
}

int option_check_sample(const struct option_block *block,
                        const struct config_item *item, struct error *error) {
  for (size_t i = 0; i < block->options_len; i++) {
    const struct option *option = &block->options[i];
    if (!is_shown(option, item)) {
      return error_set(error, -ENOENT, "%s is not shown", option->name);
    }
    int code = check_inside(option, item, error);
    if (code != 0) {
      return code;
    }
  }
  return 0;
}
