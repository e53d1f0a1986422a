/* SPDX-License-Identifier: MIT */
/* probe_pool: runs calls that may never return, on threads that can be
 * abandoned. */
#include "statgrab/probe_pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/worker_thread.h"

/* statvfs(2) and libstatgrab need far less. */
#define WORKER_STACK_BYTES ((size_t)512 * 1024)

/* An idle worker ends within this time on any machine. */
#define STOP_IDLE_MS 1000

/* In this order, and from the last to the first again:
 * probe_pool_run_and_wait() queues, a worker runs and finishes,
 * probe_pool_take_result() makes idle. */
enum probe_state {
  PROBE_IDLE,
  PROBE_QUEUED,
  PROBE_RUNNING,
  PROBE_FINISHED, /* and its result not taken yet */
};

/* Guarded by the pool's lock, but for the subject of a running probe. */
struct probe_pool_probe {
  struct probe_pool_probe *next; /* of the pool */
  struct probe_pool_subject subject;
  enum probe_state state;
  uint64_t round;  /* the probe_pool_run_and_wait() that waits for it */
  bool is_dropped; /* while running: freed when the call returns */
  int code;
  int64_t since_ms;
};

/* A thread whose items are requests to run what is queued. */
struct probe_worker {
  struct worker_thread *thread;
  bool is_busy; /* from the request until the queue is empty */
};

struct probe_pool {
  pthread_mutex_t lock;            /* guards all below */
  pthread_cond_t done;             /* no probe is awaited any more */
  struct probe_pool_probe *probes; /* owned; those that may hang are last */
  struct probe_pool_probe *queue;  /* the first that may be queued, or NULL */
  uint64_t round;  /* number of the current or last probe_pool_run_and_wait() */
  size_t awaited;  /* probes of that round that have not finished */
  size_t finished; /* ever, to see whether anything progresses */
  unsigned at_risk; /* workers that run what may hang */
  struct probe_worker workers[PROBE_POOL_WORKERS_MAX];
  unsigned workers_len;
  unsigned users; /* the owner and the workers: the last frees the pool */
};

/* ---- the queue of probes; all functions with the lock held ---- */

/* Returns the first queued probe, or NULL. */
static struct probe_pool_probe *find_queued(struct probe_pool *pool) {
  while (pool->queue != NULL && pool->queue->state != PROBE_QUEUED) {
    pool->queue = pool->queue->next;
  }
  return pool->queue;
}

/* One worker is reserved for probes that cannot hang: they have results however
 * many of the others are blocked. */
static bool may_run_probe(const struct probe_pool *pool,
                          const struct probe_pool_probe *probe) {
  return probe != NULL && (!probe->subject.may_hang ||
                           pool->at_risk + 1 < PROBE_POOL_WORKERS_MAX);
}

/* Needs no lock: the probe is in no list, and no worker runs it. */
static void free_probe(struct probe_pool_probe *probe) {
  probe->subject.free(probe->subject.subject);
  free(probe);
}

/* ---- workers ---- */

/* Ends the use of the pool by its owner or by one worker. */
static void release_pool(void *context) {
  struct probe_pool *pool = context;
  (void)pthread_mutex_lock(&pool->lock);
  bool is_last = --pool->users == 0;
  (void)pthread_mutex_unlock(&pool->lock);
  if (is_last) {
    (void)pthread_cond_destroy(&pool->done);
    (void)pthread_mutex_destroy(&pool->lock);
    free(pool);
  }
}

/* Runs a queued probe; the lock is not held during the call. */
static void run_probe(struct probe_pool *pool, struct probe_pool_probe *probe) {
  probe->state = PROBE_RUNNING;
  pool->at_risk += probe->subject.may_hang;
  (void)pthread_mutex_unlock(&pool->lock);
  int code = probe->subject.run(probe->subject.subject);
  (void)pthread_mutex_lock(&pool->lock);
  pool->finished++;
  pool->at_risk -= probe->subject.may_hang;
  probe->code = code;
  probe->state = PROBE_FINISHED;
  if (probe->round == pool->round && --pool->awaited == 0) {
    (void)pthread_cond_signal(&pool->done);
  }
  if (probe->is_dropped) {
    free_probe(probe);
  }
}

/* The work of a worker_thread. Ends when the queue is empty, or when only
 * probes that may hang are left and too many workers run such. */
static void run_queued_probes(void *context, void *item) {
  struct probe_pool *pool = context;
  struct probe_worker *worker = item;
  (void)pthread_mutex_lock(&pool->lock);
  struct probe_pool_probe *probe;
  while ((probe = find_queued(pool)) != NULL && may_run_probe(pool, probe)) {
    run_probe(pool, probe);
  }
  worker->is_busy = false;
  (void)pthread_mutex_unlock(&pool->lock);
}

/* Lets one more worker run what is queued, if there may be one. With the lock
 * held. Returns 0 or negative errno. */
static int wake_or_start_worker(struct probe_pool *pool) {
  const struct worker_thread_options options = {
      .work = run_queued_probes,
      .free_context = release_pool,
      .context = pool,
      .items_max = 1,
      .stack_bytes = WORKER_STACK_BYTES,
  };
  unsigned i = 0;
  while (i < pool->workers_len && pool->workers[i].is_busy) {
    i++;
  }
  if (i == PROBE_POOL_WORKERS_MAX) {
    return 0;
  }
  struct probe_worker *worker = &pool->workers[i];
  if (i == pool->workers_len) {
    int code = worker_thread_new(&options, &worker->thread, NULL);
    if (code != 0) {
      return code;
    }
    pool->workers_len++;
    pool->users++;
  }
  worker->is_busy = true;
  (void)worker_thread_put(worker->thread, worker);
  return 0;
}

