/* SPDX-License-Identifier: MIT */
/* prober: asks what may never answer, on threads that can be left behind. */
#include "statgrab/prober.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "core/clock.h"
#include "core/worker_thread.h"

#define STACK_BYTES ((size_t)512 * 1024)

enum probe_state {
  PROBE_IDLE,
  PROBE_QUEUED,
  PROBE_RUNNING,
  PROBE_ANSWERED, /* and not yet taken */
};

/* All but the subject of a running probe is guarded by the prober's lock. */
struct probe {
  struct probe *next; /* in the queue */
  struct probe_subject subject;
  enum probe_state state;
  bool is_dropped;
  int code;
  int64_t since_ms;
  uint64_t round; /* in which it was asked */
};

struct prober {
  pthread_mutex_t lock; /* guards all below */
  pthread_cond_t work;  /* something is queued, or all is over */
  pthread_cond_t done;  /* nothing of this round is open, or a worker ended */
  struct probe *first, *last; /* those that may hang at the end */
  uint64_t round;
  size_t open;    /* asked in this round and not answered */
  size_t answers; /* ever, to see whether anything moves */
  unsigned workers;
  unsigned idle;
  unsigned risking;                    /* workers that ask what may hang */
  pthread_t ended[PROBER_WORKERS_MAX]; /* workers, to be joined */
  unsigned ended_len;
  bool is_over;
  bool is_left; /* by prober_free(): the last worker frees it */
};

/* ---- the queue ---- */

static void push(struct prober *prober, struct probe *probe) {
  if (prober->first == NULL) {
    prober->last = probe;
  } else if (probe->subject.may_hang) {
    prober->last->next = probe;
    prober->last = probe;
    probe->next = NULL;
    return;
  }
  probe->next = prober->first;
  prober->first = probe;
}

/* One worker is kept for what cannot hang: that is told of, however many of the
 * others do. */
static bool may_ask(const struct prober *prober, const struct probe *probe) {
  return !probe->subject.may_hang || prober->risking + 1 < PROBER_WORKERS_MAX;
}

static bool has_work(const struct prober *prober) {
  return prober->first != NULL && may_ask(prober, prober->first);
}

static struct probe *pop(struct prober *prober) {
  struct probe *probe = prober->first;
  prober->first = probe->next;
  return probe;
}

static void unlink_probe(struct prober *prober, struct probe *probe) {
  struct probe *before = NULL;
  for (struct probe *at = prober->first; at != probe; at = at->next) {
    before = at;
  }
  if (before == NULL) {
    prober->first = probe->next;
  } else {
    before->next = probe->next;
  }
  if (prober->last == probe) {
    prober->last = before;
  }
}

static void free_probe(struct probe *probe) {
  probe->subject.free(probe->subject.subject);
  free(probe);
}

static void close_in_round(struct prober *prober, const struct probe *probe) {
  if (probe->round == prober->round && --prober->open == 0) {
    (void)pthread_cond_signal(&prober->done);
  }
}

/* ---- workers ---- */

static void destroy(struct prober *prober) {
  (void)pthread_cond_destroy(&prober->work);
  (void)pthread_cond_destroy(&prober->done);
  (void)pthread_mutex_destroy(&prober->lock);
  free(prober);
}

/* Asks the first of the queue; the lock is held but while asking. */
static void ask_next(struct prober *prober) {
  struct probe *probe = pop(prober);
  probe->state = PROBE_RUNNING;
  prober->risking += probe->subject.may_hang;
  (void)pthread_mutex_unlock(&prober->lock);
  int code = probe->subject.ask(probe->subject.subject);
  (void)pthread_mutex_lock(&prober->lock);
  prober->answers++;
  prober->risking -= probe->subject.may_hang;
  probe->code = code;
  probe->state = PROBE_ANSWERED;
  close_in_round(prober, probe);
  if (probe->is_dropped) {
    free_probe(probe);
  }
}

/* Lives until all is over, or until it was replaced while it was held and
 * finds nothing more to do. */
static void *work(void *context) {
  struct prober *prober = context;
  (void)pthread_mutex_lock(&prober->lock);
  while (!prober->is_over) {
    if (has_work(prober)) {
      ask_next(prober);
    } else if (prober->idle > 0) {
      break; /* one that waits is enough */
    } else {
      prober->idle++;
      (void)pthread_cond_wait(&prober->work, &prober->lock);
      prober->idle--;
    }
  }
  prober->workers--;
  if (prober->is_left) {
    (void)pthread_detach(pthread_self());
  } else {
    prober->ended[prober->ended_len++] = pthread_self();
  }
  bool is_last = prober->workers == 0 && prober->is_left;
  (void)pthread_cond_signal(&prober->done);
  (void)pthread_mutex_unlock(&prober->lock);
  if (is_last) {
    destroy(prober);
  }
  return NULL;
}

/* With the lock held, which a worker that has ended does not need any more. The
 * libraries it used may still be cleaning up after it: they are waited for. */
static void join_ended(struct prober *prober) {
  while (prober->ended_len > 0) {
    (void)pthread_join(prober->ended[--prober->ended_len], NULL);
  }
}

