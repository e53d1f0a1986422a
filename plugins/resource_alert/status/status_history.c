/* SPDX-License-Identifier: MIT */
/* status_history: each rule's worst value over the last hour, for a picture. */
#include "resource_alert/status/status_history.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

int status_history_take(struct status_history *history, const json_t *rules) {
  if (history->points == NULL) {
    history->rules_len = json_array_size(rules);
    history->points = calloc(history->rules_len * STATUS_HISTORY_POINTS + 1,
                             sizeof(*history->points));
    if (history->points == NULL) {
      return -ENOMEM;
    }
  }
  for (size_t i = 0; i < history->rules_len; i++) {
    const json_t *value = json_object_get(json_array_get(rules, i), "value");
    history->points[i * STATUS_HISTORY_POINTS + history->next] =
        json_is_number(value) ? (float)json_number_value(value) : (float)NAN;
  }
  history->next = (history->next + 1) % STATUS_HISTORY_POINTS;
  if (history->len < STATUS_HISTORY_POINTS) {
    history->len++;
  }
  return 0;
}

static json_t *rule_to_json(const struct status_history *history, size_t rule) {
  json_t *points = json_array();
  size_t first = history->next + STATUS_HISTORY_POINTS - history->len;
  for (size_t i = 0; i < history->len; i++) {
    size_t place = (first + i) % STATUS_HISTORY_POINTS;
    double value =
        (double)history->points[rule * STATUS_HISTORY_POINTS + place];
    (void)json_array_append_new(points, isfinite(value) ? json_real(value)
                                                        : json_null());
  }
  return points;
}

void status_history_tell(const struct status_history *history, json_t *rules) {
  for (size_t i = 0; i < history->rules_len && i < json_array_size(rules);
       i++) {
    (void)json_object_set_new(json_array_get(rules, i), "history",
                              rule_to_json(history, i));
  }
}

void status_history_fini(struct status_history *history) {
  free(history->points);
  *history = (struct status_history){0};
}
