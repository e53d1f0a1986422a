/* SPDX-License-Identifier: MIT */
/* worker_thread: a thread that works off a bounded queue, and that can be left
 * behind when it hangs; and plain threads that take no signals.
 *
 * The daemon's main thread sleeps until it receives a signal. If another thread
 * received SIGTERM, the daemon would stop one interval later. */
#pragma once

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

struct worker_thread;

struct worker_thread_options {
  /* Does one item. On the thread, one at a time, in the order of putting, with
   * no lock held; it may put further items. */
  void (*work)(void *context, void *item);

  /* Frees an item after its work, or when it is dropped; on any thread. NULL:
   * items are borrowed. */
  void (*free_item)(void *item);

  /* Frees the context of a thread that was left behind, on that thread, once
   * nothing uses it any more. NULL: it is leaked then. Never called where
   * worker_thread_stop() returned true. */
  void (*free_context)(void *context);

  void *context;
  size_t items_max;   /* in the queue, besides the one at work */
  size_t stack_bytes; /* 0: the system's default */
  int idle_ms; /* work() is called with NULL when no item has come for this
                  long; 0: never */
};

/* Starts the thread. options: copied. *ret_worker: yours,
 * worker_thread_stop(). Returns 0, -ENOMEM or -EAGAIN (no thread). */
int worker_thread_new(const struct worker_thread_options *options,
                      struct worker_thread **ret_worker, struct error *error);

/* Queues ITEM, which is taken in any case. Returns false where it was dropped:
 * the queue is full, or the thread is being stopped. Any thread; never waits.
 */
bool worker_thread_put(struct worker_thread *worker, void *item);

/* Waits at most WAIT_MS until all that was put before is done. Returns false
 * if it is not. Any thread but the worker's own. */
bool worker_thread_flush(struct worker_thread *worker, int wait_ms);

/* Items in the queue and at work. */
size_t worker_thread_count_open(struct worker_thread *worker);

/* For how long the item at work has been; 0: none is. */
int64_t worker_thread_busy_ms(struct worker_thread *worker);

/* Items dropped since the start. */
uint64_t worker_thread_count_dropped(struct worker_thread *worker);

/* Does what is queued, takes no more, ends the thread and frees the worker;
 * waits for that at most WAIT_MS. No other thread may use the worker any more,
 * but work() may.
 * Returns true if it has ended: the context is the caller's again. Returns
 * false if the work hangs: then the thread is left behind with the worker and
 * the context, which the caller must neither use nor free. Once the work
 * returns, the thread drops what is queued, frees the context, and ends. */
bool worker_thread_stop(struct worker_thread *worker, int wait_ms);

/* collectd ends: all later calls of worker_thread_stop() together wait at most
 * this long, however many threads hang. */
void worker_thread_limit_stops(int together_ms);

/* As pthread_create(3), with all signals blocked in the thread. Returns 0 or a
 * negative errno. */
int worker_thread_create_without_signals(pthread_t *ret_thread,
                                         const pthread_attr_t *attributes,
                                         void *(*run)(void *), void *argument);

/* For a library call that creates a thread: block all signals in the calling
 * thread before it, because the new thread inherits the mask; restore the mask
 * after it. */
void worker_thread_block_signals(sigset_t *ret_before);
void worker_thread_restore_signals(const sigset_t *before);
