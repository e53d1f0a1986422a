/* SPDX-License-Identifier: MIT */
/* report: counts the episodes of each rule and the engagements of each
 * response. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ctl/simulate/simulator.h"

/* A series of a rule that is not OKAY now. */
struct report_episode {
  size_t rule;
  char *series; /* owned */
  int64_t since_ms;
};

struct report_rule {
  uint64_t episodes; /* from leaving OKAY to returning to it */
  uint64_t flaps;    /* episodes shorter than short_ms */
  uint64_t failures; /* changes to FAILURE */
  uint64_t missing;  /* changes to MISSING */
  int64_t total_ms;  /* not OKAY, summed over all series */
  int64_t longest_ms;
};

/* How often something was switched on, and for how long in total. */
struct report_time_on {
  uint64_t times;
  int64_t total_ms;
  int64_t since_ms;
  bool is_on;
};

#define REPORT_ACTION_BYTES 192

struct report_action {
  char name[REPORT_ACTION_BYTES];
  struct report_time_on on;
  uint64_t blocked; /* steps, each with other numbers */
};

struct report_response {
  struct report_time_on engaged;
  struct report_action *actions; /* owned; in the order of their first use */
  size_t actions_len;
};

struct report {
  struct report_rule *rules;
  size_t rules_len;
  struct report_response *responses;
  size_t responses_len;
  struct report_episode *open;
  size_t open_len;
  int64_t short_ms;
};

/* Returns 0 or -ENOMEM; yours, report_fini(), also after a failure. */
int report_init(struct report *report, size_t rules_len, size_t responses_len,
                int64_t short_ms);
void report_fini(struct report *report);

/* Each counts one change at AT_MS; none where memory is short. */
void report_add_alert(struct report *report, int64_t at_ms,
                      const struct alert_event *event);
void report_add_response(struct report *report, int64_t at_ms, size_t response,
                         enum response_state to);
void report_add_action(struct report *report, int64_t at_ms, size_t response,
                       const char *action, bool is_on);
void report_add_blocked(struct report *report, size_t response,
                        const char *action);

/* Ends all open episodes at the end of the data; they do not count as flaps. */
void report_end_episodes(struct report *report, int64_t at_ms);
