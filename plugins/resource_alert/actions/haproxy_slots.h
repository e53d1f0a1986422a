/* SPDX-License-Identifier: MIT */
/* haproxy_slots: the servers of a backend as HAProxy shows them. */
#ifndef RESOURCE_ALERT_ACTIONS_HAPROXY_SLOTS_H
#define RESOURCE_ALERT_ACTIONS_HAPROXY_SLOTS_H

#include "resource_alert/actions/action.h"

#define HAPROXY_SLOTS_MAX 1024
#define HAPROXY_NAME_BYTES 64

struct haproxy_slot {
  char name[HAPROXY_NAME_BYTES];
  char address[HAPROXY_NAME_BYTES];
  bool is_out;        /* in maintenance: free */
  bool is_draining;   /* gets no new sessions */
  int64_t sessions;   /* that it serves now */
  int64_t draining_s; /* since when, by whoever drains; kept over a read */
};

struct haproxy_slots {
  size_t len;
  struct haproxy_slot items[HAPROXY_SLOTS_MAX];
};

/* Asks HAProxy. backend: a checked name. Returns 0 or what haproxy_ask() does;
 * -EPROTO for an answer that makes no sense. */
int haproxy_slots_read(struct haproxy_slots *slots, const char *socket_path,
                       const char *backend, const struct action_call *call,
                       struct error *error);

/* Takes the two answers that it is made of: of "show servers state BACKEND" and
 * of "show servers conn BACKEND", cut up by it. Returns 0 or -EPROTO. */
int haproxy_slots_parse(struct haproxy_slots *slots, char *state,
                        char *sessions, struct error *error);

#endif
