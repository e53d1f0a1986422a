/* SPDX-License-Identifier: MIT */
/* suggest: which For or Hysteresis would have kept a rule from flapping. */
#include "ctl/simulate/suggest.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* What is tried, the mildest first: the first without flaps is suggested. */
struct candidate {
  double for_s;            /* 0: as it is */
  double hysteresis_share; /* of the rule's limit; 0: as it is */
};

static const struct candidate candidates[] = {
    {0, 0.02}, {30, 0},  {0, 0.05}, {60, 0},
    {0, 0.1},  {120, 0}, {300, 0},  {600, 0},
};

#define CANDIDATES (sizeof(candidates) / sizeof(candidates[0]))

static double limit_of(const struct threshold_options *rule) {
  const double limits[] = {rule->warning_max, rule->warning_min,
                           rule->failure_max, rule->failure_min};
  for (size_t i = 0; i < 4; i++) {
    if (isfinite(limits[i])) {
      return fabs(limits[i]);
    }
  }
  return 0;
}

static void apply(struct threshold_options *rule,
                  const struct candidate *candidate) {
  double hysteresis = limit_of(rule) * candidate->hysteresis_share;
  rule->for_s = candidate->for_s > rule->for_s ? candidate->for_s : rule->for_s;
  rule->hysteresis =
      hysteresis > rule->hysteresis ? hysteresis : rule->hysteresis;
}

/* Whether the candidate asks for more than the rule has. */
static bool is_other(const struct threshold_options *rule,
                     const struct candidate *candidate) {
  struct threshold_options changed = *rule;
  apply(&changed, candidate);
  return changed.for_s > rule->for_s || changed.hysteresis > rule->hysteresis;
}

static void print_one(const struct threshold_options *rule,
                      const struct candidate *candidate,
                      const struct tally_rule *before,
                      const struct tally_rule *after) {
  struct threshold_options changed = *rule;
  apply(&changed, candidate);
  if (candidate->for_s > 0) {
    (void)printf("%s: For %g", rule->head.label, changed.for_s);
  } else {
    (void)printf("%s: Hysteresis %g", rule->head.label, changed.hysteresis);
  }
  (void)printf(
      " would have left %llu of %llu episodes, %llu of them short "
      "instead of %llu\n",
      (unsigned long long)after->episodes, (unsigned long long)before->episodes,
      (unsigned long long)after->flaps, (unsigned long long)before->flaps);
}

/* One more replay with CANDIDATE for every rule that still flaps. */
static int try_candidate(struct replay_wish *wish,
                         struct threshold_options *rules, size_t len,
                         const struct candidate *candidate,
                         const struct tally_rule *before, bool *is_done,
                         struct error *error) {
  struct threshold_options *kept = calloc(len + 1, sizeof(*kept));
  struct replay_result after;
  if (kept == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  for (size_t i = 0; i < len; i++) {
    kept[i] = rules[i];
    if (!is_done[i]) {
      apply(&rules[i], candidate);
    }
  }
  int code = replay_run(wish, &after, error);
  for (size_t i = 0; i < len; i++) {
    rules[i] = kept[i];
    if (code == 0 && !is_done[i] && is_other(&rules[i], candidate) &&
        after.tally.rules[i].flaps == 0) {
      print_one(&rules[i], candidate, &before[i], &after.tally.rules[i]);
      is_done[i] = true;
    }
  }
  free(kept);
  if (code == 0) {
    replay_result_fini(&after);
  }
  return code;
}

int suggest_print(struct replay_wish *wish,
                  struct resource_alert_options *options,
                  const struct replay_result *before, struct error *error) {
  size_t len = options->thresholds.len;
  struct threshold_options *rules = options->thresholds.items;
  bool *is_done = calloc(len + 1, sizeof(*is_done));
  if (is_done == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  size_t left = 0;
  for (size_t i = 0; i < len; i++) {
    is_done[i] = before->tally.rules[i].flaps == 0;
    left += is_done[i] ? 0 : 1;
  }
  if (left == 0) {
    (void)printf("\nNo rule flaps.\n");
  } else {
    (void)printf("\n");
  }
  int code = 0;
  wish->tells_events = false;
  for (size_t i = 0; i < CANDIDATES && left > 0 && code == 0; i++) {
    code = try_candidate(wish, rules, len, &candidates[i], before->tally.rules,
                         is_done, error);
    left = 0;
    for (size_t j = 0; j < len; j++) {
      left += is_done[j] ? 0 : 1;
    }
  }
  for (size_t i = 0; i < len && code == 0; i++) {
    if (!is_done[i]) {
      (void)printf("%s: no For up to 600 and no Hysteresis up to a tenth of "
                   "its limit keeps it from flapping\n",
                   rules[i].head.label);
    }
  }
  free(is_done);
  return code;
}
