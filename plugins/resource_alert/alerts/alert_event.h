/* SPDX-License-Identifier: MIT */
/* alert_event: one change of an alert's state, and how it reads in the log, in
 * the journal and as a notification. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/metric.h"
#include "core/notification.h"
#include "resource_alert/alerts/series.h"
#include "resource_alert/alerts/silence.h"

#define SERIES_NAME_BYTES (6 * READING_NAME_BYTES)

/* Made under the lock of the series and passed by pointer from then on. It
 * holds copies of all names, so that it stays valid when the series is
 * removed. */
struct alert_event {
  const struct rule *rule; /* borrowed: lives as long as the engine */
  struct alert_change change;
  unsigned coalesced;        /* further changes that this one stands for */
  enum alert_state notified; /* as in struct alert, after the change */
  bool is_silenced;          /* it is logged, but not notified */
  int64_t since_wall_ms;     /* of the state */
  double peak;               /* of the incident that ends; NaN: not known */
  int64_t lasted_ms;         /* and how long it was; 0: none ends */
  int64_t notified_wall_ms;  /* when the alert was last notified */
  int64_t interval_ms;       /* of the series */
  int64_t value_wall_ms;     /* the time of the newest value; 0: none */
  struct reading_names names;
  char source[READING_NAME_BYTES]; /* the data source */
  char series[SERIES_NAME_BYTES];  /* as series_format_name() writes it */
  uint64_t number; /* increases with each event; 0: a saved state, which is not
                      delivered */
  bool is_redelivered; /* of before a restart; may have been delivered before */
};

/* Receives events and, several times a second, each rule: it changes also
 * without an event. */
struct alert_event_sink {
  void (*take_event)(void *context, const struct alert_event *event);
  void (*refresh_rule)(void *context, const struct rule *rule);
  void *context; /* take_event NULL: they have no receiver */
};

/* What ALERT is now, as an event; marks it as dispatched, and as notified
 * unless it is silenced. silences: NULL: none. Under the lock of its series. */
void alert_event_take(struct series_alert *alert, struct silences *silences,
                      int64_t wall_ms, struct alert_event *ret);

/* True if a silence hid the state of ALERT, which is waited for. Under the lock
 * of its series. */
bool alert_event_is_owed(const struct series_alert *alert);

/* Makes the event of an alert that is owed. Returns false if it is silenced
 * still, or has no reading yet. Under the lock of its series. */
bool alert_event_take_owed(struct series_alert *alert,
                           struct silences *silences, int64_t wall_ms,
                           struct alert_event *ret);

/* Fills in the rule, the names and the interval of ALERT. Under the lock of
 * its series. */
void alert_event_fill_names(struct alert_event *event,
                            const struct series_alert *alert);

/* rule "pool_used": OKAY -> WARNING, host/dbpool-x/percent-used 83.3 > 80 for
 * 10 s. Cut at BYTES - 1. */
void alert_event_format(const struct alert_event *event, char *text,
                        size_t bytes);

/* The fields of the journal's line. Yours; NULL when memory is short. */
json_t *alert_event_to_json(const struct alert_event *event);

/* Dispatches the event as a notification, unless its state has no severity.
 * Blocks for as long as collectd's notification callbacks do. */
void alert_event_notify(const struct alert_event *event,
                        const struct notification_sink *sink);

/* The type instance of a series' alert_state: its name, with '-' for '/',
 * without the host if that is LOCAL_HOST. */
void alert_event_format_instance(const struct series *series, size_t source,
                                 const char *local_host, char *text,
                                 size_t bytes);
