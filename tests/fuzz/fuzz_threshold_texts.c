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
#include "resource_alert/alerts/fingerprint.h"
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
  struct selector selector = {0};
  struct selector_subject subject;
  struct error error = {{0}};
  if (selector_parse(metric, &selector, &error) != 0) {
    return;
  }
  selector_subject_init(&subject, names);
  bool is_match =
      glob_matches(selector.plugin, subject.plugin) &&
      glob_matches(selector.type, subject.type) &&
      (selector.host == NULL || glob_matches(selector.host, subject.host));
  /* What rejects early must not reject what would match, but for plugins with
   * a dash in their name, which collectd does not know. */
  bool is_regular =
      strchr(names->plugin, '-') == NULL && strchr(names->type, '-') == NULL;
  if (is_regular && selector_matches(&selector, &subject) != is_match) {
    abort();
  }
  selector_fini(&selector);
}

/* What a condition looks at is what it may mean. */
static void look(const char *metric, const char *comparison,
                 const struct reading_names *names) {
  struct condition condition = {0};
  struct error error = {{0}};
  if (condition_parse(metric, comparison, &condition, &error) != 0) {
    return;
  }
  struct reading_names meant;
  condition_name(&condition, names, &meant);
  if (!condition_may_mean(&condition, &meant) ||
      strcmp(meant.host, names->host) != 0 ||
      condition_holds(&condition, (double)NAN)) {
    abort();
  }
  condition_fini(&condition);
}

/* Whatever a rule says to a warning, an okay of the same names never alarms. */
static void hear(char *glob, const char *message,
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
  struct reading_names heard;
  notification_rule_names(&notification, &heard);
  if (memcmp(&heard, names, sizeof(heard)) != 0) {
    abort();
  }
  bool is_warned =
      notification_rule_word(&rule, &notification) == NOTIFICATION_RULE_WARNING;
  notification.severity = NOTIFICATION_OKAY;
  enum notification_rule_word word =
      notification_rule_word(&rule, &notification);
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
    hear(glob, parts[1], &names);
  }
  free(glob);
  static const struct fingerprint_key key = {.last = {1, 2}};
  (void)fingerprint_of_names(&names, &key);
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
