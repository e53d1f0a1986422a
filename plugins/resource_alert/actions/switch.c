/* SPDX-License-Identifier: MIT */
/* switch: turns a named switch on in every store, and off again.
 *
 * The switch belongs to this daemon and this response. Several hosts may have
 * the same one on: it is off when the last of them has released it or its TTL
 * has passed. */
#include <errno.h>
#include <string.h>

#include "core/json_util.h"
#include "resource_alert/actions/action.h"
#include "resource_alert/actions/switch_store.h"

struct switch_options {
  struct action_options common;
};

static const struct option option_rows[] = {ACTION_OPTION_ROWS("5")};

/* The file store keeps its list beside the switches, under a name that is no
 * switch. */
static int check_switch_name(const char *label, struct error *error) {
  if (strcmp(label, "switches.json") == 0) {
    return error_set(error, -EINVAL, "is the name of the list of all switches");
  }
  return option_check_name(label, error);
}

/* What the application may show to its users. "owner" says whose switch it is,
 * "who" and "response" say it to people. Yours, json_decref(). */
static json_t *make_switch_value(const struct action *action,
                                 const struct action_request *request) {
  char since[ACTION_TIME_BYTES];
  action_format_time(request->since_s, since);
  return json_pack("{s:b, s:o, s:o, s:s, s:o, s:s, s:s}", "on", 1, "owner",
                   json_util_from_text(action->owner), "who",
                   json_util_from_text(request->host), "response",
                   request->response, "rule",
                   json_util_from_text(request->cause), "state", request->state,
                   "since", since);
}

/* Puts or confirms it in all stores. */
static int run_in_all_stores(const struct action *action,
                             enum switch_stores_operation operation,
                             const struct action_request *request,
                             struct action_call *call) {
  const struct switch_options *options = action->options;
  json_t *value = make_switch_value(action, request);
  if (value == NULL) {
    return error_set(call->error, -ENOMEM, "out of memory");
  }
  const struct switch_state state = {.name = options->common.head.label,
                                     .is_on = request->is_on,
                                     .value = value};
  int code = switch_stores_run(action->deps->stores, operation, &state, call);
  json_decref(value);
  return code;
}

/* Also the refresh: a switch with a TTL is put again every third of it. */
static int set_switch(void *self, const struct action_request *request,
                      struct action_call *call) {
  return run_in_all_stores(self, SWITCH_STORES_PUT, request, call);
}

/* The value names the owner of the switch. */
static int confirm_switch(void *self, const struct action_request *request,
                          struct action_call *call) {
  return run_in_all_stores(self, SWITCH_STORES_CONFIRM, request, call);
}

/* No switch is touched: the stores are tested, not the name. */
static int self_test_switch(void *self, struct action_call *call) {
  const struct action *action = self;
  return switch_stores_run(action->deps->stores, SWITCH_STORES_SELF_TEST, NULL,
                           call);
}

/* Here and not with the block, which does not know the blocks beside it. */
static int check_switch_stores(const void *options,
                               const struct action_deps *deps,
                               struct error *error) {
  (void)options;
  return deps->stores_len > 0
             ? 0
             : error_set(error, -EINVAL,
                         "needs a <SwitchStore> before the <Response>: write "
                         "<SwitchStore \"file\"> with Path "
                         "\"/run/collectd/switches\"");
}

const struct action_driver action_switch_driver = {
    .block =
        {
            .name = "Switch",
            .label = OPTION_LABEL_REQUIRED,
            .is_repeatable = true,
            .size = sizeof(struct switch_options),
            .help = "The switch NAME, which is on in every "
                    "B<E<lt>SwitchStoreE<gt>> while the response is engaged.",
            OPTION_ROWS(option_rows),
            .check_label = check_switch_name,
        },
    .size = sizeof(struct action),
    .check = check_switch_stores,
    .set = set_switch,
    .confirm = confirm_switch,
    .self_test = self_test_switch,
};
