/* SPDX-License-Identifier: MIT */
/* responses: all <Response> blocks at work.
 *
 * The rules are a few atomic numbers each, written by the engine and read by
 * the workers. A worker that is woken between two writes sees the new value
 * with the old states, and is woken again. */
#include "resource_alert/responses/responses.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/file_util.h"
#include "core/json_util.h"
#include "core/text.h"
#include "resource_alert/alerts/alert_event.h"
#include "resource_alert/clients/http_client.h"
#include "resource_alert/journal.h"
#include "resource_alert/responses/pool_values.h"
#include "resource_alert/responses/response_snapshot.h"
#include "resource_alert/responses/response_worker.h"

#define STOP_MS 2500
#define NOTIFIER_STOP_MS 500

struct responses {
  struct responses_deps deps;
  struct response_worker_deps shared;
  struct kubernetes_options kubernetes; /* the defaults */
  struct shared_rule *rules;            /* by index */
  struct condition_inputs pools;        /* see action_runner_deps */
  size_t workers_len;
  struct response_worker *workers[];
};

/* ---- checking ---- */

/* A misspelt rule would never call for the response, which nobody would notice
 * before an incident. */
static int check_rule_names(const char *option,
                            const struct option_strings *names,
                            const struct response_rule_names *rules,
                            struct error *error) {
  size_t i = 0;
  size_t unused;
  while (i < names->len &&
         response_rule_names_find(rules, names->items[i], &unused)) {
    i++;
  }
  if (i == names->len) {
    return 0;
  }
  struct text_nearest nearest = text_nearest_begin(names->items[i]);
  for (size_t k = 0; k < rules->len; k++) {
    text_nearest_offer(&nearest, rules->names[k]);
  }
  bool is_near = nearest.name != NULL;
  return error_set(
      error, -EINVAL,
      "%s \"%s\": there is no <Threshold \"%s\"> before it; %s%s%s", option,
      names->items[i], names->items[i], is_near ? "did you mean \"" : "",
      is_near ? nearest.name
              : "rules must stand in the same or an earlier "
                "<Plugin resource_alert> block",
      is_near ? "\"?" : "");
}

/* A rule that calls for the response and forbids it would never have it act. */
static int check_rules(const struct response_options *response,
                       const struct response_rule_names *rules,
                       struct error *error) {
  int code = check_rule_names("When", &response->when, rules, error);
  if (code == 0) {
    code = check_rule_names("Unless", &response->unless, rules, error);
  }
  for (size_t i = 0; i < response->when.len && code == 0; i++) {
    for (size_t k = 0; k < response->unless.len && code == 0; k++) {
      if (strcmp(response->when.items[i], response->unless.items[k]) == 0) {
        code = error_set(error, -EINVAL,
                         "Unless \"%s\": this rule is also in When; the "
                         "response would never engage on it",
                         response->unless.items[k]);
      }
    }
  }
  return code;
}

/* The <Kubernetes> block, or its defaults. */
static const struct kubernetes_options *
find_kubernetes(const struct responses_options *options,
                const struct kubernetes_options *defaults) {
  return options->kubernetes.len > 0 ? options->kubernetes.items : defaults;
}

/* Each driver knows what its action needs: a store, a token, a safe command.
 * One that cannot work yet is no reason not to start. */
static int check_actions(const struct responses_options *options,
                         const struct kubernetes_options *kubernetes,
                         const struct response_options *response,
                         const struct log_sink *log, struct error *error) {
  const struct action_deps deps = {
      .response = response->head.label,
      .helper_dir = options->helper_dir,
      .stores = &options->stores,
      .kubernetes = kubernetes,
  };
  for (size_t kind = 0; kind < ACTION_KINDS; kind++) {
    const struct action_driver *driver = action_drivers[kind];
    for (size_t i = 0; i < response->actions[kind].len; i++) {
      const struct action_options *action =
          response_options_action_at(response, (enum action_kind)kind, i);
      int code = action_check(driver, action, &deps, error);
      if (code == 0) {
        continue;
      }
      error_prefix(error, "<%s>", driver->block.name);
      if (code == -EINVAL) {
        return code;
      }
      log_write(log, LOG_LEVEL_ERROR,
                "<Response \"%s\">: %s; the action fails until this is mended",
                response->head.label, error->text);
    }
  }
  return 0;
}

/* The first of LEN responses with a switch of that name; NULL: none. */
static const struct response_options *
find_switch_owner(const struct response_options *responses, size_t len,
                  const char *name) {
  for (size_t i = 0; i < len; i++) {
    for (size_t k = 0; k < responses[i].actions[ACTION_SWITCH].len; k++) {
      const struct action_options *action =
          response_options_action_at(&responses[i], ACTION_SWITCH, k);
      if (strcmp(action->head.label, name) == 0) {
        return &responses[i];
      }
    }
  }
  return NULL;
}

