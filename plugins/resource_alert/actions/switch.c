/* SPDX-License-Identifier: MIT */
/* switch: turns a named switch on in a store, and off again. In each store it
 * is an action of its own: one that hangs delays no other.
 *
 * The switch belongs to this daemon and this response. Several hosts may have
 * the same one on: it is off when the last of them has released it or its TTL
 * has passed. */
#include <errno.h>
#include <string.h>

#include "core/json_util.h"
#include "resource_alert/actions/action.h"
#include "resource_alert/actions/switch_store.h"
#include "resource_alert/clients/kubernetes.h"

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

/* One switch in one store. */
struct switch_action {
  struct action base;
  struct switch_store *store; /* owned */
};

/* Nothing is opened yet, so a store that is down keeps nothing from starting.
 */
static int init_switch(void *self, struct error *error) {
  struct switch_action *own = self;
  return switch_store_new(own->base.store, own->base.kubernetes, &own->store,
                          error);
}

/* What is on stays on. */
static void fini_switch(void *self) {
  struct switch_action *own = self;
  switch_store_free(own->store);
}

/* CODE, with the store's name in the error. */
static int name_store(const struct switch_action *own, int code,
                      const struct action_call *call) {
  if (code != 0) {
    error_prefix(call->error, "store \"%s\"", own->store->driver->name);
  }
  return code;
}

/* Only a put that is no refresh changes something and is journaled. */
static int put_switch(const struct switch_action *own,
                      const struct switch_state *state,
                      struct action_call *call) {
  const char *name = own->store->driver->name;
  if (call->is_refresh) {
    return own->store->driver->put(own->store, state, call);
  }
  call->note(call->context, "request",
             json_pack("{s:s, s:b}", "store", name, "on", (int)state->is_on));
  int code = own->store->driver->put(own->store, state, call);
  json_t *text =
      code == 0 ? json_null() : json_util_from_text(call->error->text);
  call->note(call->context, "response",
             json_pack("{s:s, s:o}", "store", name, "error", text));
  return code;
}

/* Puts or confirms it. */
static int run_in_store(const struct switch_action *own, bool is_put,
                        const struct action_request *request,
                        struct action_call *call) {
  const struct switch_options *options = own->base.options;
  json_t *value = make_switch_value(&own->base, request);
  if (value == NULL) {
    return error_set(call->error, -ENOMEM, "out of memory");
  }
  const struct switch_state state = {.name = options->common.head.label,
                                     .is_on = request->is_on,
                                     .value = value};
  int code = is_put ? put_switch(own, &state, call)
                    : own->store->driver->confirm(own->store, &state, call);
  json_decref(value);
  return name_store(own, code, call);
}

/* Also the refresh: a switch with a TTL is put again every third of it. */
static int set_switch(void *self, const struct action_request *request,
                      struct action_call *call) {
  return run_in_store(self, true, request, call);
}

/* The value names the owner of the switch. */
static int confirm_switch(void *self, const struct action_request *request,
                          struct action_call *call) {
  return run_in_store(self, false, request, call);
}

/* No switch is touched: the store is tested, not the name. */
static int self_test_switch(void *self, struct action_call *call) {
  const struct switch_action *own = self;
  return name_store(own, own->store->driver->self_test(own->store, call), call);
}

/* Here and not with the block, which does not know the blocks beside it. */
static int check_switch_stores(const void *options,
                               const struct action_deps *deps,
                               struct error *error) {
  (void)options;
  const struct switch_store_options *stores = deps->stores->items;
  for (size_t i = 0; i < deps->stores->len; i++) {
    if (switch_store_needs_kubernetes(&stores[i]) &&
        kubernetes_check_access_files(deps->kubernetes, error) != 0) {
      return -EINVAL;
    }
  }
  return deps->stores->len > 0
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
    .is_in_each_store = true,
    .size = sizeof(struct switch_action),
    .check = check_switch_stores,
    .init = init_switch,
    .fini = fini_switch,
    .set = set_switch,
    .confirm = confirm_switch,
    .self_test = self_test_switch,
};
