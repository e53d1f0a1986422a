/* SPDX-License-Identifier: MIT */
/* response_options: the options of a <Response>.
 *
 * The option table keeps the blocks of each kind in an array of their own;
 * response_options_find_action() gives them in the order of the file again, in
 * which they are engaged. */
#include "resource_alert/responses/response_options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const trigger_words[] = {"warning", "failure", NULL};

/* A response without an action would engage without any effect. */
static int check_response_block(const void *target, struct error *error) {
  const struct response_options *response = target;
  for (size_t i = 0; i < ACTION_KINDS; i++) {
    if (response->actions[i].len > 0) {
      return 0;
    }
  }
  return error_set(error, -EINVAL,
                   "no action in it: write one, for instance <Switch "
                   "\"limit_noncore_api\"> </Switch>");
}

#define DAY_S 86400

static const struct option option_rows[] = {
    {OPTION("When", STRINGS, struct response_options, when),
     .is_required = true, .example = "\"pool_used\"",
     .help = "The rules that trigger this response. One of them is enough. A "
             "rule must be defined before the response, in the same "
             "B<E<lt>Plugin resource_alertE<gt>> block or in an earlier one."},
    {OPTION("Unless", STRINGS, struct response_options, unless),
     .example = "\"db_connections\"",
     .help =
         "Rules that forbid this response to engage and to go a step "
         "further: while one of them is WARNING, FAILURE or MISSING, the "
         "response does not engage, no further action starts, and "
         "B<E<lt>ScaleE<gt>> adds no replicas. What is already on stays on, "
         "and the release is never forbidden. A rule that is UNKNOWN "
         "forbids nothing. The rules must be defined before the response."},
    {OPTION("MinSeverity", WORD, struct response_options, min_severity),
     .words = trigger_words, .default_text = "warning",
     .help =
         "A rule triggers the response when it has this state or a worse one."},
    {OPTION("EngageAfter", INTEGER, struct response_options, engage_s),
     .min = 0, .max = DAY_S, .default_text = "30", .unit = "seconds",
     .help = "Time that a rule must be beyond its limits, at B<MinSeverity> or "
             "worse, before the response engages. This time starts after the "
             "B<For> of the rule. It pauses while the readings are within the "
             "limits and the B<RecoverFor> of the rule is not over, and starts "
             "again when all rules are OKAY."},
    {OPTION("ReleaseAfter", INTEGER, struct response_options, release_s),
     .min = 0, .max = DAY_S, .default_text = "300", .unit = "seconds",
     .help = "Time that the readings of all rules must be within their limits "
             "before the actions are undone, in the reverse order. The "
             "B<RecoverFor> of the rules is part of this time, and must be "
             "over."},
    {OPTION("HoldMissing", INTEGER, struct response_options, hold_missing_s),
     .min = 0, .max = 7 * DAY_S, .default_text = "3600", .unit = "seconds",
     .help = "How long a series that stopped while its rule was at "
             "B<MinSeverity> or worse keeps the response from being released. "
             "The other series of the rule still engage it. A series that was "
             "within its limits when it stopped does not matter."},
    {OPTION("MaxActionsPerHour", INTEGER, struct response_options, max_actions),
     .min = 0, .max = 3600, .default_text = "30", .unit = "actions an hour",
     .help = "The rate limit. A response that would exceed it is tripped: it "
             "takes no further action until a person runs "
             "C<resource-alertctl reset>, which needs a B<ControlSocket>. "
             "The actions of the last hour are counted over restarts. Without "
             "a B<ControlSocket>, a restart resets the trip, but not the "
             "count. A "
             "tripped response still undoes its actions. Retries of a failed "
             "action do not count. 0 disables the limit."},
    {OPTION("SelfTestInterval", INTEGER, struct response_options, self_test_s),
     .min = 0, .max = 30 * DAY_S, .default_text = "86400", .unit = "seconds",
     .help = "Time between self-tests. While the response is off, a self-test "
             "reaches the target of each action without changing it: it sends "
             "a patch that the API server does not store or a transaction "
             "whose condition is never true, or checks the permissions on a "
             "table, a directory or a command. A failed self-test is logged "
             "and notified. The first self-test runs within two minutes after "
             "collectd's start. 0: no self-tests."},
    {OPTION("EffectCheckAfter", INTEGER, struct response_options,
            effect_check_s),
     .min = 0, .max = DAY_S, .default_text = "0", .unit = "seconds",
     .help = "Time after the response has engaged, and after each further "
             "action, when the plugin checks the effect: whether the value of "
             "the rule is better, worse or unchanged (within 5 %). The result "
             "is logged with both numbers, as a warning unless it is better, "
             "and journaled as the event C<effect>. 0: no check."},
    {OPTION("Mode", WORD, struct response_options, mode),
     .words = action_mode_words, .default_text = "auto",
     .help = "Like B<Mode> of the plugin, for this response."},
    {OPTION("Switch", BLOCK, struct response_options, actions[ACTION_SWITCH]),
     .block = &action_switch_driver.block},
    {OPTION("Exec", BLOCK, struct response_options, actions[ACTION_EXEC]),
     .block = &action_exec_driver.block},
    {OPTION("Webhook", BLOCK, struct response_options, actions[ACTION_WEBHOOK]),
     .block = &action_webhook_driver.block},
    {OPTION("Scale", BLOCK, struct response_options, actions[ACTION_SCALE]),
     .block = &action_scale_driver.block},
    {OPTION("SuspendCronJob", BLOCK, struct response_options,
            actions[ACTION_CRONJOB]),
     .block = &action_cronjob_driver.block},
    {OPTION("HAProxy", BLOCK, struct response_options, actions[ACTION_HAPROXY]),
     .block = &action_haproxy_driver.block},
};