/* One response owns a switch: two could not agree when to switch it off. */
static int check_switches(const struct responses_options *options, size_t own,
                          struct error *error) {
  const struct response_options *all = options->responses.items;
  for (size_t i = 0; i < all[own].actions[ACTION_SWITCH].len; i++) {
    const char *name =
        response_options_action_at(&all[own], ACTION_SWITCH, i)->head.label;
    const struct response_options *owner = find_switch_owner(all, own, name);
    if (owner != NULL) {
      return error_set(
          error, -EINVAL,
          "<Switch \"%s\"> is also in <Response \"%s\">: a switch can be in "
          "one response only; name the rules of both in its When",
          name, owner->head.label);
    }
  }
  return 0;
}

/* The first mistake ends the check; it names the <Response>. */
static int check_all_responses(const struct responses_options *options,
                               size_t first,
                               const struct kubernetes_options *kubernetes,
                               const struct response_rule_names *rules,
                               const struct log_sink *log,
                               struct error *error) {
  const struct response_options *all = options->responses.items;
  for (size_t i = first; i < options->responses.len; i++) {
    int code = check_rules(&all[i], rules, error);
    if (code == 0) {
      code = check_switches(options, i, error);
    }
    if (code == 0) {
      code = check_actions(options, kubernetes, &all[i], log, error);
    }
    if (code != 0) {
      error_prefix(error, "<Response \"%s\">", all[i].head.label);
      return code;
    }
  }
  return 0;
}

int responses_check(const struct responses_options *options, size_t first,
                    const struct response_rule_names *rules,
                    const struct log_sink *log, struct error *error) {
  struct kubernetes_options defaults;
  if (option_init(&kubernetes_block, &defaults) != 0) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  int code = check_all_responses(
      options, first, find_kubernetes(options, &defaults), rules, log, error);
  option_fini(&kubernetes_block, &defaults);
  return code;
}

/* ---- life ---- */

/* Without StateDir, or without any response, nothing is saved and no file is
 * made. */
static int open_state_file(struct responses *responses, struct error *error) {
  const char *state_dir = responses->deps.state_dir;
  bool is_saved =
      state_dir != NULL && responses->deps.options->responses.len > 0;
  char path[PATH_MAX];
  int length =
      is_saved ? snprintf(path, sizeof(path), "%s/responses.jsonl", state_dir)
               : 0;
  if (length >= (int)sizeof(path)) {
    return error_set(error, -ENAMETOOLONG, "StateDir: path is too long");
  }
  if (is_saved) {
    file_sweep_leftovers(state_dir, 0); /* nothing else writes there yet */
  }
  return response_state_file_open(is_saved ? path : NULL, &responses->deps.log,
                                  &responses->shared.states, error);
}

/* All workers are made before the first one starts, so that a mistake starts
 * none. */
static int start_workers(struct responses *responses, struct error *error) {
  const struct responses_deps *deps = &responses->deps;
  responses->rules = calloc(deps->rules.len + 1, sizeof(*responses->rules));
  responses->shared.deps = deps;
  responses->shared.rules = responses->rules;
  responses->shared.pools = &responses->pools;
  responses->shared.kubernetes =
      find_kubernetes(deps->options, &responses->kubernetes);
  responses->shared.stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (responses->rules == NULL || responses->shared.stop_fd < 0) {
    return error_set(error, -ENOMEM, "out of memory or file descriptors");
  }
  for (size_t i = 0; i < deps->rules.len; i++) {
    (void)shared_rule_set(&responses->rules[i],
                          &(struct rule_status){.beyond = ALERT_OKAY,
                                                .held = ALERT_OKAY,
                                                .value = (double)NAN});
  }
  int code = open_state_file(responses, error);
  if (code == 0 && deps->options->responses.len > 0) {
    code = response_notifier_new(&deps->notifications, &responses->deps.log,
                                 &responses->shared.notifier, error);
  }
  const struct response_options *options = deps->options->responses.items;
  for (size_t i = 0; i < deps->options->responses.len && code == 0; i++) {
    code = response_worker_new(&responses->shared, &options[i],
                               &responses->workers[i], error);
    responses->workers_len += code == 0;
  }
  for (size_t i = 0; i < responses->workers_len && code == 0; i++) {
    code = response_worker_start(responses->workers[i], error);
  }
  return code;
}