/* ---- the caller's side ---- */

int probe_pool_new(struct probe_pool **ret_pool) {
  struct probe_pool *pool = calloc(1, sizeof(*pool));
  if (pool == NULL) {
    return -ENOMEM;
  }
  (void)pthread_mutex_init(&pool->lock, NULL);
  clock_cond_init(&pool->done);
  pool->users = 1;
  *ret_pool = pool;
  return 0;
}

/* Stops the workers that are busy, or those that are not, until deadline_ms.
 * Returns the number of those that do not end. */
static unsigned stop_workers(struct probe_pool *pool, bool is_busy,
                             int64_t deadline_ms) {
  unsigned abandoned = 0;
  for (unsigned i = 0; i < pool->workers_len; i++) {
    struct probe_worker *worker = &pool->workers[i];
    (void)pthread_mutex_lock(&pool->lock);
    bool is_due = worker->thread != NULL && worker->is_busy == is_busy;
    (void)pthread_mutex_unlock(&pool->lock);
    if (!is_due) {
      continue;
    }
    if (worker_thread_stop(worker->thread, clock_left_ms(deadline_ms))) {
      release_pool(pool);
    } else {
      abandoned++;
    }
    worker->thread = NULL;
  }
  return abandoned;
}

/* The idle workers end at once; they are not made to wait behind blocked ones,
 * which would leave no time for them. */
unsigned probe_pool_stop(struct probe_pool *pool, int64_t deadline_ms) {
  if (pool == NULL) {
    return 0;
  }
  int64_t soon_ms = clock_monotonic_ms() + STOP_IDLE_MS;
  unsigned abandoned =
      stop_workers(pool, false, deadline_ms > soon_ms ? deadline_ms : soon_ms);
  abandoned += stop_workers(pool, true, deadline_ms);
  release_pool(pool);
  return abandoned;
}

struct probe_pool_probe *probe_pool_add(struct probe_pool *pool,
                                        struct probe_pool_subject subject) {
  struct probe_pool_probe *probe = calloc(1, sizeof(*probe));
  if (probe == NULL) {
    subject.free(subject.subject);
    return NULL;
  }
  probe->subject = subject;
  (void)pthread_mutex_lock(&pool->lock);
  struct probe_pool_probe **at = &pool->probes;
  while (subject.may_hang && *at != NULL) {
    at = &(*at)->next;
  }
  probe->next = *at;
  *at = probe;
  (void)pthread_mutex_unlock(&pool->lock);
  return probe;
}

void probe_pool_drop(struct probe_pool *pool, struct probe_pool_probe *probe) {
  if (probe == NULL) {
    return;
  }
  (void)pthread_mutex_lock(&pool->lock);
  struct probe_pool_probe **at = &pool->probes;
  while (*at != probe) {
    at = &(*at)->next;
  }
  *at = probe->next;
  if (pool->queue == probe) {
    pool->queue = probe->next;
  }
  probe->is_dropped = true;
  bool is_running = probe->state == PROBE_RUNNING;
  (void)pthread_mutex_unlock(&pool->lock);
  if (!is_running) {
    free_probe(probe);
  }
}

/* Queues the idle probes and counts those that are waited for: not those that
 * were running before, nor those that have no worker to run on. */
static void queue_idle_probes(struct probe_pool *pool) {
  int64_t now_ms = clock_monotonic_ms();
  pool->round++;
  pool->awaited = 0;
  pool->queue = pool->probes;
  for (struct probe_pool_probe *probe = pool->probes; probe != NULL;
       probe = probe->next) {
    if (probe->state == PROBE_IDLE) {
      probe->since_ms = now_ms;
      probe->state = PROBE_QUEUED;
    }
    if (probe->state == PROBE_QUEUED && may_run_probe(pool, probe)) {
      probe->round = pool->round;
      pool->awaited++;
    }
  }
}

int probe_pool_run_and_wait(struct probe_pool *pool, int64_t deadline_ms) {
  (void)pthread_mutex_lock(&pool->lock);
  queue_idle_probes(pool);
  int code = pool->awaited > 0 ? wake_or_start_worker(pool) : 0;
  if (pool->workers_len > 0) {
    code = 0; /* the workers from before run the probes */
  }
  int64_t now_ms = clock_monotonic_ms();
  while (pool->awaited > 0 && code == 0 && now_ms < deadline_ms) {
    size_t finished = pool->finished;
    int64_t patience_ms = now_ms + PROBE_POOL_PATIENCE_MS;
    (void)clock_cond_wait(&pool->done, &pool->lock,
                          patience_ms < deadline_ms ? patience_ms
                                                    : deadline_ms);
    now_ms = clock_monotonic_ms();
    bool is_stuck = pool->finished == finished && now_ms >= patience_ms;
    if (is_stuck && may_run_probe(pool, find_queued(pool))) {
      (void)wake_or_start_worker(pool);
    }
  }
  (void)pthread_mutex_unlock(&pool->lock);
  return code;
}

int probe_pool_take_result(struct probe_pool *pool,
                           struct probe_pool_probe *probe,
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
