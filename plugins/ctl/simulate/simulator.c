/* SPDX-License-Identifier: MIT */
/* simulator: runs the plugin's own rules and responses on a clock that the
 * caller sets.
 *
 * It drives the same series table and the same response logic as the daemon,
 * with one thread and without its workers. Time passes in steps: to the next
 * reading, to the next tick of the table, or to the time for which a
 * response has asked, whichever is first. */
#include "ctl/simulate/simulator.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "resource_alert/alerts/change_queue.h"
#include "resource_alert/alerts/series.h"
#include "resource_alert/alerts/series_table.h"
#include "resource_alert/responses/pool_values.h"
#include "resource_alert/responses/response.h"
#include "resource_alert/rules/rule.h"

/* The table is walked a few times an interval, so that missing series are
 * found about as late as in the daemon, and a month takes seconds. */
#define TICK_MS_MIN 1000
#define TICK_MS_MAX 15000
#define TICKS_PER_INTERVAL 4
#define FORGET_SLACK_MS 3600000

#define MISSING_INTERVALS 2 /* collectd's Timeout, as it comes */

/* One action of a response, or one store of it. */
struct simulated_action {
  struct action_world world;
  struct pool_values pool;
};

struct simulator {
  struct simulator_listener listener;
  struct rules rules;
  struct change_queue queue;
  struct series_table *table;
  const struct option_blocks *response_options; /* borrowed */
  struct response *responses;                   /* one for each of those */
  size_t responses_len;                         /* initialized so far */
  struct simulated_action **actions;            /* of each response */
  struct condition_inputs pools;                /* of dbpool */
  int64_t now_ms;
  int64_t ticked_ms;
  int64_t tick_ms;
  int64_t wake_ms; /* the earliest of the responses' */
  int64_t read_ms; /* of the last reading */
  int64_t forget_ms;
  size_t *series_max; /* the most series that each rule had */
};

static int make_simulated_actions(struct simulator *simulator, size_t index,
                                  const struct response_options *options) {
  size_t len = simulator->responses[index].actions_len;
  struct simulated_action *actions = calloc(len + 1, sizeof(*actions));
  simulator->actions[index] = actions;
  int code = actions == NULL ? -ENOMEM : 0;
  for (size_t i = 0; i < len && code == 0; i++) {
    const struct response_target target =
        response_options_find_target(options, NULL, i);
    if (target.options->pool != NULL) {
      code = pool_values_init(&actions[i].pool, &simulator->pools,
                              target.options->pool, NULL);
    }
  }
  return code;
}

/* The stricter of the plugin's mode and the response's counts, as in the
 * daemon. */
static int make_simulated_responses(struct simulator *simulator,
                                    const struct resource_alert_options *all) {
  const struct option_blocks *blocks = &all->responses.responses;
  const struct response_options *items = blocks->items;
  simulator->response_options = blocks;
  size_t names_len = 0;
  const char **names = resource_alert_list_rule_names(all, &names_len);
  const struct response_rule_names rule_names = {names, names_len};
  simulator->responses = calloc(blocks->len + 1, sizeof(*simulator->responses));
  simulator->actions = calloc(blocks->len + 1, sizeof(*simulator->actions));
  int code = names == NULL || simulator->responses == NULL ||
                     simulator->actions == NULL
                 ? -ENOMEM
                 : 0;
  for (size_t i = 0; i < blocks->len && code == 0; i++) {
    int mode = all->responses.mode;
    mode = items[i].mode > mode ? items[i].mode : mode;
    simulator->responses_len++;
    code = response_init_configured(&simulator->responses[i], &items[i],
                                    &rule_names, NULL);
    if (code == 0) {
      response_set_action_modes(&simulator->responses[i],
                                (enum action_mode)mode, simulator->now_ms);
      code = make_simulated_actions(simulator, i, &items[i]);
    }
  }
  free(names);
  return code;
}