int responses_start(const struct responses_deps *deps, struct responses **ret,
                    struct error *error) {
  struct responses *responses =
      calloc(1, sizeof(*responses) + deps->options->responses.len *
                                         sizeof(struct response_worker *));
  if (responses == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  responses->deps = *deps;
  responses->shared.stop_fd = -1;
  condition_inputs_init(&responses->pools);
  if (option_init(&kubernetes_block, &responses->kubernetes) != 0) {
    free(responses);
    return error_set(error, -ENOMEM, "out of memory");
  }
  int code = start_workers(responses, error);
  if (code != 0) {
    (void)responses_stop(responses);
    return code;
  }
  *ret = responses;
  return 0;
}

/* Only the responses that name the rule. */
static void wake_watchers(struct responses *responses, size_t rule) {
  for (size_t i = 0; i < responses->workers_len; i++) {
    if (response_worker_watches(responses->workers[i], rule)) {
      response_worker_wake(responses->workers[i]);
    }
  }
}

/* Returns true where more than the value has changed. */
static bool refresh_shared_rule(struct responses *responses,
                                const struct rule *rule) {
  if (responses == NULL || rule->index >= responses->deps.rules.len) {
    return false;
  }
  const struct rule_status status = rule_get_status(rule);
  return shared_rule_set(&responses->rules[rule->index], &status);
}

void responses_take_event(struct responses *responses,
                          const struct alert_event *event) {
  (void)refresh_shared_rule(responses, event->rule);
  if (responses != NULL) {
    wake_watchers(responses, event->rule->index);
  }
}

void responses_refresh_rule(struct responses *responses,
                            const struct rule *rule) {
  if (refresh_shared_rule(responses, rule)) {
    wake_watchers(responses, rule->index);
  }
}

void responses_take_reading(struct responses *responses,
                            const struct reading *reading) {
  if (responses != NULL) {
    pool_values_take_reading(&responses->pools, responses->deps.host, reading,
                             clock_monotonic_ms());
  }
}

void responses_report_problems(struct responses *responses,
                               const struct log_sink *sink) {
  if (responses == NULL) {
    return;
  }
  if (!response_state_file_is_saving(responses->shared.states)) {
    log_write(sink, LOG_LEVEL_WARNING, "response states: cannot be saved");
  }
  for (size_t i = 0; i < responses->workers_len; i++) {
    struct response_worker *worker = responses->workers[i];
    response_snapshot_report_problems(response_worker_snapshot(worker),
                                      response_worker_name(worker), sink);
  }
}

void responses_publish(struct responses *responses,
                       const struct sample_sink *sink) {
  if (responses == NULL) {
    return;
  }
  response_state_file_rewrite_if_due(responses->shared.states);
  for (size_t i = 0; i < responses->workers_len; i++) {
    response_worker_publish(responses->workers[i], sink);
  }
}

/* When it is sent, with who sent it: the worker may be busy with a target for a
 * while. */
static void journal_sent_command(const struct responses *responses,
                                 const char *response,
                                 enum responses_command command,
                                 const char *who) {
  static const char *const words[] = {
      [RESPONSES_MODE_AUTO] = "mode auto",
      [RESPONSES_MODE_DRYRUN] = "mode dryrun",
      [RESPONSES_MODE_OFF] = "mode off",
      [RESPONSES_MODE_CONFIGURED] = "mode configured",
      [RESPONSES_DEACTIVATE] = "deactivate",
      [RESPONSES_RESET] = "reset",
      [RESPONSES_SELF_TEST] = "self-test",
  };
  journal_put(responses->deps.journal, "command",
              json_pack("{s:s, s:s, s:o}", "response", response, "command",
                        words[command], "who", json_util_from_text(who)));
}

int responses_send_command(struct responses *responses, const char *response,
                           enum responses_command command, const char *who,
                           struct error *error) {
  bool is_found = response == NULL;
  if (responses != NULL && responses->deps.state_dir_holder != NULL) {
    return error_set(error, -EBUSY,
                     "this collectd takes no action: its StateDir is in use by "
                     "another one (%s); send the command to that one",
                     responses->deps.state_dir_holder);
  }
  for (size_t i = 0; responses != NULL && i < responses->workers_len; i++) {
    const char *name = response_worker_name(responses->workers[i]);
    if (response == NULL || strcmp(response, name) == 0) {
      is_found = true;
      journal_sent_command(responses, name, command, who);
      response_worker_queue_command(responses->workers[i], command);
    }
  }
  return is_found ? 0
                  : error_set(error, -ENOENT, "there is no response \"%s\"",
                              response);
}

json_t *responses_to_json(struct responses *responses) {
  json_t *all = json_array();
  for (size_t i = 0; responses != NULL && i < responses->workers_len; i++) {
    (void)json_array_append_new(
        all, response_snapshot_copy(
                 response_worker_snapshot(responses->workers[i])));
  }
  return all;
}

/* Ends the threads. Returns false if one of them cannot be ended. */
static bool end_workers(struct responses *responses) {
  const uint64_t one = 1;
  int64_t deadline_ms = clock_monotonic_ms() + STOP_MS;
  bool is_ended = true;
  if (responses->shared.stop_fd >= 0) {
    (void)!write(responses->shared.stop_fd, &one, sizeof(one));
  }
  for (size_t i = 0; i < responses->workers_len; i++) {
    is_ended =
        response_worker_end(responses->workers[i], deadline_ms) && is_ended;
  }
  return is_ended;
}

bool responses_stop(struct responses *responses) {
  if (responses == NULL) {
    return true;
  }
  if (!end_workers(responses)) {
    log_write(&responses->deps.log, LOG_LEVEL_WARNING,
              "responses: an action does not end, such as a host name that is "
              "still being resolved; its thread is abandoned");
    return false;
  }
  if (responses->shared.stop_fd >= 0) {
    (void)close(responses->shared.stop_fd);
  }
  response_notifier_stop(responses->shared.notifier, NOTIFIER_STOP_MS);
  response_state_file_close(responses->shared.states);
  option_fini(&kubernetes_block, &responses->kubernetes);
  condition_inputs_fini(&responses->pools);
  free(responses->rules);
  free(responses);
  return true;
}
