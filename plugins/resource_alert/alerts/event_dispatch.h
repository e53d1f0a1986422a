/* SPDX-License-Identifier: MIT */
/* event_dispatch: delivers alert events, in an order of steps that loses none
 * if the process is killed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/log.h"
#include "resource_alert/alerts/alert_event.h"

struct change_queue;
struct engine_deps;
struct event_dispatch;
struct series_table;

/* Restores the saved states into TABLE. deps, table, queue: borrowed until
 * event_dispatch_stop() has returned; the queue is woken after each
 * notification. Returns 0 or negative errno. */
int event_dispatch_open(const struct engine_deps *deps,
                        struct series_table *table, struct change_queue *queue,
                        struct event_dispatch **ret, struct error *error);

/* Delivers one event: saves it, journals it, hands it to the responses, logs
 * it and queues its notification. All of these are for one thread. */
void event_dispatch_deliver(struct event_dispatch *dispatch,
                            struct alert_event *event);

/* Delivers, once a second, what silences that have ended hid until then. */
void event_dispatch_deliver_owed(struct event_dispatch *dispatch);

/* Delivers what a kill left undelivered, before any newer event. */
void event_dispatch_redeliver(struct event_dispatch *dispatch);

/* Marks in the state file what has been delivered by now. */
void event_dispatch_mark_delivered(struct event_dispatch *dispatch);

/* Rewrites the state file from the table: if it should be, or if this is the
 * last time. */
void event_dispatch_rewrite_if_grown(struct event_dispatch *dispatch,
                                     bool is_last);

/* For the status; any thread. */
size_t event_dispatch_count_waiting(struct event_dispatch *dispatch);
uint64_t event_dispatch_count_dropped(struct event_dispatch *dispatch);

/* As engine_report_problems(). */
void event_dispatch_report_problems(struct event_dispatch *dispatch,
                                    const struct log_sink *sink);

/* Sends the notifications that wait, for at most 1.5 s, and frees all. Accepts
 * NULL. Returns false if a notification plugin hangs: then the deps and all
 * rules must stay. */
bool event_dispatch_stop(struct event_dispatch *dispatch);
