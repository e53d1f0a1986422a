/* SPDX-License-Identifier: MIT */
/* fuzz_threshold_texts: Metric lines, names and messages: the first line is a
 * metric, the second a message, the rest five names. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/glob.h"
#include "resource_alert/table/fingerprint.h"
#include "resource_alert/table/message.h"
#include "resource_alert/table/selector.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PARTS 7

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = malloc(size + 1);
  if (text == NULL) {
    return 0;
  }
  memcpy(text, data, size);
  text[size] = '\0';
  const char *parts[PARTS];
  cut(text, parts);
  struct reading_names names = {0};
  name(names.host, parts[2]);
  name(names.plugin, parts[3]);
  name(names.plugin_instance, parts[4]);
  name(names.type, parts[5]);
  name(names.type_instance, parts[6]);
  match(parts[0], &names);
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
