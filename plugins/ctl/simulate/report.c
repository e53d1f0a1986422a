/* SPDX-License-Identifier: MIT */
/* report: what a replay counts. */
#include "ctl/simulate/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int tally_init(struct tally *tally, size_t rules_len, size_t responses_len,
               int64_t short_ms) {
  *tally = (struct tally){.rules_len = rules_len,
                          .responses_len = responses_len,
                          .short_ms = short_ms};
  tally->rules = calloc(tally->rules_len + 1, sizeof(*tally->rules));
  tally->responses =
      calloc(tally->responses_len + 1, sizeof(*tally->responses));
  return tally->rules == NULL || tally->responses == NULL ? -ENOMEM : 0;
}

void tally_fini(struct tally *tally) {
  for (size_t i = 0; i < tally->open_len; i++) {
    free(tally->open[i].series);
  }
  for (size_t i = 0; tally->responses != NULL && i < tally->responses_len;
       i++) {
    free(tally->responses[i].actions);
  }
  free(tally->open);
  free(tally->rules);
  free(tally->responses);
  *tally = (struct tally){0};
}

static struct tally_open *find_open(struct tally *tally, size_t rule,
                                    const char *series) {
  for (size_t i = 0; i < tally->open_len; i++) {
    if (tally->open[i].rule == rule &&
        strcmp(tally->open[i].series, series) == 0) {
      return &tally->open[i];
    }
  }
  return NULL;
}

static void begin_episode(struct tally *tally, int64_t at_ms,
                          const struct announcement *change) {
  struct tally_open *larger =
      realloc(tally->open, (tally->open_len + 1) * sizeof(*larger));
  char *series = strdup(change->series);
  if (larger != NULL) {
    tally->open = larger;
  }
  if (larger == NULL || series == NULL) {
    free(series);
    tally->lost++;
    return;
  }
  larger[tally->open_len++] = (struct tally_open){
      .rule = change->rule->index, .series = series, .since_ms = at_ms};
  tally->rules[change->rule->index].episodes++;
}

static void end_episode(struct tally *tally, struct tally_open *open,
                        int64_t at_ms, bool is_cut_off) {
  struct tally_rule *rule = &tally->rules[open->rule];
  int64_t lasted_ms = at_ms - open->since_ms;
  rule->total_ms += lasted_ms;
  rule->longest_ms =
      lasted_ms > rule->longest_ms ? lasted_ms : rule->longest_ms;
  rule->flaps += lasted_ms < tally->short_ms && !is_cut_off ? 1 : 0;
  free(open->series);
  *open = tally->open[--tally->open_len];
}

static bool is_bad(enum alert_state state) {
  return state == ALERT_WARNING || state == ALERT_FAILURE ||
         state == ALERT_MISSING;
}

void tally_alert(struct tally *tally, int64_t at_ms,
                 const struct announcement *change) {
  struct tally_rule *rule = &tally->rules[change->rule->index];
  struct tally_open *open =
      find_open(tally, change->rule->index, change->series);
  rule->failures += change->to == ALERT_FAILURE ? 1 : 0;
  rule->missing += change->to == ALERT_MISSING ? 1 : 0;
  if (is_bad(change->to) && open == NULL) {
    begin_episode(tally, at_ms, change);
  } else if (!is_bad(change->to) && open != NULL) {
    end_episode(tally, open, at_ms, false);
  }
}

static bool is_engaged(enum response_state state) {
  return state == RESPONSE_ENGAGING || state == RESPONSE_ENGAGED;
}

static void turn(struct tally_switch *one, int64_t at_ms, bool is_on) {
  if (is_on && !one->is_on) {
    one->times++;
    one->since_ms = at_ms;
  } else if (!is_on && one->is_on) {
    one->total_ms += at_ms - one->since_ms;
  }
  one->is_on = is_on;
}

void tally_response_change(struct tally *tally, int64_t at_ms, size_t response,
                           enum response_state to) {
  turn(&tally->responses[response].engaged, at_ms, is_engaged(to));
}

/* The action's count, new if it must be; NULL when memory is short. */
static struct tally_action *find_action(struct tally_response *response,
                                        const char *name) {
  for (size_t i = 0; i < response->actions_len; i++) {
    if (strcmp(response->actions[i].name, name) == 0) {
      return &response->actions[i];
    }
  }
  struct tally_action *larger =
      realloc(response->actions, (response->actions_len + 1) * sizeof(*larger));
  if (larger == NULL) {
    return NULL;
  }
  response->actions = larger;
  struct tally_action *action = &larger[response->actions_len++];
  *action = (struct tally_action){.name = ""};
  (void)snprintf(action->name, sizeof(action->name), "%s", name);
  return action;
}

void tally_action(struct tally *tally, int64_t at_ms, size_t response,
                  const char *action, bool is_on) {
  struct tally_action *one = find_action(&tally->responses[response], action);
  if (one == NULL) {
    tally->lost++;
  } else {
    turn(&one->on, at_ms, is_on);
  }
}

void tally_end(struct tally *tally, int64_t at_ms) {
  while (tally->open_len > 0) {
    end_episode(tally, &tally->open[tally->open_len - 1], at_ms, true);
  }
  for (size_t i = 0; i < tally->responses_len; i++) {
    struct tally_response *one = &tally->responses[i];
    turn(&one->engaged, at_ms, false);
    for (size_t j = 0; j < one->actions_len; j++) {
      turn(&one->actions[j].on, at_ms, false);
    }
  }
}
