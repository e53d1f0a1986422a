/* SPDX-License-Identifier: MIT */
/* snapshot: a copy of the rules' states, and their values over the last hour.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "resource_alert/alerts/alert_event.h"
#include "resource_alert/alerts/series_table.h"
#include "resource_alert/rules/rule.h"

/* How many series of a rule are copied, the worst first. */
#define SNAPSHOT_SERIES_MAX 20

#define SNAPSHOT_HISTORY_POINTS 120
#define SNAPSHOT_HISTORY_STEP_S 30

struct snapshot_series {
  enum alert_state state;
  double badness;   /* how far beyond its limit; the larger the worse */
  double value;     /* NaN: none */
  int64_t since_ms; /* since the epoch; 0: not known */
  int64_t next_ms;  /* until the state changes to NEXT; -1: it does not */
  enum alert_state next;
  char name[SERIES_NAME_BYTES];
};

struct snapshot_rule {
  const struct rule *rule; /* borrowed: lives as long as the engine */
  enum alert_state state;  /* of its worst series; UNKNOWN without any */
  double value;            /* of its worst series; NaN: none */
  int64_t since_ms;        /* when the first series came to that state; 0: not
                              known */
  size_t series_len;       /* at most SNAPSHOT_SERIES_MAX */
  struct snapshot_series series[SNAPSHOT_SERIES_MAX];
};

struct snapshot {
  enum alert_state worst; /* of all rules */
  struct snapshot_rule *rules;
  size_t rules_len;
};

/* Copies the state of RULES out of TABLE, locking one series at a time; any
 * thread. rules, table: NULL: there are none.
 * Returns a snapshot (yours, snapshot_free()), or NULL without memory. */
struct snapshot *snapshot_take(const struct rules *rules,
                               struct series_table *table);

/* Accepts NULL. */
void snapshot_free(struct snapshot *snapshot);

/* Each rule's worst value over the last hour. All zero is an empty history.
 * Not locked: the caller guards it. */
struct snapshot_history {
  float *points; /* rules_len rings, side by side; NaN: no value */
  size_t rules_len;
  size_t next; /* the oldest point of each ring */
  size_t len;
};

/* Adds a point for each rule. The number of rules never changes after the first
 * call. Returns 0 or -ENOMEM. */
int snapshot_history_add(struct snapshot_history *history,
                         const struct snapshot *snapshot);

/* The point at INDEX of a rule, the oldest first; index < history->len. */
double snapshot_history_get(const struct snapshot_history *history, size_t rule,
                            size_t index);

void snapshot_history_fini(struct snapshot_history *history);
