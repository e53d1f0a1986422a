/* SPDX-License-Identifier: MIT */
/* response_lint: checks responses as the daemon does behind each block, but all
 * of them. */
#include "ctl/check/response_lint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/check/scale_pools.h"
#include "resource_alert/responses/responses.h"

struct response_place {
  struct lint_report *report;
  struct config_files_place place;
};

/* The innermost statement that TEXT quotes, as KEY "VALUE", or names, as
 * <KEY>; ITEM if there is none. */
static const struct config_item *
find_quoted_statement(const struct config_item *item, const char *text) {
  for (size_t i = 0; i < item->children_len; i++) {
    const struct config_item *child = &item->children[i];
    for (size_t k = 0; k < child->values_len; k++) {
      char quoted[256];
      (void)snprintf(quoted, sizeof(quoted), "%s \"%s\"", child->key,
                     child->values[k].kind == CONFIG_STRING
                         ? child->values[k].string
                         : "");
      if (strstr(text, quoted) != NULL) {
        return find_quoted_statement(child, text);
      }
    }
    char tag[256];
    (void)snprintf(tag, sizeof(tag), "<%s>", child->key);
    if (child->values_len == 0 && strstr(text, tag) != NULL) {
      return find_quoted_statement(child, text);
    }
  }
  return item;
}

static void print_mistake(const struct response_place *to,
                          enum lint_severity severity, const char *text) {
  const struct config_files_place place = {
      to->place.path, find_quoted_statement(to->place.item, text)};
  lint_print(to->report, severity, place, "%s", text);
}

/* For log_sink; context: struct response_place. */
static void print_broken_action(void *context, enum log_level level,
                                const char *line) {
  (void)level;
  print_mistake(context, LINT_WARNING, line);
}

/* responses_check() stops at the first mistake, so it is called for one
 * response after the other. */
int response_lint_check(const struct config_files *files,
                        const struct resource_alert_options *options,
                        size_t first, const struct dbpool_options *dbpool,
                        struct lint_report *report) {
  size_t len = 0;
  const char **names = resource_alert_list_rule_names(options, &len);
  if (names == NULL) {
    return -ENOMEM;
  }
  const struct response_rule_names rules = {names, len};
  const struct response_options *responses = options->responses.responses.items;
  for (size_t i = first; i < options->responses.responses.len; i++) {
    struct responses_options some = options->responses;
    some.responses.len = i + 1;
    struct error error = {{0}};
    struct response_place to = {
        report,
        config_files_find_block(files, "resource_alert", "Response", i)};
    const struct log_sink log = {print_broken_action, &to};
    if (responses_check(&some, i, &rules, &log, &error) != 0) {
      print_mistake(&to, LINT_ERROR, error.text);
    } else if (dbpool != NULL) {
      scale_pools_check(dbpool, &responses[i], report, to.place);
    }
  }
  free(names);
  return 0;
}
