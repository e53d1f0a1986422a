/* SPDX-License-Identifier: MIT */
/* announcement: one change of state as the log, the journal and collectd's
 * notification bus tell it. A copy, taken under the series' lock. */
#ifndef RESOURCE_ALERT_EVENT_ANNOUNCEMENT_H
#define RESOURCE_ALERT_EVENT_ANNOUNCEMENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/metric.h"
#include "core/notification.h"
#include "resource_alert/alerts/series.h"
#include "resource_alert/event/state_file.h"

#define SERIES_NAME_BYTES (6 * READING_NAME_BYTES)

struct announcement {
  const struct rule *rule;
  enum alert_state from, to;
  enum alert_cause cause;
  double value;
  double limit; /* NaN: none is broken */
  bool is_limit_max;
  bool is_loud;
  bool is_told; /* see struct alert */
  unsigned folded;
  int64_t held_ms;
  int64_t since_wall_ms;
  int64_t interval_ms;
  struct reading_names names;
  char source[READING_NAME_BYTES];
  char series[SERIES_NAME_BYTES]; /* as in series_format_name() */
  uint64_t number;                /* see struct stored_change */
  bool is_recalled; /* of before a restart; may have been told before */
};

/* Copies the change of WATCH and marks it as announced. Under the series'
 * lock. */
void announcement_take(struct watch *watch, struct announcement *ret);

/* What led to the state of WATCH, as it was to be told before a restart. Under
 * the series' lock. */
void announcement_recall(const struct watch *watch,
                         const struct stored_alert *stored,
                         struct announcement *ret);

/* rule "pool_used": OKAY -> WARNING, host/dbpool-x/percent-used 83.3 > 80 for
 * 10 s. Cut at BYTES - 1. */
void announcement_format_verdict(const struct announcement *announcement,
                                 char *text, size_t bytes);

/* The fields of the journal's line: yours; NULL when memory is short. */
json_t *announcement_to_json(const struct announcement *announcement);

/* Dispatches the change as a notification, if its state is one to tell of.
 * Blocks for as long as collectd's notification callbacks do. */
void announcement_notify(const struct announcement *announcement,
                         const struct notification_sink *sink);

/* The type instance of a series' alert_state: its name, with '-' for '/',
 * without the host if that is LOCAL_HOST. */
void announcement_format_instance(const struct series_body *body, size_t source,
                                  const char *local_host, char *text,
                                  size_t bytes);

#endif
