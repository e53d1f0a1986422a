/* SPDX-License-Identifier: MIT */
/* leak: which sessions of a pool somebody holds and has forgotten. */
#include "dbpool/leak.h"

#include <errno.h>
#include <stdlib.h>

struct leak_rest {
  int64_t pid;
  int64_t backend_start_us;
  int64_t state_change_us;
  int64_t overtaken_us; /* when it was first seen to be; 0: never */
  bool is_leaked;       /* stays until it is used again */
};

void leak_watch_fini(struct leak_watch *watch) {
  if (watch != NULL) {
    free(watch->rests);
    *watch = (struct leak_watch){0};
  }
}

static void add(struct leak *leaks, size_t *len, const struct session *session,
                enum leak_rule rule, int64_t now_us) {
  leaks[(*len)++] = (struct leak){
      .session = session,
      .rule = rule,
      .age_us = now_us - session->state_change_us,
  };
}

static bool is_quiet(const struct session *session, int64_t now_us,
                     const struct leak_limits *limits) {
  return session->state_change_us != 0 &&
         now_us - session->state_change_us > limits->after_us;
}

/* ---- rule 1 ---- */

static void find_in_transaction(const struct session **sessions, size_t len,
                                int64_t now_us,
                                const struct leak_limits *limits,
                                struct leak *leaks, size_t *leaks_len) {
  for (size_t i = 0; i < len; i++) {
    bool is_in = sessions[i]->state == SESSION_IN_TRANSACTION ||
                 sessions[i]->state == SESSION_ABORTED;
    if (is_in && is_quiet(sessions[i], now_us, limits)) {
      add(leaks, leaks_len, sessions[i], LEAK_IN_TRANSACTION, now_us);
    }
  }
}

/* ---- rule 2 ---- */

static int compare_pids(const void *a, const void *b) {
  const struct session *left = *(const struct session *const *)a;
  const struct session *right = *(const struct session *const *)b;
  return (left->pid > right->pid) - (left->pid < right->pid);
}

static int compare_rest(const void *key, const void *item) {
  const struct session *session = key;
  const struct leak_rest *rest = item;
  return (session->pid > rest->pid) - (session->pid < rest->pid);
}

/* What is remembered of the session; NULL if it did not rest before. */
static struct leak_rest *find_rest(const struct leak_watch *watch,
                                   const struct session *session) {
  if (watch->rests_len == 0) {
    return NULL;
  }
  struct leak_rest *rest = bsearch(session, watch->rests, watch->rests_len,
                                   sizeof(*watch->rests), compare_rest);
  bool is_same =
      rest != NULL && rest->backend_start_us == session->backend_start_us;
  return is_same ? rest : NULL;
}

static bool rests_still(const struct leak_rest *rest,
                        const struct session *session) {
  return session->state == SESSION_IDLE &&
         session->state_change_us == rest->state_change_us;
}

/* The latest return to the queue of any session that has been used since. */
static int64_t latest_return_us(const struct leak_watch *watch,
                                const struct session **sessions, size_t len) {
  int64_t latest_us = 0;
  for (size_t i = 0; i < len; i++) {
    const struct leak_rest *rest = find_rest(watch, sessions[i]);
    if (rest != NULL && !rests_still(rest, sessions[i]) &&
        rest->state_change_us > latest_us) {
      latest_us = rest->state_change_us;
    }
  }
  return latest_us;
}

/* Overtaken once, a session may just have been handed out and not have sent
 * anything yet, or have come back in silence. Overtaken again, by one that
 * queued up limits->after_us later, it has been held at least that long. */
