/* SPDX-License-Identifier: MIT */
/* wish: a wish as JSON, the same for everybody who is told of it. */
#include "resource_alert/actions/wish.h"

#include <math.h>
#include <time.h>

#include "core/json_util.h"
#include "resource_alert/journal.h"

void wish_format_time(int64_t time_s, char text[WISH_TIME_BYTES]) {
  time_t when = (time_t)time_s;
  struct tm parts;
  if (gmtime_r(&when, &parts) == NULL ||
      strftime(text, WISH_TIME_BYTES, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0) {
    text[0] = '\0';
  }
}

json_t *wish_to_json(const struct action_wish *wish) {
  char since[WISH_TIME_BYTES];
  char now[WISH_TIME_BYTES];
  wish_format_time(wish->since_s, since);
  wish_format_time(wish->now_s, now);
  json_t *value = isfinite(wish->value) ? json_real(wish->value) : json_null();
  return json_pack(
      "{s:i, s:s, s:s, s:o, s:o, s:s, s:o, s:I, s:s, s:s}", "version", 1,
      "event", wish->is_on ? "engage" : "release", "response", wish->response,
      "host", json_util_text(wish->host), "rule", json_util_text(wish->cause),
      "state", alert_state_name(wish->severity), "value", value, "level",
      (json_int_t)wish->level, "since", since, "time", now);
}
