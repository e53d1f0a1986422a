/* SPDX-License-Identifier: MIT */
/* probe_pool: runs calls that may never return, on threads that can be
 * abandoned. */
#include "statgrab/probe_pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "core/clock.h"
#include "core/worker_thread.h"

/* statvfs(2) and libstatgrab need far less. */
#define WORKER_STACK_BYTES ((size_t)512 * 1024)

enum probe_state {
  PROBE_IDLE,
  PROBE_QUEUED,
  PROBE_RUNNING,
  PROBE_FINISHED, /* and its result not taken yet */
};

/* Guarded by the pool's lock, but for the subject of a running probe. */
struct probe_pool_probe {
  struct probe_pool_probe *next; /* in the queue */
  struct probe_pool_subject subject;
  enum probe_state state;
  uint64_t round;  /* the probe_pool_run() that waits for it */
  bool is_dropped; /* while running: freed when the call returns */
  int code;
  int64_t since_ms;
};

struct probe_pool {
  pthread_mutex_t lock;           /* guards all below */
  pthread_cond_t work;            /* something is queued, or the pool ends */
  pthread_cond_t done;            /* nothing is awaited, or a worker ended */
  struct probe_pool_probe *queue; /* those that may hang are at the end */
  uint64_t round;   /* number of the current or last probe_pool_run() */
  size_t awaited;   /* probes of that round that have not finished */
  size_t finished;  /* ever, to see whether anything progresses */
  unsigned at_risk; /* workers that run what may hang */
  unsigned idle;    /* workers that wait for work */
  unsigned running; /* workers that have not ended */
  pthread_t threads[PROBE_POOL_WORKERS_MAX]; /* ended, to be joined */
  unsigned threads_len;
  bool is_ending;
  bool is_abandoned; /* by probe_pool_free(): the last worker frees it */
};

/* ---- the queue; with the lock held ---- */

/* Puts a probe that cannot hang first, one that may hang last. */
static void queue_probe(struct probe_pool *pool,
                        struct probe_pool_probe *probe) {
  struct probe_pool_probe **at = &pool->queue;
  while (probe->subject.may_hang && *at != NULL) {
    at = &(*at)->next;
  }
  probe->next = *at;
  *at = probe;
  probe->state = PROBE_QUEUED;
}

static void unqueue_probe(struct probe_pool *pool,
                          const struct probe_pool_probe *probe) {
  struct probe_pool_probe **at = &pool->queue;
  while (*at != probe) {
    at = &(*at)->next;
  }
  *at = probe->next;
}

/* One worker is reserved for probes that cannot hang: they have results however
 * many of the others are blocked. */
static bool may_run_probe(const struct probe_pool *pool,
                          const struct probe_pool_probe *probe) {
  return probe != NULL && (!probe->subject.may_hang ||
                           pool->at_risk + 1 < PROBE_POOL_WORKERS_MAX);
}

static void stop_awaiting(struct probe_pool *pool,
                          const struct probe_pool_probe *probe) {
  if (probe->round == pool->round && --pool->awaited == 0) {
    (void)pthread_cond_signal(&pool->done);
  }
}

static void free_probe(struct probe_pool_probe *probe) {
  probe->subject.free(probe->subject.subject);
  free(probe);
}

/* ---- workers ---- */

static void destroy_pool(struct probe_pool *pool) {
  (void)pthread_cond_destroy(&pool->work);
  (void)pthread_cond_destroy(&pool->done);
  (void)pthread_mutex_destroy(&pool->lock);
  free(pool);
}

/* Runs the first of the queue; the lock is not held during the call. */
static void run_next_probe(struct probe_pool *pool) {
  struct probe_pool_probe *probe = pool->queue;
  pool->queue = probe->next;
  probe->state = PROBE_RUNNING;
  pool->at_risk += probe->subject.may_hang;
  (void)pthread_mutex_unlock(&pool->lock);
  int code = probe->subject.run(probe->subject.subject);
  (void)pthread_mutex_lock(&pool->lock);
  pool->finished++;
  pool->at_risk -= probe->subject.may_hang;
  probe->code = code;
  probe->state = PROBE_FINISHED;
  stop_awaiting(pool, probe);
  if (probe->is_dropped) {
    free_probe(probe);
  }
}

/* Lives until the pool ends, or until it finds that it has been replaced while
 * it was blocked. */
static void *run_worker(void *context) {
  struct probe_pool *pool = context;
  (void)pthread_mutex_lock(&pool->lock);
  while (!pool->is_ending) {
    if (may_run_probe(pool, pool->queue)) {
      run_next_probe(pool);
    } else if (pool->idle > 0) {
      break;
    } else {
      pool->idle++;
      (void)pthread_cond_wait(&pool->work, &pool->lock);
      pool->idle--;
    }
  }
  pool->running--;
  if (pool->is_abandoned) {
    (void)pthread_detach(pthread_self());
  } else {
    pool->threads[pool->threads_len++] = pthread_self();
  }
  bool is_last = pool->running == 0 && pool->is_abandoned;
  (void)pthread_cond_signal(&pool->done);
  (void)pthread_mutex_unlock(&pool->lock);
  if (is_last) {
    destroy_pool(pool);
  }
  return NULL;
}

/* Joins the workers that have ended. The lock may be held: they do not need it
 * any more. They are joined because the libraries that they used may still be
 * freeing what they keep per thread. */
static void join_ended_workers(struct probe_pool *pool) {
  while (pool->threads_len > 0) {
    (void)pthread_join(pool->threads[--pool->threads_len], NULL);
  }
}