const struct option_block response_block = {
    .name = "Response",
    .label = OPTION_LABEL_REQUIRED,
    .is_repeatable = true,
    .size = sizeof(struct response_options),
    .help = "Actions to take when rules are beyond their limits. The actions "
            "are taken in their order. They are undone in the reverse order "
            "when all rules are within their limits again.",
    OPTION_ROWS(option_rows),
    .check_label = option_check_name,
    .check = check_response_block,
};

bool response_rule_names_find(const struct response_rule_names *rule_names,
                              const char *name, size_t *ret_index) {
  for (size_t i = 0; i < rule_names->len; i++) {
    if (strcmp(rule_names->names[i], name) == 0) {
      *ret_index = i;
      return true;
    }
  }
  return false;
}

const struct action_options *
response_options_action_at(const struct response_options *options,
                           enum action_kind kind, size_t i) {
  return (const void *)((const char *)options->actions[kind].items +
                        i * action_drivers[kind]->block.size);
}

/* The option table keeps blocks of different names apart: finds the first
 * action whose position is at least POSITION. NULL: none. */
static const struct action_options *
find_action_from_position(const struct response_options *options,
                          size_t position, enum action_kind *ret_kind) {
  const struct action_options *first = NULL;
  for (size_t kind = 0; kind < ACTION_KINDS; kind++) {
    for (size_t i = 0; i < options->actions[kind].len; i++) {
      const struct action_options *action =
          response_options_action_at(options, (enum action_kind)kind, i);
      if (action->head.position >= position &&
          (first == NULL || action->head.position < first->head.position)) {
        first = action;
        *ret_kind = (enum action_kind)kind;
      }
    }
  }
  return first;
}

/* How many targets an action has. */
static size_t count_targets_of(enum action_kind kind,
                               const struct option_blocks *stores) {
  return action_drivers[kind]->is_in_each_store && stores != NULL &&
                 stores->len > 0
             ? stores->len
             : 1;
}

size_t response_options_count_targets(const struct response_options *options,
                                      const struct option_blocks *stores) {
  size_t count = 0;
  for (size_t kind = 0; kind < ACTION_KINDS; kind++) {
    count += options->actions[kind].len *
             count_targets_of((enum action_kind)kind, stores);
  }
  return count;
}

struct response_target
response_options_find_target(const struct response_options *options,
                             const struct option_blocks *stores, size_t index) {
  struct response_target target = {0};
  target.options = find_action_from_position(options, 0, &target.kind);
  for (;;) {
    size_t count = count_targets_of(target.kind, stores);
    if (index < count) {
      break;
    }
    index -= count;
    target.configured++;
    target.options = find_action_from_position(
        options, target.options->head.position + 1, &target.kind);
  }
  if (action_drivers[target.kind]->is_in_each_store && stores != NULL &&
      stores->len > 0) {
    target.store = (const struct switch_store_options *)stores->items + index;
  }
  return target;
}

const char *
response_options_format_action(const struct response_target *target,
                               bool with_store,
                               char text[RESPONSE_ACTION_NAME_BYTES]) {
  const struct action_driver *driver = action_drivers[target->kind];
  const char *label = target->options->head.label;
  size_t length = (size_t)snprintf(text, RESPONSE_ACTION_NAME_BYTES, "%s ",
                                   driver->block.name);
  char *subject = text + length;
  size_t bytes = RESPONSE_ACTION_NAME_BYTES - length;
  if (label != NULL) {
    with_store = with_store && target->store != NULL;
    (void)snprintf(subject, bytes, "%s%s%s", label, with_store ? " in " : "",
                   with_store ? target->store->head.label : "");
  } else {
    driver->format_subject(target->options, subject, bytes);
  }
  return subject;
}
