/* SPDX-License-Identifier: MIT */
/* simulated_response: one response on a clock that the caller sets. */
#include "ctl/simulate/simulated_response.h"

#include <errno.h>
#include <stdlib.h>

int simulated_response_init(struct simulated_response *simulated,
                            const struct response_options *options,
                            size_t index,
                            const struct resource_alert_options *table,
                            int64_t now_ms) {
  size_t len = 0;
  const char **names = resource_alert_rule_names(table, &len);
  const struct response_rule_names rule_names = {names, len};
  int mode = table->responses.mode;
  mode = options->mode > mode ? options->mode : mode;
  simulated->options = options;
  simulated->index = index;
  int code = names == NULL ? -ENOMEM
                           : response_init_configured(&simulated->response,
                                                      options, &rule_names);
  free(names);
  if (code == 0) {
    response_set_modes(&simulated->response, options, (enum action_mode)mode,
                       now_ms);
  }
  return code;
}

void simulated_response_fini(struct simulated_response *simulated) {
  response_fini(&simulated->response);
}

/* Every attempt succeeds at once. */
static void simulate_attempt(struct simulated_response *simulated,
                             const struct response_decision *decision,
                             int64_t now_ms,
                             const struct simulator_listener *listener) {
  response_end_attempt(&simulated->response, decision, 0, 0, now_ms, 0);
  if (!decision->is_refresh && listener->action != NULL) {
    enum action_kind kind;
    char name[RESPONSE_ACTION_NAME_BYTES];
    const struct action_options *action = response_options_get_action(
        simulated->options, decision->action, &kind);
    (void)response_options_name_action(action, kind, name);
    listener->action(listener->context, now_ms, simulated->index, name,
                     decision->is_on);
  }
}

void simulated_response_step(struct simulated_response *simulated,
                             const enum alert_state *rules, int64_t now_ms,
                             const struct simulator_listener *listener) {
  struct response *response = &simulated->response;
  struct response_decision decision;
  for (size_t i = 0; i < response->rules_len; i++) {
    response->rules[i].state = rules[response->rules[i].index];
  }
  do {
    decision = response_decide(response, false, now_ms);
    if (decision.kind == RESPONSE_CHANGED && listener->response != NULL) {
      listener->response(listener->context, now_ms, simulated->index,
                         decision.before, response->state);
    } else if (decision.kind == RESPONSE_ATTEMPT) {
      simulate_attempt(simulated, &decision, now_ms, listener);
    }
  } while (decision.kind != RESPONSE_IDLE);
  simulated->wake_ms = response_wake_ms(response, now_ms);
}