/* The table of the daemon, with limits from the configuration. */
static int make_series_table(struct simulator *simulator,
                             const struct resource_alert_options *options,
                             struct error *error) {
  const struct series_table_limits limits = {
      .series_max = (uint64_t)options->max_series,
      .missing_intervals = MISSING_INTERVALS,
      .forget_ms = (int64_t)(options->forget_s * 1000),
  };
  change_queue_init(&simulator->queue);
  int code = rules_init(&simulator->rules, &options->rules, error);
  if (code != 0) {
    return code;
  }
  simulator->series_max =
      calloc(simulator->rules.len + 1, sizeof(*simulator->series_max));
  if (simulator->series_max == NULL) {
    return -ENOMEM;
  }
  return series_table_new(&simulator->rules, &limits, &simulator->queue,
                          &simulator->table);
}

int simulator_new(const struct resource_alert_options *options,
                  int64_t start_ms, const struct simulator_listener *listener,
                  struct simulator **ret, struct error *error) {
  struct simulator *simulator = calloc(1, sizeof(*simulator));
  if (simulator == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  condition_inputs_init(&simulator->pools);
  simulator->listener = *listener;
  simulator->now_ms = start_ms;
  simulator->ticked_ms = start_ms;
  simulator->tick_ms = TICK_MS_MAX;
  simulator->wake_ms = INT64_MAX;
  simulator->forget_ms = (int64_t)(options->forget_s * 1000);
  simulator->read_ms = start_ms;
  int code = make_series_table(simulator, options, error);
  if (code == 0) {
    code = make_simulated_responses(simulator, options);
  }
  if (code != 0) {
    simulator_free(simulator);
    return code == -ENOMEM ? error_set(error, code, "out of memory") : code;
  }
  series_table_advance_time(simulator->table, start_ms, start_ms);
  *ret = simulator;
  return 0;
}

static void free_simulated_actions(struct simulator *simulator, size_t index) {
  struct simulated_action *actions = simulator->actions[index];
  for (size_t i = 0;
       actions != NULL && i < simulator->responses[index].actions_len; i++) {
    pool_values_fini(&actions[i].pool);
  }
  free(actions);
}

void simulator_free(struct simulator *simulator) {
  if (simulator == NULL) {
    return;
  }
  for (size_t i = 0; i < simulator->responses_len; i++) {
    free_simulated_actions(simulator, i);
    response_fini(&simulator->responses[i]);
  }
  condition_inputs_fini(&simulator->pools);
  free(simulator->actions);
  if (simulator->table != NULL) {
    series_table_free(simulator->table);
  }
  rules_fini(&simulator->rules);
  change_queue_fini(&simulator->queue);
  free(simulator->responses);
  free(simulator->series_max);
  free(simulator);
}

/* ---- running ---- */

/* Takes the change under the series' lock, as the daemon's threads do; the
 * listener is called without it. */
static void report_alert_change(struct simulator *simulator,
                                struct series_alert *alert) {
  struct alert_event event;
  struct series *series = alert->series;
  series_lock(series);
  alert_event_take(alert, NULL, simulator->now_ms, &event);
  series_unlock(series);
  if (event.change.from != event.change.to &&
      simulator->listener.alert != NULL) {
    simulator->listener.alert(simulator->listener.context, simulator->now_ms,
                              &event);
  }
}

/* Counted at each change, so that series which are forgotten later count. */
static void update_series_max(struct simulator *simulator) {
  for (size_t i = 0; i < simulator->rules.len; i++) {
    const struct rule *rule = &simulator->rules.items[i];
    size_t count = 0;
    for (int state = 0; state < ALERT_STATES; state++) {
      count += atomic_load(&rule->counts[state]);
    }
    if (count > simulator->series_max[i]) {
      simulator->series_max[i] = count;
    }
  }
}

/* What the note of a driver is about. */
struct simulated_note {
  struct simulator *simulator;
  size_t response;
  const char *action;
};

/* For action_call.note. */
static void take_note(void *context, const char *step, json_t *fields) {
  const struct simulated_note *note = context;
  const struct simulator_listener *listener = &note->simulator->listener;
  const char *cause = json_string_value(json_object_get(fields, "cause"));
  if (strcmp(step, "blocked") == 0 && cause != NULL &&
      listener->blocked != NULL) {
    listener->blocked(listener->context, note->simulator->now_ms,
                      note->response, note->action, cause);
  }
  json_decref(fields);
}

/* What the driver would do; one that cannot say succeeds at once. */
static struct response_result
simulate_driver(struct simulator *simulator, size_t index,
                const struct response_decision *decision,
                const struct response_target *target, const char *name) {
  const struct action_driver *driver = action_drivers[target->kind];
  struct simulated_action *action =
      &simulator->actions[index][decision->action];
  const struct response *response = &simulator->responses[index];
  struct simulated_note note = {simulator, index, name};
  struct error error = {{0}};
  struct action_call call = {.outcome = ACTION_CONFIRMED,
                             .error = &error,
                             .note = take_note,
                             .context = &note};
  struct action_request request = {
      .is_on = decision->is_on,
      .is_breached =
          response->input == RESPONSE_BREACH && response->forbidden_by == NULL,
      .value =
          response->cause == NULL ? (double)NAN : response->cause->now.value};
  pool_values_get(&action->pool, simulator->now_ms, &request.left,
                  &request.open);
  if (driver->simulate != NULL) {
    driver->simulate(target->options, &request, &action->world, &call);
  }
  return (struct response_result){.outcome = call.outcome,
                                  .again_in_ms = call.again_in_ms};
}

static void simulate_attempt(struct simulator *simulator, size_t index,
                             const struct response_decision *decision) {
  const struct response_options *options = simulator->response_options->items;
  char name[RESPONSE_ACTION_NAME_BYTES];
  const struct response_target target =
      response_options_find_target(&options[index], NULL, decision->action);
  (void)response_options_format_action(&target, false, name);
  const struct response_result done =
      simulate_driver(simulator, index, decision, &target, name);
  response_end_attempt(&simulator->responses[index], decision->action, &done,
                       simulator->now_ms, 0);
  if (!decision->is_refresh && simulator->listener.action != NULL) {
    simulator->listener.action(simulator->listener.context, simulator->now_ms,
                               index, name, decision->is_on);
  }
}

/* Does all that is due. Returns when something is due next though no rule
 * changes. */
static int64_t step_response(struct simulator *simulator, size_t index) {
  struct response *response = &simulator->responses[index];
  const struct simulator_listener *listener = &simulator->listener;
  struct response_decision decision;
  do {
    decision = response_decide(response, false, simulator->now_ms);
    if (decision.kind == RESPONSE_CHANGED && listener->response != NULL) {
      listener->response(listener->context, simulator->now_ms, index,
                         decision.before, response->state);
    } else if (decision.kind == RESPONSE_FORBIDDEN &&
               listener->forbidden != NULL) {
      listener->forbidden(listener->context, simulator->now_ms, index,
                          response->forbidden_by->name);
    } else if (decision.kind == RESPONSE_ATTEMPT) {
      simulate_attempt(simulator, index, &decision);
    }
  } while (decision.kind != RESPONSE_IDLE);
  return response_wake_ms(response, simulator->now_ms);
}

/* Hands the rules to the responses. Returns true where one has changed: also
 * without an event, when its readings are within the limits again. */
static bool refresh_rules(struct simulator *simulator) {
  bool has_changed = false;
  for (size_t i = 0; i < simulator->responses_len; i++) {
    struct response *response = &simulator->responses[i];
    for (size_t k = 0; k < response->rules_len + response->unless_len; k++) {
      struct response_rule *rule = &response->rules[k];
      const struct rule_status now =
          rule_get_status(&simulator->rules.items[rule->index]);
      has_changed = has_changed || now.state != rule->now.state ||
                    now.beyond != rule->now.beyond ||
                    now.held != rule->now.held ||
                    now.is_known != rule->now.is_known;
      rule->now = now;
    }
  }
  return has_changed;
}

/* After a change of a rule, or when a response's own time has come. */
static void step_all_responses(struct simulator *simulator) {
  update_series_max(simulator);
  simulator->wake_ms = INT64_MAX;
  for (size_t i = 0; i < simulator->responses_len; i++) {
    int64_t wake_ms = step_response(simulator, i);
    if (wake_ms < simulator->wake_ms) {
      simulator->wake_ms = wake_ms;
    }
  }
}

/* No other thread uses the table: the queue is read without its lock. */
static void report_changes_and_step_responses(struct simulator *simulator) {
  bool has_changes = simulator->queue.first != NULL;
  while (simulator->queue.first != NULL) {
    bool unused;
    struct series_alert *next =
        change_queue_take_all(&simulator->queue, 0, &unused);
    while (next != NULL) {
      struct series_alert *alert = next;
      next = alert->next_queued;
      report_alert_change(simulator, alert);
    }
  }
  has_changes = refresh_rules(simulator) || has_changes;
  if (has_changes || simulator->now_ms >= simulator->wake_ms) {
    step_all_responses(simulator);
  }
}

/* The next time, at most AT_MS, at which something may happen by itself. */
static int64_t find_next_moment(const struct simulator *simulator,
                                int64_t at_ms) {
  int64_t next_ms = simulator->ticked_ms + simulator->tick_ms;
  if (simulator->wake_ms > simulator->now_ms && simulator->wake_ms < next_ms) {
    next_ms = simulator->wake_ms;
  }
  /* All series are forgotten: nothing happens before the next reading. */
  bool is_over = simulator->now_ms - simulator->read_ms >
                 simulator->forget_ms + FORGET_SLACK_MS;
  if (is_over && simulator->wake_ms == INT64_MAX) {
    return at_ms;
  }
  return next_ms < at_ms ? next_ms : at_ms;
}

void simulator_advance(struct simulator *simulator, int64_t at_ms) {
  while (simulator->now_ms < at_ms) {
    simulator->now_ms = find_next_moment(simulator, at_ms);
    if (simulator->now_ms - simulator->ticked_ms >= simulator->tick_ms) {
      simulator->ticked_ms = simulator->now_ms;
      series_table_advance_time(simulator->table, simulator->now_ms,
                                simulator->now_ms);
    }
    report_changes_and_step_responses(simulator);
  }
}

/* A quarter of the shortest interval of any series, at least a second. */
static void shorten_tick(struct simulator *simulator, int64_t interval_ms) {
  int64_t tick_ms = interval_ms / TICKS_PER_INTERVAL;
  tick_ms = tick_ms < TICK_MS_MIN ? TICK_MS_MIN : tick_ms;
  if (tick_ms < simulator->tick_ms) {
    simulator->tick_ms = tick_ms;
  }
}

void simulator_take_reading(struct simulator *simulator,
                            const struct reading *reading) {
  shorten_tick(simulator, reading->interval_ns / 1000000);
  simulator->read_ms = simulator->now_ms;
  pool_values_take_reading(&simulator->pools, NULL, reading, simulator->now_ms);
  series_table_take_reading(simulator->table, reading);
  report_changes_and_step_responses(simulator);
}

void simulator_take_notification(struct simulator *simulator,
                                 const struct notification *notification) {
  shorten_tick(simulator, 0); /* its TTL may end at any second */
  simulator->read_ms = simulator->now_ms;
  series_table_take_notification(simulator->table, notification,
                                 simulator->now_ms);
  report_changes_and_step_responses(simulator);
}

const struct rules *simulator_rules(const struct simulator *simulator) {
  return &simulator->rules;
}

size_t simulator_series_max(const struct simulator *simulator, size_t rule) {
  return simulator->series_max[rule];
}

enum response_state simulator_response_state(const struct simulator *simulator,
                                             size_t response) {
  return simulator->responses[response].state;
}
