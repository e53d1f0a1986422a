/* SPDX-License-Identifier: MIT */
/* notifier: dispatches notifications on a thread of its own. */
#include "resource_alert/alerts/notifier.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/worker_thread.h"

#define DRAIN_MS 2000

struct notifier {
  struct notification_sink sink;
  struct change_queue *queue;
  pthread_t thread;
  bool is_started;

  pthread_mutex_t lock; /* guards all below */
  pthread_cond_t has_work;
  pthread_cond_t is_idle;
  struct alert_event *waiting[NOTIFIER_WAITING_MAX]; /* a ring */
  size_t first, len;
  uint64_t at_work; /* number of the event just being dispatched */
  uint64_t dropped;
  bool is_stopping;
  bool is_done;
};

void notifier_put(struct notifier *notifier, const struct alert_event *event) {
  struct alert_event *copy = malloc(sizeof(*copy));
  if (copy != NULL) {
    *copy = *event;
  }
  (void)pthread_mutex_lock(&notifier->lock);
  if (copy != NULL && notifier->len < NOTIFIER_WAITING_MAX) {
    size_t last = notifier->first + notifier->len++;
    notifier->waiting[last % NOTIFIER_WAITING_MAX] = copy;
    copy = NULL;
    (void)pthread_cond_signal(&notifier->has_work);
  } else {
    notifier->dropped++;
  }
  (void)pthread_mutex_unlock(&notifier->lock);
  free(copy);
}

uint64_t notifier_oldest(struct notifier *notifier) {
  (void)pthread_mutex_lock(&notifier->lock);
  uint64_t oldest = notifier->at_work;
  if (oldest == 0 && notifier->len > 0) {
    oldest = notifier->waiting[notifier->first]->number;
  }
  (void)pthread_mutex_unlock(&notifier->lock);
  return oldest;
}

size_t notifier_waiting(struct notifier *notifier) {
  (void)pthread_mutex_lock(&notifier->lock);
  size_t waiting = notifier->len;
  (void)pthread_mutex_unlock(&notifier->lock);
  return waiting;
}

uint64_t notifier_dropped(struct notifier *notifier) {
  (void)pthread_mutex_lock(&notifier->lock);
  uint64_t dropped = notifier->dropped;
  (void)pthread_mutex_unlock(&notifier->lock);
  return dropped;
}

static void *dispatch_queued(void *argument) {
  struct notifier *notifier = argument;
  (void)pthread_mutex_lock(&notifier->lock);
  for (;;) {
    while (notifier->len == 0 && !notifier->is_stopping) {
      (void)pthread_cond_wait(&notifier->has_work, &notifier->lock);
    }
    if (notifier->len == 0) {
      break;
    }
    struct alert_event *next = notifier->waiting[notifier->first];
    notifier->first = (notifier->first + 1) % NOTIFIER_WAITING_MAX;
    notifier->len--;
    notifier->at_work = next->number;
    (void)pthread_mutex_unlock(&notifier->lock);
    alert_event_notify(next, &notifier->sink);
    free(next);
    (void)pthread_mutex_lock(&notifier->lock);
    notifier->at_work = 0;
    change_queue_wake(notifier->queue);
  }
  notifier->is_done = true;
  (void)pthread_cond_signal(&notifier->is_idle);
  (void)pthread_mutex_unlock(&notifier->lock);
  return NULL;
}

int notifier_new(const struct notification_sink *sink,
                 struct change_queue *queue, struct notifier **ret_notifier,
                 struct error *error) {
  struct notifier *notifier = calloc(1, sizeof(*notifier));
  if (notifier == NULL) {
    return error_set(error, -ENOMEM, "notifications: out of memory");
  }
  notifier->sink = *sink;
  notifier->queue = queue;
  pthread_condattr_t monotonic;
  (void)pthread_condattr_init(&monotonic);
  (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  (void)pthread_mutex_init(&notifier->lock, NULL);
  (void)pthread_cond_init(&notifier->has_work, NULL);
  (void)pthread_cond_init(&notifier->is_idle, &monotonic);
  (void)pthread_condattr_destroy(&monotonic);
  int code =
      worker_thread_create(&notifier->thread, NULL, dispatch_queued, notifier);
  if (code != 0) {
    notifier_free(notifier);
    return error_set(error, code, "notifications: no thread: %s",
                     strerror(-code));
  }
  notifier->is_started = true;
  *ret_notifier = notifier;
  return 0;
}

bool notifier_drain(struct notifier *notifier) {
  struct timespec until = clock_deadline_after_ms(DRAIN_MS);
  int code = 0;
  (void)pthread_mutex_lock(&notifier->lock);
  notifier->is_stopping = true;
  (void)pthread_cond_signal(&notifier->has_work);
  while (!notifier->is_done && code == 0) {
    code = pthread_cond_timedwait(&notifier->is_idle, &notifier->lock, &until);
  }
  bool is_done = notifier->is_done;
  (void)pthread_mutex_unlock(&notifier->lock);
  if (!is_done) {
    (void)pthread_detach(notifier->thread); /* it still uses the memory */
  }
  return is_done;
}

void notifier_free(struct notifier *notifier) {
  if (notifier->is_started) {
    (void)pthread_join(notifier->thread, NULL);
  }
  (void)pthread_cond_destroy(&notifier->is_idle);
  (void)pthread_cond_destroy(&notifier->has_work);
  (void)pthread_mutex_destroy(&notifier->lock);
  free(notifier);
}
