/* SPDX-License-Identifier: MIT */
/* scale_lease: the record that all agents on a workload share, in a Lease: when
 * one of them scaled last, and what they have added together. */
#pragma once

#include "resource_alert/actions/scale_target.h"
#include "resource_alert/actions/undo_book.h"

/* The Lease "resource-alert-NAME" as it is on the server. */
struct scale_lease {
  char version[64]; /* resourceVersion; "": there is none yet */
  char holder[256]; /* who scaled last */
  int64_t since_s;  /* of the cooldown, by the server's clock */
  int64_t duration_s;
  char owner[64]; /* uid of the object that the book is about; "": no book */
  struct undo_book book;
};

/* Reads it. Before the target: what is concluded from both is then written only
 * if no other agent has written meanwhile. Returns 0 or what
 * kubernetes_request() does. */
int scale_lease_read(const struct scale_target *target,
                     struct scale_lease *lease, struct action_call *call);

/* How many seconds of the cooldown are left; 0: it is over. */
int64_t scale_lease_left_s(const struct scale_lease *lease,
                           const struct scale_target *target);

/* Writes it, if no other agent has since it was read. Returns 0; -ESTALE; what
 * kubernetes_request() does. */
int scale_lease_write(const struct scale_target *target,
                      struct scale_lease *lease, struct action_call *call);

/* Checks the permission to write it. */
int scale_lease_check_permission(const struct scale_target *target,
                                 struct action_call *call);
