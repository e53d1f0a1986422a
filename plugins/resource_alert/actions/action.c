/* SPDX-License-Identifier: MIT */
/* action: the interface of all actions, and the table of their drivers. */
#include "resource_alert/actions/action.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include "core/json_util.h"

#define NAME_LENGTH_MAX 63

const char *const action_mode_words[] = {"auto", "dryrun", "off", NULL};

int action_check_absolute(const char *value, struct error *error) {
  return value[0] == '/' ? 0
                         : error_set(error, -EINVAL, "is not an absolute path");
}

int action_check_name(const char *value, struct error *error) {
  size_t length = strlen(value);
  if (length == 0 || length > NAME_LENGTH_MAX) {
    return error_set(error, -EINVAL, "must have 1 to %d characters",
                     NAME_LENGTH_MAX);
  }
  for (size_t i = 0; i < length; i++) {
    unsigned char c = (unsigned char)value[i];
    bool is_plain = c < 0x80 && (isalnum(c) || c == '_');
    if (!is_plain && (i == 0 || (c != '-' && c != '.'))) {
      return error_set(error, -EINVAL,
                       "may hold letters, digits, '_', and behind the first "
                       "'-' and '.'");
    }
  }
  return 0;
}

void action_format_time(int64_t time_s, char text[ACTION_TIME_BYTES]) {
  time_t when = (time_t)time_s;
  struct tm parts;
  if (gmtime_r(&when, &parts) == NULL ||
      strftime(text, ACTION_TIME_BYTES, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0) {
    text[0] = '\0';
  }
}

json_t *action_payload_new(const struct action_request *request) {
  char since[ACTION_TIME_BYTES];
  char now[ACTION_TIME_BYTES];
  action_format_time(request->since_s, since);
  action_format_time(request->now_s, now);
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

char *action_payload_format(const struct action_request *request) {
  json_t *payload = action_payload_new(request);
  char *text = payload == NULL ? NULL : json_dumps(payload, JSON_COMPACT);
  json_decref(payload);
  return text;
}

const struct action_driver *const action_drivers[ACTION_KINDS] = {
    [ACTION_SWITCH] = &action_switch_driver,
    [ACTION_EXEC] = &action_exec_driver,
    [ACTION_WEBHOOK] = &action_webhook_driver,
    [ACTION_SCALE] = &action_scale_driver,
    [ACTION_CRONJOB] = &action_cronjob_driver,
    [ACTION_HAPROXY] = &action_haproxy_driver,
};
