/* SPDX-License-Identifier: MIT */
/* prober: asks what may never answer, on threads that can be left behind.
 *
 * A file system whose server is gone holds the thread that asks it, for ever
 * and beyond the reach of signals. So the asking is done by workers; one that
 * is held is replaced, what holds it is not asked again before it answers, and
 * nobody waits longer than he said. */
#ifndef STATGRAB_PROBER_H
#define STATGRAB_PROBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All but one of them may be held at once; what would hang beyond that waits
 * its turn. */
#define PROBER_WORKERS_MAX 16u

/* A worker is given this long before another one takes over its queue. */
#define PROBER_PATIENCE_MS 100

struct prober;

/* One thing to ask, again and again. */
struct probe;

/* What a probe asks. ask: runs on a worker and returns 0 or negative errno;
 * it may wait for ever. free: on any thread, when nobody needs it any more. */
struct probe_subject {
  int (*ask)(void *subject);
  void (*free)(void *subject);
  bool may_hang; /* goes last, and never takes the last worker */
  void *subject; /* taken by the probe, also where it cannot be made */
};

/* No thread is started before there is something to ask. *ret_prober: yours,
 * prober_free(). Returns 0 or -ENOMEM. */
int prober_new(struct prober **ret_prober);

/* Ends the workers and waits for them until deadline_ms (monotonic). One that
 * is held is left behind with all that it needs; it ends by itself once it is
 * let go. All probes must have been dropped. Accepts NULL. Returns the number
 * of threads left behind. */
unsigned prober_free(struct prober *prober, int64_t deadline_ms);

/* Makes a probe, yours, probe_drop(). Returns NULL when memory is short. */
struct probe *probe_new(struct prober *prober, struct probe_subject subject);

/* Gives a probe up, whatever it is doing. Accepts NULL. */
void probe_drop(struct prober *prober, struct probe *probe);

/* Asks those of the probes that are not being asked already, and waits for
 * them until deadline_ms (monotonic). Returns 0, or negative errno where not
 * even one worker could be started. One thread at a time. */
int prober_ask(struct prober *prober, struct probe *const *probes, size_t len,
               int64_t deadline_ms);

/* Takes an answer: 0 or the error that ask returned; then the subject is the
 * caller's to look at until the probe is asked again. -EINPROGRESS while there
 * is none; *ret_since_ms (may be NULL) is then when the asking began. */
int probe_take(struct prober *prober, struct probe *probe,
               int64_t *ret_since_ms);

/* The subject of a probe whose answer was taken. */
void *probe_subject(const struct probe *probe);

#endif
