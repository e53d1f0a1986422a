/* SPDX-License-Identifier: MIT */
/* scale_record: what was added to a workload, by us and by other agents, and
 * what somebody else has changed since. */
#pragma once

#include "resource_alert/actions/action.h"
#include "resource_alert/actions/scale_target.h"
#include "resource_alert/actions/undo_book.h"

/* One workload; the strings are borrowed. */
struct scale_record {
  struct scale_target target;
  const char *owner; /* who we are, for the Lease */
  int64_t cooldown_s;
  bool has_claim; /* for a write that has not succeeded yet */
};

/* The Lease "resource-alert-NAME" as it is on the server: the record that
 * all agents share. */
struct scale_lease {
  char version[64]; /* resourceVersion; "": there is none yet */
  char holder[256]; /* who scaled last */
  int64_t since_s;  /* of the cooldown, by the server's clock */
  int64_t duration_s;
  char owner[64]; /* uid of the object that the book is about; "": no book */
  struct undo_book book;
};

/* What one look has shown. */
struct scale_look {
  struct scale_lease lease;
  struct scale_now now;
  bool is_lost;    /* what we had changed belongs to another object */
  bool is_changed; /* somebody else has set the number since */
};

/* Looks at the workload and at what was left. What this concludes is written
 * into the Lease. Returns 0; -ENOENT when there is no workload; -ESTALE;
 * -EAGAIN with again_in_ms while another agent writes; what
 * kubernetes_request() does.
 */
int scale_record_look(struct scale_record *record, struct scale_look *look,
                      const struct action_request *request,
                      struct action_call *call);

/* Returns 0 if no agent has scaled within the cooldown, or -EAGAIN with
 * again_in_ms. */
int scale_record_check_cooldown(const struct scale_record *record,
                                const struct scale_look *look,
                                struct action_call *call);

/* Writes VALUE, and to the disk and into the Lease first that it is written.
 * Returns 0; -ESTALE; what scale_target_write() does. */
int scale_record_write(struct scale_record *record, struct scale_look *look,
                       int64_t value, struct action_call *call);

/* Tests all that a step asks for, without effect. */
int scale_record_self_test(struct scale_record *record,
                           struct action_call *call);

/* Between two steps. */
int64_t scale_record_pause_s(const struct scale_record *record);

/* A number in the memory of the action; 0 where it is absent. */
int64_t scale_record_get(const struct action_call *call, const char *key);
void scale_record_set(struct action_call *call, const char *key, int64_t value);
