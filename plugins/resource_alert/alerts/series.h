/* SPDX-License-Identifier: MIT */
/* series: one value list's identity, its last values, and an alert for each
 * rule that watches one of its data sources. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/hash_map.h"
#include "core/metric.h"
#include "resource_alert/alerts/alert.h"
#include "resource_alert/rules/rule.h"

struct change_queue;
struct series;

/* ---- its key: series_key.c ---- */

/* The names packed one behind the other, each with its NUL; then the name of
 * the rule, if the series is one of notifications. */
#define SERIES_KEY_BYTES (6 * READING_NAME_BYTES)

/* Writes at most SERIES_KEY_BYTES into KEY. rule_name: NULL for values.
 * ret_hash: with SEED, never 0; NULL: not wanted. Returns how many. */
size_t series_key_make(const struct reading_names *names, const char *rule_name,
                       uint64_t seed, char *key, uint64_t *ret_hash);

/* Borrowed from KEY. */
const char *series_key_host(const char *key);

/* The names that KEY was made of. */
void series_key_unpack_names(const char *key, struct reading_names *ret_names);

/* ---- its values: series_rate.c ---- */

/* The gauge of one raw value, NaN where there is none: the first value of a
 * counter, one outside the source's range.
 * raw, previous: the 8 bytes as collectd has them. elapsed_ns: between the
 * two; 0: there is no previous one. A counter that is less than before wrapped
 * at 32 bits if it was below 2^32, else at 64 bits, as collectd sees it. */
double series_rate_compute(const struct reading_source *source, uint64_t raw,
                           uint64_t previous, int64_t elapsed_ns);

/* ---- the series ---- */

/* A rule on one data source of one series. Guarded by the series' lock. */
struct series_alert {
  struct alert alert;
  struct rule *rule;
  struct condition_input *inputs[CONDITIONS_MAX]; /* what the rule's OnlyIf
                                                     lines compare, or NULL */
  struct series *series;
  struct series_alert *next_queued; /* guarded by the change queue's lock */
  struct alert_change change; /* the last one; while it is queued, its "from"
                                 is the state that was dispatched last */
  int64_t notified_ms;        /* monotonic: of the last change or reminder */
  uint16_t coalesced;         /* further changes while it was queued */
  uint8_t source;             /* index among the data sources */
  uint8_t claim;              /* enum rule_claim */
  bool is_queued;             /* in the change queue */
};

/* The state that was dispatched last, or needs no dispatching. */
static inline enum alert_state
series_alert_dispatched(const struct series_alert *alert) {
  return alert->is_queued ? alert->change.from
                          : (enum alert_state)alert->alert.state;
}

/* The data sources of a type. Shared by all series of it. */
struct series_type {
  struct series_type *next;
  char name[READING_NAME_BYTES];
  void (*describe)(const void *handle, size_t source,
                   struct reading_source *ret_source); /* where it is from */
  bool has_only_gauges; /* its values need no earlier value */
  size_t sources_len;
  struct reading_source sources[];
};

/* A value that rules on other series compare in their OnlyIf. */
struct series_output {
  struct condition_input *input;
  size_t source;
};

/* A series that a rule watches, or whose values a rule compares; in one piece
 * of memory with its key and its arrays. All but the key is guarded by the
 * lock. */
struct series {
  struct hash_node node; /* its key is the member below */
  const struct series_type *type;
  struct series_alert *alerts;
  int64_t time_ns;  /* the newest value's stamp; 0: none yet */
  int64_t seen_ms;  /* monotonic: when the newest reading came */
  int64_t clock_ms; /* see struct alert_time */
  uint32_t interval_ms;
  uint32_t index; /* among the shard's watched series */
  uint16_t alerts_len;
  uint16_t outputs_len;
  struct series_output *outputs;
  uint64_t *previous;    /* raw values, for rates; NULL: all are gauges */
  pthread_mutex_t *lock; /* of the shard that it is in; no I/O under it */
  char key[];
};

/* What the series of a table share. */
struct series_context {
  const struct rules *rules;
  struct change_queue *queue;
  struct condition_inputs inputs;
  uint64_t seed; /* of the hashes of keys */
  pthread_mutex_t types_lock;
  struct series_type *types; /* freed at the end only */
};

void series_context_init(struct series_context *context,
                         const struct rules *rules, struct change_queue *queue);
void series_context_fini(struct series_context *context);

/* A series that is looked for, and made if there is none. Borrowed. */
struct series_lookup {
  const struct reading *reading;
  struct rule *notification_rule; /* NULL: a series of values */
  uint64_t hash;                  /* of the key */
  size_t key_bytes;
  char key[SERIES_KEY_BYTES];
};

/* Makes a series with an alert for each data source that a rule watches, and
 * each rule. lock: of its shard. Returns 0 with *ret_series yours, NULL if no
 * rule needs it; or -ENOMEM. */
int series_new(struct series_context *context,
               const struct series_lookup *lookup, pthread_mutex_t *lock,
               int64_t now_ms, struct series **ret_series);

/* Under its lock; no change of it may be queued. Accepts NULL. */
void series_free(struct series_context *context, struct series *series);

void series_lock(struct series *series);
void series_unlock(struct series *series);

/* Evaluates a reading; changes go to the context's queue. now_ms: monotonic,
 * may lag by 250 ms. A reading that is not newer than the last one is ignored,
 * unless the clock that stamps them was set back. */
void series_evaluate(struct series_context *context, struct series *series,
                     const struct reading *reading, int64_t now_ms);

/* Queues an alert of each rule if the series stopped, and reminders that are
 * due. missing_intervals: how many without a reading mean that it stopped. */
void series_queue_overdue(struct series_context *context, struct series *series,
                          int64_t now_ms, int64_t wall_ms,
                          double missing_intervals);

/* Queues the end of each alert and sets the series to one without a value,
 * which is removed unless a new value comes. */
void series_forget(struct series_context *context, struct series *series,
                   int64_t now_ms, int64_t wall_ms);

bool series_is_queued(const struct series *series);

/* Sets the alert of that rule and data source to what it was before a restart.
 * Returns it, or NULL if there is no such alert any more. */
struct series_alert *series_restore_alert(struct series *series,
                                          const char *rule_name,
                                          const char *source_name,
                                          const struct alert *restored,
                                          int64_t notified_ms);

/* "host/plugin-instance/type-instance", with ":source" where the type has more
 * than one. */
void series_format_name(const struct series *series, size_t source, char *text,
                        size_t bytes);

const char *series_source_name(const struct series *series, size_t source);
