/* SPDX-License-Identifier: MIT */
/* probe_pool: runs calls that may never return, on threads that can be
 * abandoned.
 *
 * A file system whose server is gone blocks the thread that queries it, beyond
 * the reach of signals and possibly for ever. So worker threads make the
 * calls: a blocked worker is replaced, its probe is not run again before the
 * call returns, and the caller never waits beyond its deadline. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Most threads of a pool. All but one of them may be blocked by probes that may
 * hang; further such probes wait for a free thread. */
#define PROBE_POOL_WORKERS_MAX 16u

/* When no probe has finished for this long, another worker is started. */
#define PROBE_POOL_PATIENCE_MS 100

struct probe_pool;

/* One call, made again and again. */
struct probe_pool_probe;

/* What a probe calls. run: on a worker; returns 0 or negative errno and may
 * wait for ever. free: on any thread, when the subject is not needed any more.
 */
struct probe_pool_subject {
  int (*run)(void *subject);
  void (*free)(void *subject);
  bool may_hang; /* runs last, and never on the last free worker */
  void *subject; /* taken by the probe, also where it cannot be made */
};

/* Starts no thread yet. *ret_pool: yours, probe_pool_stop(). Returns 0 or
 * -ENOMEM. */
int probe_pool_new(struct probe_pool **ret_pool);

/* Ends the workers and waits for them until deadline_ms (monotonic). A blocked
 * worker is abandoned with all that it needs; it ends by itself when its call
 * returns. All probes must have been dropped. Accepts NULL. Returns the number
 * of abandoned threads. */
unsigned probe_pool_stop(struct probe_pool *pool, int64_t deadline_ms);

/* Adds a probe. Returns NULL when memory is short. */
struct probe_pool_probe *probe_pool_add(struct probe_pool *pool,
                                        struct probe_pool_subject subject);

/* Removes a probe and frees it, now or when its call returns. Accepts NULL. */
void probe_pool_drop(struct probe_pool *pool, struct probe_pool_probe *probe);

/* Runs the probes that are not running or finished already, and waits for them
 * until deadline_ms (monotonic). Returns 0, or negative errno where not even
 * one worker could be started. One thread at a time. */
int probe_pool_run_and_wait(struct probe_pool *pool, int64_t deadline_ms);

/* Takes the result of a finished probe: what run returned; the subject may then
 * be used until the probe is run again. -EINPROGRESS while it is unfinished;
 * *ret_since_ms (may be NULL) is then when that run was requested. */
int probe_pool_take_result(struct probe_pool *pool,
                           struct probe_pool_probe *probe,
                           int64_t *ret_since_ms);

/* The subject of a probe whose result was taken. */
void *probe_pool_subject(const struct probe_pool_probe *probe);
