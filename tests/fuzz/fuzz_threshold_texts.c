/* SPDX-License-Identifier: MIT */
/* fuzz_threshold_texts: Metric lines, names, messages, OnlyIf lines and
 * notifications: the first line is a metric or a glob, the second a message,
 * then five names, then the two words of an OnlyIf. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/glob.h"
#include "resource_alert/alerts/series.h"
#include "resource_alert/rules/condition.h"
#include "resource_alert/rules/message.h"
#include "resource_alert/rules/metric_selector.h"
#include "resource_alert/rules/notification_rule.h"
#include "text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PARTS 9

/* Cuts TEXT into PARTS lines; those that are not there are "". */
static void cut(char *text, const char **parts) {
  for (size_t i = 0; i < PARTS; i++) {
    parts[i] = text;
    char *end = strchr(text, '\n');
    text = end == NULL ? text + strlen(text) : end + 1;
    if (end != NULL) {
      *end = '\0';
    }
  }
}

static void name(char *place, const char *text) {
  (void)snprintf(place, READING_NAME_BYTES, "%s", text);
}

static void match(const char *metric, const struct reading_names *names) {
  struct metric_selector selector = {0};
  struct metric_selector_subject subject;
  struct error error = {{0}};
  if (metric_selector_init(&selector, metric, &error) != 0) {
    return;
  }
  metric_selector_subject_init(&subject, names);
  bool is_match =
      glob_matches(selector.plugin, subject.plugin) &&
      glob_matches(selector.type, subject.type) &&
      (selector.host == NULL || glob_matches(selector.host, subject.host));
  if (metric_selector_matches(&selector, &subject) != is_match) {
    abort();
  }
  metric_selector_fini(&selector);
}

/* The series that a condition compares is one that it may compare. */
static void look(const char *metric, const char *comparison,
                 const struct reading_names *names) {
  struct condition condition = {0};
  struct error error = {{0}};
  if (condition_init(&condition, metric, comparison, &error) != 0) {
    return;
  }
  struct reading_names meant;
  condition_fill_names(&condition, names, &meant);
  if (!condition_may_compare(&condition, &meant) ||
      strcmp(meant.host, names->host) != 0 ||
      condition_holds(&condition, (double)NAN)) {
    abort();
  }
  condition_fini(&condition);
}

/* An okay never raises an alert, and ends each one that a warning with the same
 * names raises. */
static void match_notification(char *glob, const char *message,
                               const struct reading_names *names) {
  char any[] = "*";
  if (glob_check(glob, NULL) != 0) {
    return;
  }
  const struct notification_rule_options rule = {.host = any,
                                                 .plugin = glob,
                                                 .plugin_instance = any,
                                                 .type = any,
                                                 .type_instance = any,
                                                 .message = glob};
  struct notification notification = {.severity = NOTIFICATION_WARNING,
                                      .host = names->host,
                                      .plugin = names->plugin,
                                      .plugin_instance = names->plugin_instance,
                                      .type = names->type,
                                      .type_instance = names->type_instance,
                                      .message = message};
  struct reading_names made;
  notification_rule_fill_names(&notification, &made);
  if (memcmp(&made, names, sizeof(made)) != 0) {
    abort();
  }
  bool is_warned = notification_rule_match(&rule, &notification) ==
                   NOTIFICATION_RULE_WARNING;
  notification.severity = NOTIFICATION_OKAY;
  enum notification_rule_match word =
      notification_rule_match(&rule, &notification);
  if (word > NOTIFICATION_RULE_OKAY ||
      (is_warned && word != NOTIFICATION_RULE_OKAY)) {
    abort();
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = text_of(data, size);
  const char *parts[PARTS];
  cut(text, parts);
  struct reading_names names = {0};
  name(names.host, parts[2]);
  name(names.plugin, parts[3]);
  name(names.plugin_instance, parts[4]);
  name(names.type, parts[5]);
  name(names.type_instance, parts[6]);
  match(parts[0], &names);
  look(parts[7], parts[8], &names);
  char *glob = strdup(parts[0]);
  if (glob != NULL) {
    match_notification(glob, parts[1], &names);
  }
  free(glob);
  char key[SERIES_KEY_BYTES];
  if (series_key_make(&names, NULL, 0, key, NULL) > sizeof(key)) {
    abort();
  }
  if (message_check(parts[1], NULL) == 0) {
    const char *fields[MESSAGE_FIELDS];
    for (size_t i = 0; i < MESSAGE_FIELDS; i++) {
      fields[i] = parts[2 + i % 5];
    }
    char message[64];
    message_format(parts[1], fields, message, sizeof(message));
    if (strlen(message) >= sizeof(message)) {
      abort();
    }
  }
  free(text);
  return 0;
}
