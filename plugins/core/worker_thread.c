/* SPDX-License-Identifier: MIT */
/* worker_thread: a thread that works off a bounded queue, and that can be left
 * behind when it hangs; and plain threads that take no signals. */
#include "core/worker_thread.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"

struct worker_thread {
  struct worker_thread_options options;
  pthread_t thread;
  pthread_mutex_t lock; /* guards all below; no work is done under it */
  pthread_cond_t has_work;
  pthread_cond_t has_gone_on; /* an item is done, or the thread has ended */
  void **items;               /* a ring of items_max */
  size_t first, len;
  uint64_t accepted, done, dropped; /* items since the start */
  int64_t begun_ms; /* monotonic: of the item at work; 0: none is */
  bool is_stopping, is_done;
  bool is_left; /* to the thread, which destroys the worker */
};

/* ---- threads without signals ---- */

void worker_thread_block_signals(sigset_t *ret_before) {
  sigset_t all;
  (void)sigfillset(&all);
  (void)pthread_sigmask(SIG_SETMASK, &all, ret_before);
}

void worker_thread_restore_signals(const sigset_t *before) {
  (void)pthread_sigmask(SIG_SETMASK, before, NULL);
}

int worker_thread_create_without_signals(pthread_t *ret_thread,
                                         const pthread_attr_t *attributes,
                                         void *(*run)(void *), void *argument) {
  sigset_t before;
  worker_thread_block_signals(&before);
  int code = pthread_create(ret_thread, attributes, run, argument);
  worker_thread_restore_signals(&before);
  return -code;
}

/* ---- the thread ---- */

static void free_worker_item(const struct worker_thread *worker, void *item) {
  if (worker->options.free_item != NULL) {
    worker->options.free_item(item);
  }
}

/* Under the lock. */
static void *pop_item(struct worker_thread *worker) {
  void *item = worker->items[worker->first];
  worker->first = (worker->first + 1) % worker->options.items_max;
  worker->len--;
  return item;
}

/* Under the lock, which it gives up meanwhile. Returns false when there is
 * nothing more to do. */
static bool wait_for_item(struct worker_thread *worker) {
  int idle_ms = worker->options.idle_ms;
  int64_t until_ms = clock_monotonic_ms() + idle_ms;
  bool is_idle = false;
  while (worker->len == 0 && !worker->is_stopping && !is_idle) {
    if (idle_ms == 0) {
      (void)pthread_cond_wait(&worker->has_work, &worker->lock);
    } else {
      is_idle = !clock_cond_wait(&worker->has_work, &worker->lock, until_ms);
    }
  }
  return (worker->len > 0 || !worker->is_stopping) && !worker->is_left;
}

/* Under the lock, which it gives up meanwhile. Works on the next item, or on
 * none. */
static void work_on_next_item(struct worker_thread *worker) {
  bool has_item = worker->len > 0;
  void *item = has_item ? pop_item(worker) : NULL;
  worker->begun_ms = clock_monotonic_ms();
  (void)pthread_mutex_unlock(&worker->lock);
  worker->options.work(worker->options.context, item);
  if (has_item) {
    free_worker_item(worker, item);
  }
  (void)pthread_mutex_lock(&worker->lock);
  worker->begun_ms = 0;
  worker->done += has_item ? 1 : 0;
  (void)pthread_cond_broadcast(&worker->has_gone_on);
}

static void destroy_worker(struct worker_thread *worker) {
  while (worker->len > 0) {
    free_worker_item(worker, pop_item(worker));
  }
  (void)pthread_cond_destroy(&worker->has_gone_on);
  (void)pthread_cond_destroy(&worker->has_work);
  (void)pthread_mutex_destroy(&worker->lock);
  free(worker->items);
  free(worker);
}

static void *run_worker(void *argument) {
  struct worker_thread *worker = argument;
  const struct worker_thread_options *options = &worker->options;
  (void)pthread_mutex_lock(&worker->lock);
  while (wait_for_item(worker)) {
    work_on_next_item(worker);
  }
  worker->is_done = true;
  bool is_left = worker->is_left;
  (void)pthread_cond_broadcast(&worker->has_gone_on);
  (void)pthread_mutex_unlock(&worker->lock);
  if (is_left && options->free_context != NULL) {
    options->free_context(options->context);
  }
  if (is_left) {
    destroy_worker(worker);
  }
  return NULL;
}

/* ---- for those who put ---- */

