/* SPDX-License-Identifier: MIT */
/* condition: an OnlyIf line: what another value must be for a rule to count. */
#include "resource_alert/rules/condition.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/glob.h"

static const struct {
  const char *text;
  enum condition_sign sign;
} signs[] = {/* the longer ones first */
             {"<=", CONDITION_AT_MOST},
             {">=", CONDITION_AT_LEAST},
             {"<", CONDITION_LESS},
             {">", CONDITION_GREATER}};

static int parse_comparison(const char *text, struct condition *condition,
                            struct error *error) {
  size_t i = 0;
  while (i < sizeof(signs) / sizeof(signs[0]) &&
         strncmp(text, signs[i].text, strlen(signs[i].text)) != 0) {
    i++;
  }
  bool has_sign = i < sizeof(signs) / sizeof(signs[0]);
  const char *number = has_sign ? text + strlen(signs[i].text) : "";
  char *end = NULL;
  double limit = strtod(number, &end);
  if (!has_sign || end == number || *end != '\0' || !isfinite(limit)) {
    return error_set(error, -EINVAL,
                     "\"%s\" is no comparison: write <, <=, > or >= and a "
                     "number, as in \">= 5\"",
                     text);
  }
  condition->sign = signs[i].sign;
  condition->limit = limit;
  return 0;
}

/* Cuts TEXT at the first C. Returns what follows, NULL if there is none. */
static char *cut(char *text, char c) {
  char *at = strchr(text, c);
  if (at != NULL) {
    *at++ = '\0';
  }
  return at;
}

static bool is_name(const char *text) {
  return text == NULL || strlen(text) < READING_NAME_BYTES;
}

static int parse_metric(char *text, struct condition *condition,
                        struct error *error) {
  bool is_literal = glob_is_literal(text);
  char *type = cut(text, '/');
  if (!is_literal || type == NULL || strchr(type, '/') != NULL) {
    return error_set(error, -EINVAL,
                     "is not plugin[-instance]/type[-instance][:data source] "
                     "without globs");
  }
  condition->source = cut(type, ':');
  condition->plugin_instance = cut(text, '-');
  const char *type_instance = cut(type, '-');
  condition->type_instance = type_instance == NULL ? "" : type_instance;
  condition->plugin = text;
  condition->type = type;
  bool is_whole = text[0] != '\0' && type[0] != '\0' &&
                  (condition->source == NULL || condition->source[0] != '\0') &&
                  is_name(text) && is_name(type) && is_name(type_instance) &&
                  is_name(condition->plugin_instance);
  return is_whole ? 0
                  : error_set(error, -EINVAL,
                              "has an empty part, or one that is too long");
}

int condition_parse(const char *metric, const char *comparison,
                    struct condition *ret_condition, struct error *error) {
  struct condition condition = {.text = strdup(metric)};
  if (condition.text == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  int code = parse_metric(condition.text, &condition, error);
  if (code != 0) {
    error_prefix(error, "OnlyIf \"%s\"", metric);
  } else {
    code = parse_comparison(comparison, &condition, error);
    if (code != 0) {
      error_prefix(error, "OnlyIf");
    }
  }
  if (code != 0) {
    condition_fini(&condition);
    return code;
  }
  *ret_condition = condition;
  return 0;
}

void condition_fini(struct condition *condition) {
  if (condition != NULL) {
    free(condition->text);
    *condition = (struct condition){0};
  }
}

bool condition_holds(const struct condition *condition, double value) {
  switch (condition->sign) {
  case CONDITION_LESS:
    return value < condition->limit;
  case CONDITION_AT_MOST:
    return value <= condition->limit;
  case CONDITION_GREATER:
    return value > condition->limit;
  case CONDITION_AT_LEAST:
    return value >= condition->limit;
  }
  return false;
}

void condition_name(const struct condition *condition,
                    const struct reading_names *names,
                    struct reading_names *ret_names) {
  *ret_names = (struct reading_names){.host = ""};
  reading_put_name(ret_names->host, names->host);
  reading_put_name(ret_names->plugin, condition->plugin);
  reading_put_name(ret_names->plugin_instance,
                   condition->plugin_instance != NULL
                       ? condition->plugin_instance
                       : names->plugin_instance);
  reading_put_name(ret_names->type, condition->type);
  reading_put_name(ret_names->type_instance, condition->type_instance);
}

bool condition_may_mean(const struct condition *condition,
                        const struct reading_names *names) {
  return strcmp(condition->plugin, names->plugin) == 0 &&
         strcmp(condition->type, names->type) == 0 &&
         strcmp(condition->type_instance, names->type_instance) == 0 &&
         (condition->plugin_instance == NULL ||
          strcmp(condition->plugin_instance, names->plugin_instance) == 0);
}
