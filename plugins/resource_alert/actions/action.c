/* SPDX-License-Identifier: MIT */
/* action: the interface of all actions, and the table of their drivers.
 *
 * A driver sees only its own options and the beginning that action_new() has
 * filled in. Everything here runs before there is any thread, or on that of one
 * action. */
#include "resource_alert/actions/action.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/json_util.h"
#include "resource_alert/actions/switch_store.h"
#include "resource_alert/clients/kubernetes.h"

const char *const action_mode_words[] = {"auto", "dryrun", "off", NULL};

int action_check(const struct action_driver *driver, const void *options,
                 const struct action_deps *deps, struct error *error) {
  if (driver->needs_kubernetes &&
      kubernetes_check_access_files(deps->kubernetes, error) != 0) {
    return -EINVAL;
  }
  return driver->check == NULL ? 0 : driver->check(options, deps, error);
}

int action_new(const struct action_driver *driver, const void *options,
               const struct switch_store_options *store,
               const struct action_deps *deps, struct action **ret,
               struct error *error) {
  struct action *action = calloc(1, driver->size);
  if (action == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  action->options = options;
  action->store = store;
  action->deps = deps;
  (void)snprintf(action->owner, sizeof(action->owner), "%s/%s",
                 deps->identity != NULL ? deps->identity : deps->host,
                 deps->response);
  int code = 0;
  if (driver->needs_kubernetes ||
      (store != NULL && switch_store_needs_kubernetes(store))) {
    code = kubernetes_new(deps->kubernetes, &action->kubernetes, error);
  }
  if (code == 0 && driver->init != NULL) {
    code = driver->init(action, error);
  }
  if (code != 0) {
    action_free(driver, action);
    return code;
  }
  *ret = action;
  return 0;
}

void action_free(const struct action_driver *driver, struct action *action) {
  if (action != NULL) {
    if (driver->fini != NULL) {
      driver->fini(action);
    }
    kubernetes_free(action->kubernetes);
    free(action);
  }
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
  return json_pack("{s:i, s:s, s:s, s:o, s:o, s:s, s:o, s:I, s:s, s:s}",
                   "version", 1, "event", request->is_on ? "engage" : "release",
                   "response", request->response, "host",
                   json_util_from_text(request->host), "rule",
                   json_util_from_text(request->cause), "state", request->state,
                   "value", json_util_from_number(request->value), "level",
                   (json_int_t)request->level, "since", since, "time", now);
}

/* The order is that of enum action_kind; that of the configuration is kept by
 * its positions. */
const struct action_driver *const action_drivers[ACTION_KINDS] = {
    [ACTION_SWITCH] = &action_switch_driver,
    [ACTION_EXEC] = &action_exec_driver,
    [ACTION_WEBHOOK] = &action_webhook_driver,
    [ACTION_SCALE] = &action_scale_driver,
    [ACTION_CRONJOB] = &action_cronjob_driver,
    [ACTION_HAPROXY] = &action_haproxy_driver,
};
