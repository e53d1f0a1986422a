/* SPDX-License-Identifier: MIT */
/* response_options: what a <Response>, and what all of them share, may hold. */
#include "resource_alert/responses/response_options.h"

#include <errno.h>

static const char *const trigger_words[] = {"warning", "failure", NULL};

static int check_response(const void *target, struct error *error) {
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
#define FIELD(name) offsetof(struct response_options, name)

static const struct option option_rows[] = {
    {.name = "When",
     .kind = OPTION_STRINGS,
     .offset = FIELD(when),
     .is_required = true,
     .example = "\"pool_used\"",
     .help =
         "The option_rows of the table that call for this response; any one of "
         "them is enough. A rule must stand before the response, in the "
         "same B<E<lt>Plugin resource_alertE<gt>> block or in an earlier "
         "one."},
    {.name = "MinSeverity",
     .kind = OPTION_WORD,
     .offset = FIELD(at_least),
     .words = trigger_words,
     .default_text = "warning",
     .help = "How bad a rule must be."},
    {.name = "EngageAfter",
     .kind = OPTION_INTEGER,
     .offset = FIELD(engage_s),
     .min = 0,
     .max = DAY_S,
     .default_text = "30",
     .unit = "seconds",
     .help = "How long that must last before the response acts. A rule has a "
             "C<For> of its own, which comes first."},
    {.name = "ReleaseAfter",
     .kind = OPTION_INTEGER,
     .offset = FIELD(release_s),
     .min = 0,
     .max = DAY_S,
     .default_text = "300",
     .unit = "seconds",
     .help = "How long all option_rows must be calm before the response is "
             "undone, in "
             "the reverse order. A rule that goes missing is not calm: it "
             "freezes the response as it is."},
    {.name = "Stagger",
     .kind = OPTION_INTEGER,
     .offset = FIELD(stagger_s),
     .min = 0,
     .max = 3600,
     .default_text = "0",
     .unit = "seconds",
     .help = "The pause from undoing one action to undoing the next, so that "
             "the load does not come back all at once."},
    {.name = "Grace",
     .kind = OPTION_INTEGER,
     .offset = FIELD(grace_s),
     .min = 0,
     .max = 3600,
     .default_text = "0",
     .unit = "seconds",
     .help = "Nothing is engaged for so long after collectd's start and after "
             "the option_rows come back from a gap in the data: the first "
             "values are "
             "often wild."},
    {.name = "MaxActionsPerHour",
     .kind = OPTION_INTEGER,
     .offset = FIELD(max_actions),
     .min = 0,
     .max = 3600,
     .default_text = "30",
     .unit = "actions an hour",
     .help = "The rate_limiter: a response that would engage more actions "
             "within an "
             "hour latches and engages nothing more, until a person removes "
             "the file F<StateDir/latched-RESPONSE>. What is engaged is still "
             "undone. Retries of an act that failed do not count; 0 takes the "
             "rate_limiter out."},
    {.name = "SelfTestInterval",
     .kind = OPTION_INTEGER,
     .offset = FIELD(drill_s),
     .min = 0,
     .max = 30 * DAY_S,
     .default_text = "86400",
     .unit = "seconds",
     .help = "The fire drill: while the response is off, each action goes so "
             "often the whole way to its target without effect: a patch that "
             "the API server does not keep, a transaction whose condition "
             "never holds, the rights on a table, a directory or a command. "
             "What would fail is a warning before it is needed. The first one "
             "comes within two minutes of collectd's start. 0: none."},
    {.name = "EffectCheckAfter",
     .kind = OPTION_INTEGER,
     .offset = FIELD(observe_s),
     .min = 0,
     .max = DAY_S,
     .default_text = "0",
     .unit = "seconds",
     .help = "So long after the response has engaged, and after each further "
             "step, look whether it helped: whether the rule is calm or its "
             "value has moved by at least 5 %. The journal says so, event "
             "C<effect>. 0: do not look."},
    {.name = "EscalateIfIneffective",
     .kind = OPTION_BOOLEAN,
     .offset = FIELD(escalates),
     .default_text = "false",
     .help = "Where it did not help, go on to the next action without waiting "
             "for its B<After>."},
    {.name = "Mode",
     .kind = OPTION_WORD,
     .offset = FIELD(mode),
     .words = action_mode_words,
     .default_text = "auto",
     .help = "As B<Mode> of the plugin, for this response."},
    {.name = "Switch",
     .kind = OPTION_BLOCK,
     .offset = FIELD(actions[ACTION_SWITCH]),
     .block = &action_switch_block},
    {.name = "Exec",
     .kind = OPTION_BLOCK,
     .offset = FIELD(actions[ACTION_EXEC]),
     .block = &action_exec_block},
    {.name = "Webhook",
     .kind = OPTION_BLOCK,
     .offset = FIELD(actions[ACTION_WEBHOOK]),
     .block = &action_webhook_block},
    {.name = "Scale",
     .kind = OPTION_BLOCK,
     .offset = FIELD(actions[ACTION_SCALE]),
     .block = &action_scale_block},
    {.name = "SuspendCronJob",
     .kind = OPTION_BLOCK,
     .offset = FIELD(actions[ACTION_CRONJOB]),
     .block = &action_cronjob_block},
    {.name = "HAProxy",
     .kind = OPTION_BLOCK,
     .offset = FIELD(actions[ACTION_HAPROXY]),
     .block = &action_haproxy_block},
};

const struct option_block response_block = {
    .name = "Response",
    .label = OPTION_LABEL_REQUIRED,
    .is_repeatable = true,
    .size = sizeof(struct response_options),
    .help =
        "What to do when option_rows of the table are beyond their limits: the "
        "actions in it, in their order, and undone in the reverse order "
        "once all is calm.",
    .options = option_rows,
    .options_len = OPTION_COUNT(option_rows),
    .check_label = action_check_name,
    .check = check_response,
};

size_t response_options_count_actions(const struct response_options *options) {
  size_t count = 0;
  for (size_t kind = 0; kind < ACTION_KINDS; kind++) {
    count += options->actions[kind].len;
  }
  return count;
}
