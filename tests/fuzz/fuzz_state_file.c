/* SPDX-License-Identifier: MIT */
/* fuzz_state_file: any bytes as a line of the state file; what is read from it
 * is written and read again as the same. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "resource_alert/alerts/alert_state_file.h"
#include "text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_same(const struct alert_state_line *one,
                    const struct alert_state_line *other) {
  const struct alert_event *a = &one->event;
  const struct alert_event *b = &other->event;
  return memcmp(&a->names, &b->names, sizeof(a->names)) == 0 &&
         strcmp(a->source, b->source) == 0 &&
         strcmp(one->rule, other->rule) == 0 && a->change.to == b->change.to &&
         a->change.from == b->change.from &&
         a->change.cause == b->change.cause &&
         a->change.held_s == b->change.held_s &&
         a->change.is_limit_max == b->change.is_limit_max &&
         a->change.should_notify == b->change.should_notify &&
         a->notified == b->notified && a->coalesced == b->coalesced &&
         a->since_wall_ms == b->since_wall_ms &&
         a->notified_wall_ms == b->notified_wall_ms &&
         a->interval_ms == b->interval_ms && a->number == b->number;
}

static void write_again(struct alert_state_line *line) {
  const struct rule rule = {.name = line->rule};
  struct alert_state_line again;
  line->event.rule = &rule;
  json_t *object = alert_state_file_event_to_json(&line->event);
  if (object == NULL) {
    return; /* the name of the rule is no UTF-8 */
  }
  if (alert_state_file_parse_line(object, &again) != 0 ||
      !is_same(line, &again)) {
    abort();
  }
  json_decref(object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = text_of(data, size);
  struct alert_state_line line;
  json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
  if (json_is_object(object) &&
      alert_state_file_parse_line(object, &line) == 0 && !line.is_marks) {
    write_again(&line);
  }
  json_decref(object);
  free(text);
  return 0;
}
