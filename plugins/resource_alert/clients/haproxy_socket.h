/* SPDX-License-Identifier: MIT */
/* haproxy_socket: HAProxy's runtime API: commands, and the servers of a
 * backend. */
#pragma once

#include "core/error.h"
#include "resource_alert/clients/action_call.h"

#define HAPROXY_SOCKET_RESPONSE_BYTES 262144

struct haproxy_socket {
  const char *path;
  bool is_master; /* of the master process, which hands commands on to a worker;
                     found out by haproxy_socket_read_slots() */
};

/* The check of an option: a name as HAProxy allows it. */
int haproxy_socket_check_name(const char *value, struct error *error);

/* Sends one command, without its newline, made of checked words.
 * *ret_text: the response, yours, free(); NULL where only success matters: then
 * a text that reports no change is a failure, since HAProxy reports errors as
 * text. Returns 0; -ETIMEDOUT; -ECANCELED; -EACCES where the level of the
 * socket is too low; -ENOENT for a backend or server that is not there; -EIO;
 * another negative errno. */
int haproxy_socket_request(const struct haproxy_socket *haproxy,
                           const char *line, char **ret_text,
                           const struct action_call *call);

/* Checks, without effect, that servers may be changed through the socket.
 * Returns 0; -EACCES; or what haproxy_socket_request() does. */
int haproxy_socket_check_level(const struct haproxy_socket *haproxy,
                               const struct action_call *call);

#define HAPROXY_SOCKET_SLOTS_MAX 1024
#define HAPROXY_SOCKET_NAME_BYTES 128
#define HAPROXY_SOCKET_ADDRESS_BYTES 46 /* INET6_ADDRSTRLEN */

/* Writes the one form of an IPv4 or IPv6 address in which addresses are
 * compared. False if TEXT is none: there is no port, zone or name in it, so
 * that the form is safe in a command. */
bool haproxy_socket_format_address(const char *text,
                                   char address[HAPROXY_SOCKET_ADDRESS_BYTES]);

struct haproxy_socket_slot {
  char name[HAPROXY_SOCKET_NAME_BYTES];       /* "": cannot be in a command */
  char address[HAPROXY_SOCKET_ADDRESS_BYTES]; /* "": it has none */
  int64_t port;
  bool is_disabled; /* in the configuration, whatever it is now */
  bool is_out;      /* in maintenance */
  bool is_draining; /* gets no new sessions */
  int64_t sessions; /* that it serves now */
};

struct haproxy_socket_slots {
  size_t len;
  struct haproxy_socket_slot items[HAPROXY_SOCKET_SLOTS_MAX];
};

/* Reads them from HAProxy; what it does not show is not in them. backend: a
 * checked name. Returns 0 or what haproxy_socket_request() does; -EPROTO for a
 * response that cannot be parsed or is not whole. */
int haproxy_socket_read_slots(struct haproxy_socket_slots *slots,
                              struct haproxy_socket *haproxy,
                              const char *backend,
                              const struct action_call *call);

/* Parses the responses to "show servers state BACKEND" and "show servers conn
 * BACKEND", which it cuts up. Returns 0 or -EPROTO. */
int haproxy_socket_parse_slots(struct haproxy_socket_slots *slots, char *state,
                               char *sessions, struct error *error);
