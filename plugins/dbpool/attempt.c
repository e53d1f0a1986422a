/* SPDX-License-Identifier: MIT */
/* attempt: a connection being made, on a thread of its own. */
#include "dbpool/attempt.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "core/worker_thread.h"

/* How soon a thread sees that it was given up. */
#define STEP_MS 100

/* Two own it, the maker and the thread; the last one out frees it. */
struct attempt {
  pthread_mutex_t lock; /* guards all below but what never changes */
  pthread_cond_t changed;
  int owners;
  bool is_over;
  bool is_given_up;
  PGconn *session;

  char **keywords; /* never change */
  char **values;
  int64_t timeout_ms;
};

static void free_texts(char **texts) {
  for (size_t i = 0; texts != NULL && texts[i] != NULL; i++) {
    free(texts[i]);
  }
  free(texts);
}

static char **copy_texts(const char *const *texts) {
  size_t len = 0;
  while (texts[len] != NULL) {
    len++;
  }
  char **copies = calloc(len + 1, sizeof(*copies));
  for (size_t i = 0; copies != NULL && i < len; i++) {
    copies[i] = strdup(texts[i]);
    if (copies[i] == NULL) {
      free_texts(copies);
      return NULL;
    }
  }
  return copies;
}

static void disown(struct attempt *attempt) {
  (void)pthread_mutex_lock(&attempt->lock);
  bool is_last = --attempt->owners == 0;
  (void)pthread_mutex_unlock(&attempt->lock);
  if (!is_last) {
    return;
  }
  PQfinish(attempt->session);
  free_texts(attempt->keywords);
  free_texts(attempt->values);
  (void)pthread_cond_destroy(&attempt->changed);
  (void)pthread_mutex_destroy(&attempt->lock);
  free(attempt);
}

static bool is_given_up(struct attempt *attempt) {
  (void)pthread_mutex_lock(&attempt->lock);
  bool answer = attempt->is_given_up;
  (void)pthread_mutex_unlock(&attempt->lock);
  return answer;
}

/* A notification of the server is of no interest, and libpq would print it. */
static void ignore_notification(void *context, const PGresult *notification) {
  (void)context;
  (void)notification;
}

/* Drives libpq until it is connected, has failed, or time is up. */
static void connect_until(struct attempt *attempt, PGconn *session,
                          int64_t deadline_ms) {
  PostgresPollingStatusType wish = PGRES_POLLING_WRITING;
  while (wish != PGRES_POLLING_OK && wish != PGRES_POLLING_FAILED &&
         !is_given_up(attempt)) {
    int left_ms = clock_left_ms(deadline_ms);
    if (left_ms == 0) {
      return;
    }
    struct pollfd wait = {
        .fd = PQsocket(session),
        .events = wish == PGRES_POLLING_READING ? POLLIN : POLLOUT,
    };
    int ready = poll(&wait, 1, left_ms < STEP_MS ? left_ms : STEP_MS);
    if (ready > 0) {
      wish = PQconnectPoll(session);
    }
  }
}

static void *run(void *context) {
  struct attempt *attempt = context;
  PGconn *session =
      PQconnectStartParams((const char *const *)attempt->keywords,
                           (const char *const *)attempt->values, 0);
  if (session != NULL && PQstatus(session) != CONNECTION_BAD) {
    (void)PQsetErrorVerbosity(session, PQERRORS_VERBOSE); /* has SQLSTATE */
    (void)PQsetNoticeReceiver(session, ignore_notification, NULL);
    connect_until(attempt, session, clock_monotonic_ms() + attempt->timeout_ms);
  }
  (void)pthread_mutex_lock(&attempt->lock);
  attempt->session = session;
  attempt->is_over = true;
  (void)pthread_cond_broadcast(&attempt->changed);
  (void)pthread_mutex_unlock(&attempt->lock);
  disown(attempt);
  return NULL;
}

static int start_thread(struct attempt *attempt) {
  pthread_attr_t attributes;
  pthread_t thread;
  if (pthread_attr_init(&attributes) != 0) {
    return -ENOMEM;
  }
  (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  int code = worker_thread_create(&thread, &attributes, run, attempt);
  (void)pthread_attr_destroy(&attributes);
  return code;
}

struct attempt *attempt_start(const char *const *keywords,
                              const char *const *values, int64_t timeout_ms) {
  struct attempt *attempt = calloc(1, sizeof(*attempt));
  if (attempt == NULL) {
    return NULL;
  }
  pthread_condattr_t attributes;
  (void)pthread_condattr_init(&attributes);
  (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  (void)pthread_cond_init(&attempt->changed, &attributes);
  (void)pthread_condattr_destroy(&attributes);
  (void)pthread_mutex_init(&attempt->lock, NULL);
  attempt->owners = 2;
  attempt->timeout_ms = timeout_ms;
  attempt->keywords = copy_texts(keywords);
  attempt->values = copy_texts(values);
  if (attempt->keywords == NULL || attempt->values == NULL ||
      start_thread(attempt) != 0) {
    attempt->owners = 1;
    disown(attempt);
    return NULL;
  }
  return attempt;
}

bool attempt_wait(struct attempt *attempt, int64_t deadline_ms) {
  struct timespec until = {
      .tv_sec = (time_t)(deadline_ms / 1000),
      .tv_nsec = (long)(deadline_ms % 1000) * 1000000L,
  };
  (void)pthread_mutex_lock(&attempt->lock);
  int code = 0;
  while (!attempt->is_over && code == 0) {
    code = pthread_cond_timedwait(&attempt->changed, &attempt->lock, &until);
  }
  bool is_over = attempt->is_over;
  (void)pthread_mutex_unlock(&attempt->lock);
  return is_over;
}

PGconn *attempt_take(struct attempt *attempt) {
  (void)pthread_mutex_lock(&attempt->lock);
  PGconn *session = attempt->session;
  attempt->session = NULL;
  (void)pthread_mutex_unlock(&attempt->lock);
  return session;
}

void attempt_free(struct attempt *attempt, int64_t deadline_ms) {
  if (attempt == NULL) {
    return;
  }
  (void)pthread_mutex_lock(&attempt->lock);
  attempt->is_given_up = true;
  (void)pthread_mutex_unlock(&attempt->lock);
  if (deadline_ms > 0) {
    (void)attempt_wait(attempt, deadline_ms);
  }
  disown(attempt);
}
