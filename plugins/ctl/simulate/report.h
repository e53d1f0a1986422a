/* SPDX-License-Identifier: MIT */
/* report: what a replay counts: episodes of each rule, engagements of each
 * response. */
#ifndef CTL_SIMULATE_REPORT_H
#define CTL_SIMULATE_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "ctl/simulate/simulator.h"

/* A series of a rule that is not okay now. */
struct tally_open {
  size_t rule;
  char *series;
  int64_t since_ms;
};

struct tally_rule {
  uint64_t episodes; /* from not okay to okay */
  uint64_t flaps;    /* episodes shorter than short_ms */
  uint64_t failures; /* episodes' steps into FAILURE */
  uint64_t missing;
  int64_t total_ms; /* not okay, over all series */
  int64_t longest_ms;
};

/* How often something was on, and for how long in all. */
struct tally_switch {
  uint64_t times;
  int64_t total_ms;
  int64_t since_ms;
  bool is_on;
};

#define TALLY_ACTION_BYTES 192

struct tally_action {
  char name[TALLY_ACTION_BYTES];
  struct tally_switch on;
};

struct tally_response {
  struct tally_switch engaged;
  struct tally_action *actions; /* owned; in the order of their first act */
  size_t actions_len;
};

struct tally {
  struct tally_rule *rules;
  size_t rules_len;
  struct tally_response *responses;
  size_t responses_len;
  struct tally_open *open;
  size_t open_len;
  int64_t short_ms;
  uint64_t lost; /* changes without memory to keep them */
};

/* Returns 0 or -ENOMEM; yours, tally_fini(), also after a failure. */
int tally_init(struct tally *tally, size_t rules_len, size_t responses_len,
               int64_t short_ms);
void tally_fini(struct tally *tally);

void tally_alert(struct tally *tally, int64_t at_ms,
                 const struct announcement *change);
void tally_response_change(struct tally *tally, int64_t at_ms, size_t response,
                           enum response_state to);
void tally_action(struct tally *tally, int64_t at_ms, size_t response,
                  const char *action, bool is_on);

/* Ends what is open at the end of the data; an episode that was cut off is no
 * flap. */
void tally_end(struct tally *tally, int64_t at_ms);

#endif
