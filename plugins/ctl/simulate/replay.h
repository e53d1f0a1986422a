/* SPDX-License-Identifier: MIT */
/* replay: a table and its responses over readings that were kept. */
#ifndef CTL_SIMULATE_REPLAY_H
#define CTL_SIMULATE_REPLAY_H

#include <stdbool.h>

#include "ctl/simulate/csv_recording.h"
#include "ctl/simulate/report.h"

struct replay_wish {
  struct record_place place;
  const struct resource_alert_options *options;
  int64_t short_ms;
  bool tells_events; /* each change, on standard output */
  bool has_progress; /* a bar, on standard error */
};

struct replay_result {
  struct tally tally;
  struct record_counts counts;
  int64_t first_ms, last_ms;
  struct replay_rule {
    char *name;
    size_t series; /* the most at a time */
  } * rules;       /* tally.rules_len of them */
};

/* Returns 0 with *ret yours (replay_result_fini), or negative errno with a
 * text. */
int replay_run(const struct replay_wish *wish, struct replay_result *ret,
               struct error *error);
void replay_result_fini(struct replay_result *result);

#endif
