/* SPDX-License-Identifier: MIT */
/* action_payload: a wish as JSON, the same for everybody who is told of it. */
#include "resource_alert/actions/action_payload.h"

#include <math.h>
#include <time.h>

#include "core/json_util.h"
#include "resource_alert/journal.h"

void action_payload_format_time(int64_t time_s,
                                char text[ACTION_PAYLOAD_TIME_BYTES]) {
  time_t when = (time_t)time_s;
  struct tm parts;
  if (gmtime_r(&when, &parts) == NULL ||
      strftime(text, ACTION_PAYLOAD_TIME_BYTES, "%Y-%m-%dT%H:%M:%SZ", &parts) ==
          0) {
    text[0] = '\0';
  }
}

json_t *action_payload_new(const struct action_request *request) {
  char since[ACTION_PAYLOAD_TIME_BYTES];
  char now[ACTION_PAYLOAD_TIME_BYTES];
  action_payload_format_time(request->since_s, since);
  action_payload_format_time(request->now_s, now);
  json_t *value =
      isfinite(request->value) ? json_real(request->value) : json_null();
  return json_pack("{s:i, s:s, s:s, s:o, s:o, s:s, s:o, s:I, s:s, s:s}",
                   "version", 1, "event", request->is_on ? "engage" : "release",
                   "response", request->response, "host",
                   json_util_text(request->host), "rule",
                   json_util_text(request->cause), "state",
                   alert_state_name(request->severity), "value", value, "level",
                   (json_int_t)request->level, "since", since, "time", now);
}
