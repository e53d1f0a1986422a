/* SPDX-License-Identifier: MIT */
/* haproxy_socket: HAProxy's runtime API: commands, and the servers of a
 * backend. */
#pragma once

#include "core/error.h"
#include "resource_alert/clients/action_call.h"

#define HAPROXY_SOCKET_RESPONSE_BYTES 262144

/* Sends one command, without its newline, made of checked words.
 * *ret_text: the response, yours, free(); NULL where only success matters: then
 * a response that is not empty is a failure, since HAProxy reports errors as
 * text. Returns 0; -ETIMEDOUT; -ECANCELED; -EIO; another negative errno. */
int haproxy_socket_request(const char *socket_path, const char *line,
                           char **ret_text, const struct action_call *call);

#define HAPROXY_SOCKET_SLOTS_MAX 1024
#define HAPROXY_SOCKET_NAME_BYTES 64

struct haproxy_socket_slot {
  char name[HAPROXY_SOCKET_NAME_BYTES];
  char address[HAPROXY_SOCKET_NAME_BYTES];
  bool is_out;        /* in maintenance: free */
  bool is_draining;   /* gets no new sessions */
  int64_t sessions;   /* that it serves now */
  int64_t draining_s; /* since when it drains: set by the caller, kept over a
                         read */
};

struct haproxy_socket_slots {
  size_t len;
  struct haproxy_socket_slot items[HAPROXY_SOCKET_SLOTS_MAX];
};

/* Reads them from HAProxy. backend: a checked name. Returns 0 or what
 * haproxy_socket_request() does; -EPROTO for a response that cannot be parsed.
 */
int haproxy_socket_read_slots(struct haproxy_socket_slots *slots,
                              const char *socket_path, const char *backend,
                              const struct action_call *call);

/* Parses the responses to "show servers state BACKEND" and "show servers conn
 * BACKEND", which it cuts up. Returns 0 or -EPROTO. */
int haproxy_socket_parse_slots(struct haproxy_socket_slots *slots, char *state,
                               char *sessions, struct error *error);
