/* SPDX-License-Identifier: MIT */
/* worker_parts: what the files of the worker share among themselves. */
#ifndef RESOURCE_ALERT_RESPONSES_WORKER_PARTS_H
#define RESOURCE_ALERT_RESPONSES_WORKER_PARTS_H

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>

#include "core/log.h"
#include "resource_alert/responses/response.h"
#include "resource_alert/responses/response_worker.h"
#include "resource_alert/responses/trigger.h"

#define WORKER_ACTION_NAME_BYTES 192
#define WORKER_NEXT_BYTES (WORKER_ACTION_NAME_BYTES + 16)

/* One action of the response; it belongs to the thread, but for replicas. */
struct worker_action {
  const struct action_driver *driver;
  const struct action_options *options; /* borrowed */
  void *action;
  char name[WORKER_ACTION_NAME_BYTES]; /* "Switch limit_noncore_api" */
  enum action_mode mode;               /* the strictest of the three */
  json_t *memory;                      /* an object of the driver's */
  enum task_state kept;     /* what really is, whatever a dry run pretends */
  _Atomic int64_t replicas; /* that it has counted last; -1: none */
  const char *about;        /* the name behind the kind, within name */
  struct complaint complaint;
  char failure[256]; /* why the last try failed; "" where it did not */
  char drill[256];   /* how the last drill ended: "ok", why not, or "" */
};

struct worker {
  const struct worker_deps *shared;
  const struct response_options *options; /* borrowed */
  struct switch_stores *stores;
  struct action_deps action_deps;
  pthread_t thread;
  bool has_thread;
  int wake_fd;
  atomic_size_t level;
  atomic_uint_least64_t done;
  atomic_uint_least64_t failed;
  atomic_uint_least64_t held_back;
  atomic_uint orders; /* a bit for each enum responses_order that waits */
  pthread_mutex_t snapshot_lock;
  /* The next three are under this lock. */
  json_t *snapshot;
  char next[WORKER_NEXT_BYTES]; /* what comes next, in words */
  int64_t next_ms;              /* when; RESPONSE_NEVER: at no time known */
  /* The rest belongs to the thread. */
  int mode_order; /* enum action_mode that a person has set; -1: none */
  struct response response;
  struct trigger trigger;
  struct worker_action *actions;
  size_t actions_len;
  int64_t engaged_s;   /* since the epoch; 0: not engaged */
  bool is_notice_due;  /* the state has changed and nobody was told yet */
  bool is_held_back;   /* said already */
  int64_t drill_ms;    /* when the next drill is; RESPONSE_NEVER: none */
  int64_t observe_ms;  /* when to look whether it helped */
  double value_before; /* of the cause, when the last action was engaged */
};

/* One call of a driver, and where its notes go. */
struct act {
  struct worker *worker;
  struct worker_action *action;
};

/* The call, with its deadline from now on. act: borrowed for the call. */
struct action_call worker_make_call(struct act *act);

/* One line in the journal. fields: taken; may be NULL. */
void worker_journal(const struct act *act, const char *step, json_t *fields);

/* Brings one action to its request, as far as it may. */
void worker_act(struct worker *worker, size_t task);

/* Writes the name of the file whose removal frees the rate_limiter. Returns
 * false where there is no place for it. */
bool worker_latch_path(const struct worker *worker, char path[PATH_MAX]);

/* Undoes all at once, told as any other change of state. */
void worker_dismiss(struct worker *worker);

/* Rehearses all actions and says what would fail. Returns false if a rule
 * changed meanwhile: then it was not ended. */
bool worker_drill(struct worker *worker);

/* What a worker does by the clock besides its acts: drills, and looking whether
 * what was engaged helped. */
void worker_clock_init(struct worker *worker, int64_t now_ms);
void worker_clock_engaged(struct worker *worker, int64_t now_ms);
int64_t worker_clock_wake_ms(const struct worker *worker);
bool worker_clock_work(struct worker *worker, int64_t now_ms);

/* 32 random bits, for jitter. */
uint32_t worker_random(void);

/* The value of a rule now, NaN where it is not known. */
double worker_rule_value(const struct worker *worker,
                         const struct trigger_rule *rule);

/* Tells collectd's listeners, which may take their time. */
void worker_notify(struct worker *worker, enum notification_severity severity,
                   const char *message);

/* Does what a person has ordered meanwhile. */
void worker_obey(struct worker *worker);

/* Gives each action its mode; where that changes, what was only pretended is
 * forgotten. */
void worker_set_modes(struct worker *worker);

/* Makes a new snapshot of what is now. */
void worker_publish(struct worker *worker);

/* Takes up what the state file says. */
void worker_restore(struct worker *worker, int64_t now_ms, int64_t now_s);

/* Keeps what is now over a restart. */
void worker_keep(struct worker *worker);

#endif
