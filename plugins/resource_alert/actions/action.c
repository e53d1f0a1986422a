/* SPDX-License-Identifier: MIT */
/* action: the interface of all actions, and the table of their drivers. */
#include "resource_alert/actions/action.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/json_util.h"
#include "resource_alert/clients/kubernetes.h"

const char *const action_mode_words[] = {"auto", "dryrun", "off", NULL};

int action_check_kubernetes(const void *options, const struct action_deps *deps,
                            struct error *error) {
  (void)options;
  const char *token_file = deps->kubernetes->token_file;
  if (access(token_file, R_OK) == 0) {
    return 0;
  }
  return error_set(error, -EINVAL,
                   "%s: %s; collectd does not run in a pod: write <Kubernetes> "
                   "with Server, TokenFile and CAFile",
                   token_file, strerror(errno));
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
  return json_pack(
      "{s:i, s:s, s:s, s:o, s:o, s:s, s:o, s:I, s:s, s:s}", "version", 1,
      "event", request->is_on ? "engage" : "release", "response",
      request->response, "host", json_util_text(request->host), "rule",
      json_util_text(request->cause), "state", request->state, "value", value,
      "level", (json_int_t)request->level, "since", since, "time", now);
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