static int start_worker_thread(struct worker_thread *worker) {
  pthread_attr_t attributes;
  int code = -pthread_attr_init(&attributes);
  if (code != 0) {
    return code;
  }
  if (worker->options.stack_bytes > 0) {
    (void)pthread_attr_setstacksize(&attributes, worker->options.stack_bytes);
  }
  code = worker_thread_create_without_signals(&worker->thread, &attributes,
                                              run_worker, worker);
  (void)pthread_attr_destroy(&attributes);
  return code;
}

int worker_thread_new(const struct worker_thread_options *options,
                      struct worker_thread **ret_worker, struct error *error) {
  struct worker_thread *worker = calloc(1, sizeof(*worker));
  void **items = calloc(options->items_max, sizeof(*items));
  if (worker == NULL || items == NULL) {
    free(worker);
    free(items);
    return error_set(error, -ENOMEM, "out of memory");
  }
  worker->options = *options;
  worker->items = items;
  (void)pthread_mutex_init(&worker->lock, NULL);
  clock_cond_init(&worker->has_work);
  clock_cond_init(&worker->has_gone_on);
  int code = start_worker_thread(worker);
  if (code != 0) {
    destroy_worker(worker);
    return error_set(error, code, "cannot start a thread: %s", strerror(-code));
  }
  *ret_worker = worker;
  return 0;
}

bool worker_thread_put(struct worker_thread *worker, void *item) {
  (void)pthread_mutex_lock(&worker->lock);
  size_t items_max = worker->options.items_max;
  bool is_accepted = worker->len < items_max && !worker->is_stopping;
  if (is_accepted) {
    worker->items[(worker->first + worker->len++) % items_max] = item;
    worker->accepted++;
    (void)pthread_cond_signal(&worker->has_work);
  } else {
    worker->dropped++;
  }
  (void)pthread_mutex_unlock(&worker->lock);
  if (!is_accepted) {
    free_worker_item(worker, item);
  }
  return is_accepted;
}

bool worker_thread_flush(struct worker_thread *worker, int wait_ms) {
  int64_t until_ms = clock_monotonic_ms() + wait_ms;
  (void)pthread_mutex_lock(&worker->lock);
  uint64_t wanted = worker->accepted;
  while (worker->done < wanted &&
         clock_cond_wait(&worker->has_gone_on, &worker->lock, until_ms)) {
  }
  bool is_done = worker->done >= wanted;
  (void)pthread_mutex_unlock(&worker->lock);
  return is_done;
}

size_t worker_thread_count_open(struct worker_thread *worker) {
  (void)pthread_mutex_lock(&worker->lock);
  size_t open = (size_t)(worker->accepted - worker->done);
  (void)pthread_mutex_unlock(&worker->lock);
  return open;
}

int64_t worker_thread_busy_ms(struct worker_thread *worker) {
  (void)pthread_mutex_lock(&worker->lock);
  int64_t begun_ms = worker->begun_ms;
  (void)pthread_mutex_unlock(&worker->lock);
  return begun_ms == 0 ? 0 : clock_monotonic_ms() - begun_ms;
}

uint64_t worker_thread_count_dropped(struct worker_thread *worker) {
  (void)pthread_mutex_lock(&worker->lock);
  uint64_t dropped = worker->dropped;
  (void)pthread_mutex_unlock(&worker->lock);
  return dropped;
}

static _Atomic int64_t stops_end_ms = INT64_MAX; /* monotonic */

void worker_thread_limit_stops(int together_ms) {
  atomic_store(&stops_end_ms, clock_monotonic_ms() + together_ms);
}

bool worker_thread_stop(struct worker_thread *worker, int wait_ms) {
  int64_t until_ms = clock_monotonic_ms() + wait_ms;
  int64_t end_ms = atomic_load(&stops_end_ms);
  until_ms = until_ms < end_ms ? until_ms : end_ms;
  (void)pthread_mutex_lock(&worker->lock);
  worker->is_stopping = true;
  (void)pthread_cond_signal(&worker->has_work);
  while (!worker->is_done &&
         clock_cond_wait(&worker->has_gone_on, &worker->lock, until_ms)) {
  }
  bool is_done = worker->is_done;
  if (!is_done) {
    worker->is_left = true;
    (void)pthread_detach(worker->thread);
  }
  (void)pthread_mutex_unlock(&worker->lock);
  if (is_done) {
    (void)pthread_join(worker->thread, NULL);
    destroy_worker(worker);
  }
  return is_done;
}