static struct leak_rest judge(const struct leak_rest *before,
                              const struct session *session, int64_t latest_us,
                              int64_t now_us,
                              const struct leak_limits *limits) {
  struct leak_rest rest = {
      .pid = session->pid,
      .backend_start_us = session->backend_start_us,
      .state_change_us = session->state_change_us,
  };
  if (before != NULL && rests_still(before, session)) {
    rest.overtaken_us = before->overtaken_us;
    rest.is_leaked = before->is_leaked;
    if (latest_us > rest.state_change_us) {
      if (rest.overtaken_us == 0) {
        rest.overtaken_us = now_us;
      }
      rest.is_leaked |= latest_us - rest.overtaken_us > limits->after_us;
    }
  }
  return rest;
}

static int find_overtaken(struct leak_watch *watch,
                          const struct session **sessions, size_t len,
                          int64_t now_us, const struct leak_limits *limits,
                          struct leak *leaks, size_t *leaks_len) {
  if (len == 0) {
    watch->rests_len = 0;
    return 0;
  }
  struct leak_rest *rests = calloc(len, sizeof(*rests));
  if (rests == NULL) {
    leak_watch_fini(watch);
    return -ENOMEM;
  }
  qsort(sessions, len, sizeof(struct session *), compare_pids);
  int64_t latest_us = latest_return_us(watch, sessions, len);
  size_t rests_len = 0;
  for (size_t i = 0; i < len; i++) {
    if (sessions[i]->state == SESSION_IDLE) {
      const struct leak_rest *before = find_rest(watch, sessions[i]);
      rests[rests_len] = judge(before, sessions[i], latest_us, now_us, limits);
      if (rests[rests_len].is_leaked) {
        add(leaks, leaks_len, sessions[i], LEAK_OVERTAKEN, now_us);
      }
      rests_len++;
    }
  }
  free(watch->rests);
  watch->rests = rests;
  watch->rests_len = rests_len;
  return 0;
}

/* ---- rule 3 ---- */

/* The oldest rest first. */
static int compare_rests(const void *a, const void *b) {
  const struct session *left = *(const struct session *const *)a;
  const struct session *right = *(const struct session *const *)b;
  return (left->state_change_us > right->state_change_us) -
         (left->state_change_us < right->state_change_us);
}

static bool is_found(const struct leak *leaks, size_t len,
                     const struct session *session) {
  for (size_t i = 0; i < len; i++) {
    if (leaks[i].session == session) {
      return true;
    }
  }
  return false;
}

/* How many are held is certain, which of them is not: the quietest are named.
 * What rule 2 has found is among the surplus already. */
static void find_surplus(const struct session **sessions, size_t len,
                         int64_t now_us, const struct leak_limits *limits,
                         size_t overtaken, struct leak *leaks,
                         size_t *leaks_len) {
  int64_t quiet = 0;
  for (size_t i = 0; i < len; i++) {
    quiet += sessions[i]->state == SESSION_IDLE &&
                     is_quiet(sessions[i], now_us, limits)
                 ? 1
                 : 0;
  }
  int64_t surplus = quiet - limits->kept - (int64_t)overtaken;
  if (surplus <= 0) {
    return;
  }
  qsort(sessions, len, sizeof(struct session *), compare_rests);
  for (size_t i = 0; i < len && surplus > 0; i++) {
    if (sessions[i]->state == SESSION_IDLE &&
        is_quiet(sessions[i], now_us, limits) &&
        !is_found(leaks, *leaks_len, sessions[i])) {
      add(leaks, leaks_len, sessions[i], LEAK_SURPLUS, now_us);
      surplus--;
    }
  }
}

int leak_find(struct leak_watch *watch, const struct session **sessions,
              size_t len, int64_t now_us, const struct leak_limits *limits,
              struct leak *leaks, size_t *ret_len) {
  int code = 0;
  *ret_len = 0;
  find_in_transaction(sessions, len, now_us, limits, leaks, ret_len);
  size_t in_transaction = *ret_len;
  if (limits->is_fifo) {
    code = find_overtaken(watch, sessions, len, now_us, limits, leaks, ret_len);
  }
  find_surplus(sessions, len, now_us, limits, *ret_len - in_transaction, leaks,
               ret_len);
  return code;
}
