/* SPDX-License-Identifier: MIT */
/* event_dispatch: delivers alert events, in an order of steps that loses none
 * if the process is killed. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/log.h"
#include "core/notification.h"
#include "resource_alert/alerts/alert_event.h"
#include "resource_alert/alerts/alert_state_file.h"
#include "resource_alert/alerts/change_queue.h"
#include "resource_alert/alerts/silence.h"

struct event_dispatch;
struct journal;

/* All borrowed until event_dispatch_stop() has returned. */
struct event_dispatch_deps {
  const char *state_dir; /* NULL: nothing is saved */
  int64_t (*monotonic_ms)(void);
  int64_t (*wall_ms)(void);
  struct log_sink log;
  struct notification_sink notifications; /* called from a thread of its own */
  struct alert_event_sink responses;
  struct journal *journal;    /* NULL: none */
  struct silences *silences;  /* NULL: none */
  struct change_queue *queue; /* woken after each notification */
};

/* Restores the saved states into TABLE. Returns 0 or negative errno. */
int event_dispatch_open(const struct event_dispatch_deps *deps,
                        struct series_table *table, alert_find_type *find_type,
                        struct event_dispatch **ret, struct error *error);

/* Delivers one event: saves it, journals it, hands it to the responses, logs
 * it and queues its notification. All of these are for one thread. */
void event_dispatch_deliver(struct event_dispatch *dispatch,
                            struct alert_event *event);

/* Delivers what a kill left undelivered, before any newer event. */
void event_dispatch_redeliver(struct event_dispatch *dispatch);

/* Marks in the state file what has been delivered by now. */
void event_dispatch_mark_delivered(struct event_dispatch *dispatch);

/* Rewrites the state file from TABLE: if it should be, or if this is the last
 * time. */
void event_dispatch_rewrite_if_grown(struct event_dispatch *dispatch,
                                     struct series_table *table, bool is_last);

/* For the status; any thread. */
size_t event_dispatch_count_waiting(struct event_dispatch *dispatch);
uint64_t event_dispatch_count_dropped(struct event_dispatch *dispatch);

/* Sends the notifications that wait, for at most 2 s, and frees all. Accepts
 * NULL. Returns false if a notification plugin hangs: then the deps and all
 * rules must stay. */
bool event_dispatch_stop(struct event_dispatch *dispatch);
