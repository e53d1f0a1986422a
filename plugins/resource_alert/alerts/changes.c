/* SPDX-License-Identifier: MIT */
/* changes: alerts whose state changed, on their way to the announcer. */
#include "resource_alert/alerts/changes.h"

#include <errno.h>
#include <stddef.h>

#include "core/clock.h"
#include "resource_alert/alerts/series.h"

void changes_init(struct changes *changes) {
  pthread_condattr_t monotonic;
  (void)pthread_condattr_init(&monotonic);
  (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  *changes = (struct changes){0};
  (void)pthread_mutex_init(&changes->lock, NULL);
  (void)pthread_cond_init(&changes->is_there, &monotonic);
  (void)pthread_condattr_destroy(&monotonic);
}

void changes_fini(struct changes *changes) {
  (void)pthread_cond_destroy(&changes->is_there);
  (void)pthread_mutex_destroy(&changes->lock);
}

void changes_put(struct changes *changes, struct watch *watch) {
  if (watch->is_queued) {
    if (watch->coalesced < UINT16_MAX) {
      watch->coalesced++;
    }
    return;
  }
  watch->is_queued = true;
  watch->coalesced = 0;
  (void)pthread_mutex_lock(&changes->lock);
  watch->next_changed = NULL;
  if (changes->last == NULL) {
    changes->first = watch;
    (void)pthread_cond_signal(&changes->is_there);
  } else {
    changes->last->next_changed = watch;
  }
  changes->last = watch;
  (void)pthread_mutex_unlock(&changes->lock);
}

struct watch *changes_take_all(struct changes *changes, int timeout_ms,
                               bool *ret_is_stopping) {
  struct timespec until = clock_deadline_after_ms(timeout_ms);
  int code = timeout_ms > 0 ? 0 : ETIMEDOUT;
  (void)pthread_mutex_lock(&changes->lock);
  while (changes->first == NULL && !changes->is_woken &&
         !changes->is_stopping && code == 0) {
    code = pthread_cond_timedwait(&changes->is_there, &changes->lock, &until);
  }
  struct watch *first = changes->first;
  changes->first = NULL;
  changes->last = NULL;
  changes->is_woken = false;
  *ret_is_stopping = changes->is_stopping;
  (void)pthread_mutex_unlock(&changes->lock);
  return first;
}

void changes_wake(struct changes *changes) {
  (void)pthread_mutex_lock(&changes->lock);
  changes->is_woken = true;
  (void)pthread_cond_signal(&changes->is_there);
  (void)pthread_mutex_unlock(&changes->lock);
}

void changes_stop(struct changes *changes) {
  (void)pthread_mutex_lock(&changes->lock);
  changes->is_stopping = true;
  (void)pthread_cond_signal(&changes->is_there);
  (void)pthread_mutex_unlock(&changes->lock);
}