/* With the lock held. */
static int start_worker(struct probe_pool *pool) {
  pthread_t thread;
  pthread_attr_t attributes;
  join_ended_workers(pool);
  int code = -pthread_attr_init(&attributes);
  if (code != 0) {
    return code;
  }
  (void)pthread_attr_setstacksize(&attributes, WORKER_STACK_BYTES);
  code = worker_thread_create(&thread, &attributes, run_worker, pool);
  (void)pthread_attr_destroy(&attributes);
  pool->running += code == 0;
  return code;
}

/* ---- the caller's side ---- */

/* Waits with the lock held until something is done or deadline_ms. */
static void wait_until(struct probe_pool *pool, int64_t deadline_ms) {
  struct timespec until = {.tv_sec = (time_t)(deadline_ms / 1000),
                           .tv_nsec = (long)(deadline_ms % 1000) * 1000000};
  (void)pthread_cond_timedwait(&pool->done, &pool->lock, &until);
}

int probe_pool_new(struct probe_pool **ret_pool) {
  struct probe_pool *pool = calloc(1, sizeof(*pool));
  pthread_condattr_t monotonic;
  if (pool == NULL) {
    return -ENOMEM;
  }
  (void)pthread_condattr_init(&monotonic);
  (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  (void)pthread_mutex_init(&pool->lock, NULL);
  (void)pthread_cond_init(&pool->work, NULL);
  (void)pthread_cond_init(&pool->done, &monotonic);
  (void)pthread_condattr_destroy(&monotonic);
  *ret_pool = pool;
  return 0;
}

unsigned probe_pool_free(struct probe_pool *pool, int64_t deadline_ms) {
  if (pool == NULL) {
    return 0;
  }
  (void)pthread_mutex_lock(&pool->lock);
  pool->is_ending = true;
  (void)pthread_cond_broadcast(&pool->work);
  while (pool->running > 0 && clock_monotonic_ms() < deadline_ms) {
    wait_until(pool, deadline_ms);
  }
  unsigned abandoned = pool->running;
  join_ended_workers(pool);
  pool->is_abandoned = true;
  (void)pthread_mutex_unlock(&pool->lock);
  if (abandoned == 0) {
    destroy_pool(pool);
  }
  return abandoned;
}

struct probe_pool_probe *probe_pool_add(struct probe_pool_subject subject) {
  struct probe_pool_probe *probe = calloc(1, sizeof(*probe));
  if (probe == NULL) {
    subject.free(subject.subject);
    return NULL;
  }
  probe->subject = subject;
  return probe;
}

void probe_pool_drop(struct probe_pool *pool, struct probe_pool_probe *probe) {
  if (probe == NULL) {
    return;
  }
  (void)pthread_mutex_lock(&pool->lock);
  bool is_running = probe->state == PROBE_RUNNING;
  if (probe->state == PROBE_QUEUED) {
    unqueue_probe(pool, probe);
    stop_awaiting(pool, probe);
  }
  probe->is_dropped = true;
  (void)pthread_mutex_unlock(&pool->lock);
  if (!is_running) {
    free_probe(probe);
  }
}

/* Queues the idle probes and marks those that are waited for: not those that
 * were running before, nor those that have no worker to run on. */
static void queue_idle_probes(struct probe_pool *pool,
                              struct probe_pool_probe *const *probes,
                              size_t len) {
  int64_t now_ms = clock_monotonic_ms();
  pool->round++;
  pool->awaited = 0;
  for (size_t i = 0; i < len; i++) {
    struct probe_pool_probe *probe = probes[i];
    if (probe->state == PROBE_IDLE) {
      probe->since_ms = now_ms;
      queue_probe(pool, probe);
    }
    if (probe->state == PROBE_QUEUED && may_run_probe(pool, probe)) {
      probe->round = pool->round;
      pool->awaited++;
    }
  }
}

int probe_pool_run(struct probe_pool *pool,
                   struct probe_pool_probe *const *probes, size_t len,
                   int64_t deadline_ms) {
  int code = 0;
  (void)pthread_mutex_lock(&pool->lock);
  queue_idle_probes(pool, probes, len);
  if (pool->idle > 0) {
    (void)pthread_cond_signal(&pool->work);
  } else if (pool->awaited > 0 && pool->running < PROBE_POOL_WORKERS_MAX) {
    code = start_worker(pool);
  }
  int64_t now_ms = clock_monotonic_ms();
  while (pool->awaited > 0 && pool->running > 0 && now_ms < deadline_ms) {
    size_t finished = pool->finished;
    int64_t patience_ms = now_ms + PROBE_POOL_PATIENCE_MS;
    wait_until(pool, patience_ms < deadline_ms ? patience_ms : deadline_ms);
    now_ms = clock_monotonic_ms();
    bool is_stuck = may_run_probe(pool, pool->queue) &&
                    pool->finished == finished && now_ms >= patience_ms;
    if (is_stuck && pool->running < PROBE_POOL_WORKERS_MAX) {
      (void)start_worker(pool);
    }
  }
  if (pool->running > 0) {
    code = 0; /* the workers from before run the probes */
  }
  (void)pthread_mutex_unlock(&pool->lock);
  return code;
}

int probe_pool_take(struct probe_pool *pool, struct probe_pool_probe *probe,
                    int64_t *ret_since_ms) {
  int code = -EINPROGRESS;
  (void)pthread_mutex_lock(&pool->lock);
  if (probe->state == PROBE_FINISHED) {
    probe->state = PROBE_IDLE;
    code = probe->code;
  } else if (ret_since_ms != NULL) {
    *ret_since_ms = probe->since_ms;
  }
  (void)pthread_mutex_unlock(&pool->lock);
  return code;
}

void *probe_pool_subject(const struct probe_pool_probe *probe) {
  return probe->subject.subject;
}
