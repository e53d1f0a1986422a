/* SPDX-License-Identifier: MIT */
/* change_queue: alerts whose state changed, on their way to the engine's
 * thread. */
#include "resource_alert/alerts/change_queue.h"

#include <stddef.h>
#include <stdint.h>

#include "core/clock.h"
#include "resource_alert/alerts/series.h"

void change_queue_init(struct change_queue *queue) {
  *queue = (struct change_queue){0};
  (void)pthread_mutex_init(&queue->lock, NULL);
  clock_cond_init(&queue->is_filled);
}

void change_queue_fini(struct change_queue *queue) {
  (void)pthread_cond_destroy(&queue->is_filled);
  (void)pthread_mutex_destroy(&queue->lock);
}

void change_queue_add(struct change_queue *queue, struct series_alert *alert) {
  if (alert->is_queued) {
    if (alert->coalesced < UINT16_MAX) {
      alert->coalesced++;
    }
    return;
  }
  alert->is_queued = true;
  alert->coalesced = 0;
  alert->next_queued = NULL;
  (void)pthread_mutex_lock(&queue->lock);
  if (queue->last == NULL) {
    queue->first = alert;
    (void)pthread_cond_signal(&queue->is_filled);
  } else {
    queue->last->next_queued = alert;
  }
  queue->last = alert;
  (void)pthread_mutex_unlock(&queue->lock);
}

struct series_alert *change_queue_take_all(struct change_queue *queue,
                                           int timeout_ms,
                                           bool *ret_is_stopping) {
  int64_t deadline_ms = clock_monotonic_ms() + timeout_ms;
  bool is_in_time = timeout_ms > 0;
  (void)pthread_mutex_lock(&queue->lock);
  while (queue->first == NULL && !queue->is_woken && !queue->is_stopping &&
         is_in_time) {
    is_in_time = clock_cond_wait(&queue->is_filled, &queue->lock, deadline_ms);
  }
  struct series_alert *first = queue->first;
  queue->first = NULL;
  queue->last = NULL;
  queue->is_woken = false;
  *ret_is_stopping = queue->is_stopping;
  (void)pthread_mutex_unlock(&queue->lock);
  return first;
}

void change_queue_wake(struct change_queue *queue) {
  (void)pthread_mutex_lock(&queue->lock);
  queue->is_woken = true;
  (void)pthread_cond_signal(&queue->is_filled);
  (void)pthread_mutex_unlock(&queue->lock);
}

void change_queue_stop(struct change_queue *queue) {
  (void)pthread_mutex_lock(&queue->lock);
  queue->is_stopping = true;
  (void)pthread_cond_signal(&queue->is_filled);
  (void)pthread_mutex_unlock(&queue->lock);
}
