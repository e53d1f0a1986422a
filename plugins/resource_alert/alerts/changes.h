/* SPDX-License-Identifier: MIT */
/* changes: alerts whose state changed, on their way from the write threads to
 * the announcer. Each alert stands in it at most once, so that it is bounded by
 * what there is, needs no memory and loses no state: an alert that changes
 * again before it was announced is folded into one change. */
#ifndef RESOURCE_ALERT_ALERTS_CHANGES_H
#define RESOURCE_ALERT_ALERTS_CHANGES_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct watch;

struct changes {
  pthread_mutex_t lock; /* guards all below; taken under a series' lock */
  pthread_cond_t is_there;
  struct watch *first;
  struct watch *last;
  bool is_stopping;
  bool is_woken;
};

void changes_init(struct changes *changes);
void changes_fini(struct changes *changes);

/* Queues WATCH unless it stands there already. Under its series' lock. */
void changes_put(struct changes *changes, struct watch *watch);

/* Takes the whole queue, linked by next_changed in the order of putting; waits
 * for at most timeout_ms for something to come. NULL: nothing came.
 * *ret_is_stopping: changes_stop() was called. */
struct watch *changes_take_all(struct changes *changes, int timeout_ms,
                               bool *ret_is_stopping);

/* Lets whoever waits, or will, look at once. Any thread. */
void changes_wake(struct changes *changes);

/* The same for good. */
void changes_stop(struct changes *changes);

#endif
