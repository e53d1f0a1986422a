/* SPDX-License-Identifier: MIT */
/* change_queue: alerts whose state changed, on their way to the engine's
 * thread. */
#include "resource_alert/alerts/change_queue.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#include "core/clock.h"
#include "resource_alert/alerts/series.h"

void change_queue_init(struct change_queue *queue) {
  pthread_condattr_t monotonic;
  (void)pthread_condattr_init(&monotonic);
  (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  *queue = (struct change_queue){0};
  (void)pthread_mutex_init(&queue->lock, NULL);
  (void)pthread_cond_init(&queue->is_filled, &monotonic);
  (void)pthread_condattr_destroy(&monotonic);
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
  struct timespec until = clock_deadline_after_ms(timeout_ms);
  int code = timeout_ms > 0 ? 0 : ETIMEDOUT;
  (void)pthread_mutex_lock(&queue->lock);
  while (queue->first == NULL && !queue->is_woken && !queue->is_stopping &&
         code == 0) {
    code = pthread_cond_timedwait(&queue->is_filled, &queue->lock, &until);
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
