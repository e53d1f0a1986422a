/* SPDX-License-Identifier: MIT */
/* report: counts the episodes of each rule and the engagements of each
 * response.
 *
 * An episode lasts from leaving OKAY to returning to it and may pass through
 * several states. Everything is counted from changes, so a report needs
 * memory only for the episodes that are open. */
#include "ctl/simulate/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int report_init(struct report *report, size_t rules_len, size_t responses_len,
                int64_t short_ms) {
  *report = (struct report){.rules_len = rules_len,
                            .responses_len = responses_len,
                            .short_ms = short_ms};
  report->rules = calloc(report->rules_len + 1, sizeof(*report->rules));
  report->responses =
      calloc(report->responses_len + 1, sizeof(*report->responses));
  return report->rules == NULL || report->responses == NULL ? -ENOMEM : 0;
}

void report_fini(struct report *report) {
  for (size_t i = 0; i < report->open_len; i++) {
    free(report->open[i].series);
  }
  for (size_t i = 0; report->responses != NULL && i < report->responses_len;
       i++) {
    free(report->responses[i].actions);
  }
  free(report->open);
  free(report->rules);
  free(report->responses);
  *report = (struct report){0};
}

/* Linear: few series are bad at the same time. */
static struct report_episode *
find_open_episode(struct report *report, size_t rule, const char *series) {
  for (size_t i = 0; i < report->open_len; i++) {
    if (report->open[i].rule == rule &&
        strcmp(report->open[i].series, series) == 0) {
      return &report->open[i];
    }
  }
  return NULL;
}

/* The name is copied, because the event ends with the call. */
static void begin_episode(struct report *report, int64_t at_ms,
                          const struct alert_event *event) {
  struct report_episode *larger =
      realloc(report->open, (report->open_len + 1) * sizeof(*larger));
  char *series = strdup(event->series);
  if (larger != NULL) {
    report->open = larger;
  }
  if (larger == NULL || series == NULL) {
    free(series);
    return;
  }
  larger[report->open_len++] = (struct report_episode){
      .rule = event->rule->index, .series = series, .since_ms = at_ms};
  report->rules[event->rule->index].episodes++;
}

/* is_cut_off: the data ended, so how short it would have been is unknown. */
static void end_episode(struct report *report, struct report_episode *open,
                        int64_t at_ms, bool is_cut_off) {
  struct report_rule *rule = &report->rules[open->rule];
  int64_t lasted_ms = at_ms - open->since_ms;
  rule->total_ms += lasted_ms;
  rule->longest_ms =
      lasted_ms > rule->longest_ms ? lasted_ms : rule->longest_ms;
  rule->flaps += lasted_ms < report->short_ms && !is_cut_off ? 1 : 0;
  free(open->series);
  *open = report->open[--report->open_len];
}

/* UNKNOWN ends an episode: nothing is known to be bad any more. */
static bool is_bad_state(enum alert_state state) {
  return state == ALERT_WARNING || state == ALERT_FAILURE ||
         state == ALERT_MISSING;
}

void report_add_alert(struct report *report, int64_t at_ms,
                      const struct alert_event *event) {
  struct report_rule *rule = &report->rules[event->rule->index];
  struct report_episode *open =
      find_open_episode(report, event->rule->index, event->series);
  rule->failures += event->change.to == ALERT_FAILURE ? 1 : 0;
  rule->missing += event->change.to == ALERT_MISSING ? 1 : 0;
  if (is_bad_state(event->change.to) && open == NULL) {
    begin_episode(report, at_ms, event);
  } else if (!is_bad_state(event->change.to) && open != NULL) {
    end_episode(report, open, at_ms, false);
  }
}

/* Only a change counts, so that a repeated "on" does not count twice. */
static void update_time_on(struct report_time_on *one, int64_t at_ms,
                           bool is_on) {
  if (is_on && !one->is_on) {
    one->times++;
    one->since_ms = at_ms;
  } else if (!is_on && one->is_on) {
    one->total_ms += at_ms - one->since_ms;
  }
  one->is_on = is_on;
}

void report_add_response(struct report *report, int64_t at_ms, size_t response,
                         enum response_state to) {
  update_time_on(&report->responses[response].engaged, at_ms,
                 to == RESPONSE_ENGAGING || to == RESPONSE_ENGAGED);
}

/* Returns the action's count, added where it is new; NULL when memory is
 * short. */
static struct report_action *
find_or_add_action(struct report_response *response, const char *name) {
  for (size_t i = 0; i < response->actions_len; i++) {
    if (strcmp(response->actions[i].name, name) == 0) {
      return &response->actions[i];
    }
  }
  struct report_action *larger =
      realloc(response->actions, (response->actions_len + 1) * sizeof(*larger));
  if (larger == NULL) {
    return NULL;
  }
  response->actions = larger;
  struct report_action *action = &larger[response->actions_len++];
  *action = (struct report_action){.name = ""};
  (void)snprintf(action->name, sizeof(action->name), "%s", name);
  return action;
}

void report_add_action(struct report *report, int64_t at_ms, size_t response,
                       const char *action, bool is_on) {
  struct report_action *one =
      find_or_add_action(&report->responses[response], action);
  if (one != NULL) {
    update_time_on(&one->on, at_ms, is_on);
  }
}

void report_add_blocked(struct report *report, size_t response,
                        const char *action) {
  struct report_action *one =
      find_or_add_action(&report->responses[response], action);
  if (one != NULL) {
    one->blocked++;
  }
}

void report_end_episodes(struct report *report, int64_t at_ms) {
  while (report->open_len > 0) {
    end_episode(report, &report->open[report->open_len - 1], at_ms, true);
  }
  for (size_t i = 0; i < report->responses_len; i++) {
    struct report_response *one = &report->responses[i];
    update_time_on(&one->engaged, at_ms, false);
    for (size_t j = 0; j < one->actions_len; j++) {
      update_time_on(&one->actions[j].on, at_ms, false);
    }
  }
}
