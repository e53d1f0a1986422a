/* SPDX-License-Identifier: MIT */
/* change_queue: alerts whose state changed, on their way from the threads that
 * evaluate values to the engine's thread. Each alert is in it at most once: so
 * the queue is bounded by the number of alerts, allocates nothing and loses no
 * state. Changes of an alert that is queued already are coalesced into one. */
#pragma once

#include <pthread.h>
#include <stdbool.h>

struct series_alert;

struct change_queue {
  pthread_mutex_t lock; /* guards all below; taken under a shard's lock */
  pthread_cond_t is_filled;
  struct series_alert *first;
  struct series_alert *last;
  bool is_stopping;
  bool is_woken;
};

void change_queue_init(struct change_queue *queue);
void change_queue_fini(struct change_queue *queue);

/* Queues ALERT unless it is queued already. Under its series' lock. */
void change_queue_add(struct change_queue *queue, struct series_alert *alert);

/* Takes all that is queued, linked by next_queued, oldest first; waits for at
 * most timeout_ms until there is something. NULL: nothing came.
 * *ret_is_stopping: change_queue_stop() was called. */
struct series_alert *change_queue_take_all(struct change_queue *queue,
                                           int timeout_ms,
                                           bool *ret_is_stopping);

/* Ends the wait of change_queue_take_all(), or the next one. Any thread. */
void change_queue_wake(struct change_queue *queue);

/* The same for good. */
void change_queue_stop(struct change_queue *queue);
