/* SPDX-License-Identifier: MIT */
/* switch: turns a named switch on in every store, and off again. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json_util.h"
#include "resource_alert/actions/action.h"
#include "resource_alert/actions/switch_store.h"

struct switch_options {
  struct action_options common;
};

struct switch_action {
  const char *name; /* borrowed from the options */
  struct switch_stores *stores;
};

static const struct option option_rows[] = {ACTION_OPTION_ROWS("5")};

static int check_switch_name(const char *label, struct error *error) {
  if (strcmp(label, "switches.json") == 0) {
    return error_set(error, -EINVAL, "is the name of the list of all switches");
  }
  return option_check_name(label, error);
}

const struct option_block action_switch_block = {
    .name = "Switch",
    .label = OPTION_LABEL_REQUIRED,
    .is_repeatable = true,
    .size = sizeof(struct switch_options),
    .help = "The switch NAME, which is on in every B<E<lt>SwitchStoreE<gt>> "
            "while the response is engaged.",
    .options = option_rows,
    .options_len = OPTION_COUNT(option_rows),
    .check_label = check_switch_name,
};

static void describe_switch(const void *options, char *text, size_t bytes) {
  const struct switch_options *own = options;
  (void)snprintf(text, bytes, "%s", own->common.head.label);
}

static int new_switch(const void *options, const struct action_deps *deps,
                      void **ret, struct error *error) {
  const struct switch_options *own = options;
  struct switch_action *action = calloc(1, sizeof(*action));
  if (action == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  action->name = own->common.head.label;
  action->stores = deps->stores;
  *ret = action;
  return 0;
}

static json_t *make_switch_value(const struct action_request *request) {
  char since[ACTION_TIME_BYTES];
  action_format_time(request->since_s, since);
  return json_pack("{s:b, s:o, s:s, s:o, s:s, s:s}", "on", 1, "who",
                   json_util_text(request->host), "response", request->response,
                   "rule", json_util_text(request->cause), "state",
                   request->state, "since", since);
}

static int set_switch(void *self, const struct action_request *request,
                      struct action_call *call, struct error *error) {
  struct switch_action *action = self;
  json_t *value = make_switch_value(request);
  if (value == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  int code = switch_stores_put(action->stores, action->name, request->is_on,
                               value, call, error);
  json_decref(value);
  return code;
}

static int confirm_switch(void *self, const struct action_request *request,
                          struct action_call *call, struct error *error) {
  struct switch_action *action = self;
  json_t *value = make_switch_value(request);
  if (value == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  int code = switch_stores_confirm(action->stores, action->name, request->is_on,
                                   value, call, error);
  json_decref(value);
  return code;
}

static int test_switch(void *self, struct action_call *call,
                       struct error *error) {
  struct switch_action *action = self;
  return switch_stores_self_test(action->stores, call, error);
}

static int check_switch(const void *options, const struct action_deps *deps,
                        struct error *error) {
  (void)options;
  return deps->stores_len > 0
             ? 0
             : error_set(error, -EINVAL,
                         "there is no <SwitchStore> before it to keep the "
                         "switch in: write <SwitchStore \"file\"> with Path "
                         "\"/run/collectd/switches\"");
}

const struct action_driver action_switch_driver = {
    .block = &action_switch_block,
    .describe = describe_switch,
    .check = check_switch,
    .new = new_switch,
    .set = set_switch,
    .confirm = confirm_switch,
    .self_test = test_switch,
    .free = free,
};
