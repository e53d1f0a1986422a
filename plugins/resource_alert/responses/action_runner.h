/* SPDX-License-Identifier: MIT */
/* action_runner: runs one action through its driver: an attempt from its intent
 * to what is read back, or a self-test. */
#pragma once

#include <stdatomic.h>

#include "resource_alert/responses/response_report.h"

/* What all runners of a response share; borrowed, outlives them. */
struct action_runner_deps {
  const struct response_report *report;
  int stop_fd; /* readable once all is to end */
  int wake_fd; /* readable when something is due; ends a self-test */
  /* Saves the state of the response. is_on_disk: returns once the disk has
   * it. */
  void (*save)(void *context, bool is_on_disk);
  void *context;
};

/* One action. It belongs to the thread of the response, but for replicas. */
struct action_runner {
  const struct action_runner_deps *deps;
  const struct action_driver *driver;
  const struct action_options *options;  /* borrowed */
  struct action *action;                 /* owned */
  char name[RESPONSE_ACTION_NAME_BYTES]; /* "Switch limit_noncore_api" */
  const char *subject;                   /* within name: "limit_noncore_api" */
  json_t *memory; /* owned; an object of the driver's, see action_call */
  _Atomic int64_t replicas; /* counted last; -1: none */
  struct log_complaint complaint;
  enum action_outcome outcome;        /* of the last attempt that succeeded */
  char finding[ACTION_FINDING_BYTES]; /* what that found; "": nothing to say */
  char failure[256];   /* why the last attempt failed; "" where it did not */
  char self_test[256]; /* how the last self-test ended: "ok", the reason, or ""
                          before the first one */
};

/* Makes the action number INDEX of a response. all zero on entry; fini also
 * after a failure. Returns 0 or negative errno. */
int action_runner_init(struct action_runner *runner,
                       const struct action_runner_deps *deps,
                       const struct response_options *options, size_t index,
                       const struct action_deps *action_deps,
                       struct error *error);
void action_runner_fini(struct action_runner *runner);

/* One line in the journal about this action. fields: taken; may be NULL. */
void action_runner_journal(const struct action_runner *runner, const char *step,
                           json_t *fields);

/* Makes the attempt that was decided: saves and journals the intent, sets the
 * target, reads it back, journals and logs the outcome. In mode dry run it only
 * tests the target and pretends success. */
struct response_result
action_runner_attempt(struct action_runner *runner, enum action_mode mode,
                      const struct action_request *request, bool is_refresh);

/* Tests the target without effect; logs and notifies that it fails, and that it
 * works again. Returns 0, or -ECANCELED when something else is due. */
int action_runner_self_test(struct action_runner *runner);