/* With the lock held. */
static int start_worker(struct prober *prober) {
  join_ended(prober);
  pthread_t thread;
  pthread_attr_t attributes;
  int status = pthread_attr_init(&attributes);
  if (status != 0) {
    return -status;
  }
  (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
  status = worker_thread_create(&thread, &attributes, work, prober);
  (void)pthread_attr_destroy(&attributes);
  if (status == 0) {
    prober->workers++;
  }
  return status;
}

/* ---- for the one who asks ---- */

/* Waits with the lock held until something is done or deadline_ms. */
static void wait_done(struct prober *prober, int64_t deadline_ms) {
  struct timespec until = {.tv_sec = (time_t)(deadline_ms / 1000),
                           .tv_nsec = (long)(deadline_ms % 1000) * 1000000};
  (void)pthread_cond_timedwait(&prober->done, &prober->lock, &until);
}

int prober_new(struct prober **ret_prober) {
  struct prober *prober = calloc(1, sizeof(*prober));
  pthread_condattr_t monotonic;
  if (prober == NULL) {
    return -ENOMEM;
  }
  (void)pthread_condattr_init(&monotonic);
  (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  (void)pthread_mutex_init(&prober->lock, NULL);
  (void)pthread_cond_init(&prober->work, NULL);
  (void)pthread_cond_init(&prober->done, &monotonic);
  (void)pthread_condattr_destroy(&monotonic);
  *ret_prober = prober;
  return 0;
}

unsigned prober_free(struct prober *prober, int64_t deadline_ms) {
  if (prober == NULL) {
    return 0;
  }
  (void)pthread_mutex_lock(&prober->lock);
  prober->is_over = true;
  (void)pthread_cond_broadcast(&prober->work);
  while (prober->workers > 0 && clock_monotonic_ms() < deadline_ms) {
    wait_done(prober, deadline_ms);
  }
  unsigned left = prober->workers;
  join_ended(prober);
  prober->is_left = true;
  (void)pthread_mutex_unlock(&prober->lock);
  if (left == 0) {
    destroy(prober);
  }
  return left;
}

struct probe *probe_new(struct prober *prober, struct probe_subject subject) {
  struct probe *probe = calloc(1, sizeof(*probe));
  (void)prober;
  if (probe == NULL) {
    subject.free(subject.subject);
    return NULL;
  }
  probe->subject = subject;
  return probe;
}

void probe_drop(struct prober *prober, struct probe *probe) {
  if (probe == NULL) {
    return;
  }
  (void)pthread_mutex_lock(&prober->lock);
  bool is_running = probe->state == PROBE_RUNNING;
  if (probe->state == PROBE_QUEUED) {
    unlink_probe(prober, probe);
    close_in_round(prober, probe);
  }
  probe->is_dropped = true;
  (void)pthread_mutex_unlock(&prober->lock);
  if (!is_running) {
    free_probe(probe);
  }
}

static void enqueue(struct prober *prober, struct probe *const *probes,
                    size_t len) {
  int64_t now_ms = clock_monotonic_ms();
  prober->round++;
  prober->open = 0;
  for (size_t i = 0; i < len; i++) {
    struct probe *probe = probes[i];
    if (probe->state == PROBE_IDLE) {
      probe->state = PROBE_QUEUED;
      probe->since_ms = now_ms;
      push(prober, probe);
    }
    if (probe->state == PROBE_QUEUED && may_ask(prober, probe)) {
      probe->round = prober->round;
      prober->open++;
    }
  }
}

int prober_ask(struct prober *prober, struct probe *const *probes, size_t len,
               int64_t deadline_ms) {
  int code = 0;
  (void)pthread_mutex_lock(&prober->lock);
  enqueue(prober, probes, len);
  if (prober->idle > 0) {
    (void)pthread_cond_signal(&prober->work);
  } else if (prober->open > 0 && prober->workers < PROBER_WORKERS_MAX) {
    code = start_worker(prober);
  }
  int64_t now_ms = clock_monotonic_ms();
  while (prober->open > 0 && prober->workers > 0 && now_ms < deadline_ms) {
    size_t answers = prober->answers;
    int64_t patience_ms = now_ms + PROBER_PATIENCE_MS;
    wait_done(prober, patience_ms < deadline_ms ? patience_ms : deadline_ms);
    now_ms = clock_monotonic_ms();
    bool is_stuck =
        has_work(prober) && prober->answers == answers && now_ms >= patience_ms;
    if (is_stuck && prober->workers < PROBER_WORKERS_MAX) {
      (void)start_worker(prober);
    }
  }
  if (prober->workers > 0) {
    code = 0; /* those that were there before will do it */
  }
  (void)pthread_mutex_unlock(&prober->lock);
  return code;
}

int probe_take(struct prober *prober, struct probe *probe,
               int64_t *ret_since_ms) {
  int code = -EINPROGRESS;
  (void)pthread_mutex_lock(&prober->lock);
  if (probe->state == PROBE_ANSWERED) {
    probe->state = PROBE_IDLE;
    code = probe->code;
  } else if (ret_since_ms != NULL) {
    *ret_since_ms = probe->since_ms;
  }
  (void)pthread_mutex_unlock(&prober->lock);
  return code;
}

void *probe_subject(const struct probe *probe) {
  return probe->subject.subject;
}
