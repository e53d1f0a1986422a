/* SPDX-License-Identifier: MIT */
/* metric_selector: one Metric line: which series and data sources it matches.
 */
#include "resource_alert/rules/metric_selector.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/glob.h"

/* The first C in TEXT that is not in a set and not behind a backslash. */
static char *find_unquoted(char *text, char c) {
  bool is_in_set = false;
  for (char *at = text; *at != '\0'; at++) {
    if (*at == '\\' && at[1] != '\0') {
      at++;
    } else if (is_in_set) {
      is_in_set = *at != ']';
    } else if (*at == '[') {
      is_in_set = true;
      at += at[1] == '!' || at[1] == '^' ? 1 : 0;
      at += at[1] == ']' ? 1 : 0;
    } else if (*at == c) {
      return at;
    }
  }
  return NULL;
}

/* Ends TEXT at the first unquoted C. Returns what follows, NULL if none. */
static char *cut_unquoted(char *text, char c) {
  char *at = find_unquoted(text, c);
  if (at == NULL) {
    return NULL;
  }
  *at = '\0';
  return at + 1;
}

static int split_metric(char *text, struct metric_selector *selector,
                        struct error *error) {
  char *parts[3] = {text, cut_unquoted(text, '/'), NULL};
  if (parts[1] != NULL) {
    parts[2] = cut_unquoted(parts[1], '/');
  }
  if (parts[1] == NULL || (parts[2] != NULL && find_unquoted(parts[2], '/'))) {
    return error_set(error, -EINVAL,
                     "is not [host/]plugin[-instance]/type[-instance]"
                     "[:data source]");
  }
  bool has_host = parts[2] != NULL;
  char *type = has_host ? parts[2] : parts[1];
  selector->host = has_host ? parts[0] : NULL;
  selector->source = cut_unquoted(type, ':');
  selector->plugin = has_host ? parts[1] : parts[0];
  selector->type = type;
  return 0;
}

/* A part that is not there, NULL, matches anything. */
static int check_selector(const struct metric_selector *selector,
                          struct error *error) {
  const char *const parts[][2] = {{"host", selector->host},
                                  {"plugin", selector->plugin},
                                  {"type", selector->type},
                                  {"data source", selector->source}};
  int code = 0;
  for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && code == 0; i++) {
    const char *part = parts[i][1];
    if (part != NULL && part[0] == '\0') {
      return error_set(error, -EINVAL, "has an empty %s", parts[i][0]);
    }
    code = part == NULL ? 0 : glob_check(part, error);
    if (code != 0) {
      error_prefix(error, "%s \"%s\"", parts[i][0], part);
    }
  }
  return code;
}

int metric_selector_init(struct metric_selector *selector, const char *metric,
                         struct error *error) {
  struct metric_selector made = {.text = strdup(metric)};
  if (made.text == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  int code = split_metric(made.text, &made, error);
  if (code == 0) {
    code = check_selector(&made, error);
  }
  if (code != 0) {
    free(made.text);
    return code;
  }
  *selector = made;
  return 0;
}

void metric_selector_format(const struct metric_selector *selector, char *text,
                            size_t bytes) {
  (void)snprintf(text, bytes, "%s%s%s/%s%s%s",
                 selector->host == NULL ? "" : selector->host,
                 selector->host == NULL ? "" : "/", selector->plugin,
                 selector->type, selector->source == NULL ? "" : ":",
                 selector->source == NULL ? "" : selector->source);
}

void metric_selector_fini(struct metric_selector *selector) {
  if (selector != NULL) {
    free(selector->text);
    *selector = (struct metric_selector){0};
  }
}

static void join_instance(const char *name, const char *instance, char *text,
                          size_t bytes) {
  (void)snprintf(text, bytes, "%s%s%s", name, instance[0] == '\0' ? "" : "-",
                 instance);
}

void metric_selector_subject_init(struct metric_selector_subject *subject,
                                  const struct reading_names *names) {
  subject->host = names->host;
  join_instance(names->plugin, names->plugin_instance, subject->plugin,
                sizeof(subject->plugin));
  join_instance(names->type, names->type_instance, subject->type,
                sizeof(subject->type));
}

bool metric_selector_matches(const struct metric_selector *selector,
                             const struct metric_selector_subject *subject) {
  return glob_matches(selector->type, subject->type) &&
         glob_matches(selector->plugin, subject->plugin) &&
         (selector->host == NULL ||
          glob_matches(selector->host, subject->host));
}

bool metric_selector_matches_source(const struct metric_selector *selector,
                                    const char *source) {
  return selector->source == NULL || glob_matches(selector->source, source);
}
