/* SPDX-License-Identifier: MIT */
/* status_options: where the plugin answers questions and takes orders. */
#ifndef RESOURCE_ALERT_STATUS_STATUS_OPTIONS_H
#define RESOURCE_ALERT_STATUS_STATUS_OPTIONS_H

#include "core/option.h"

enum status_unhealthy { /* the words of UnhealthyAt */
                        STATUS_UNHEALTHY_WARNING,
                        STATUS_UNHEALTHY_FAILURE,
                        STATUS_UNHEALTHY_NEVER,
};

/* A part of the plugin's outermost block. */
struct status_options {
  char *listen;         /* "ADDRESS:PORT"; NULL: no HTTP */
  int unhealthy;        /* enum status_unhealthy */
  char *control_socket; /* NULL: none */
  char *control_group;  /* NULL: only the daemon's user */
};

extern const char *const status_unhealthy_words[];

/* Refuses what is not ADDRESS:PORT or [ADDRESS]:PORT. */
int status_check_listen(const char *value, struct error *error);

/* Refuses a path that is not absolute or too long for a unix socket. */
int status_check_socket(const char *value, struct error *error);

#define STATUS_LISTEN_HELP                                                     \
  "Where to answer HTTP: C</health> (200 or 503, for a load balancer or a "    \
  "probe), C</status> (all of it as JSON) and C</> (a page for people). Read " \
  "only. It has no password: keep it on a loopback address, or behind "        \
  "something that asks for one. Without this option nothing listens."
#define STATUS_UNHEALTHY_HELP                                                  \
  "From which state of the worst rule on C</health> answers 503: C<failure>, " \
  "C<warning> or C<never>. A rule that is missing its series counts as a "     \
  "warning."
#define STATUS_SOCKET_HELP                                                     \
  "A unix socket with the same answers, that also takes the orders of "        \
  "L<resource-alertctl(1)>: silences, modes, releases, drills. Mode 0600."
#define STATUS_GROUP_HELP                                                      \
  "Members of this group may use the B<ControlSocket>, too; its mode is then " \
  "0660."

/* The rules of the outermost table. outer: its struct's tag; member: its field
 * of struct status_options. */
#define STATUS_OPTION_ROWS(outer, member)                                      \
  {.name = "StatusListen",                                                     \
   .kind = OPTION_STRING,                                                      \
   .offset = offsetof(struct outer, member.listen),                            \
   .example = "\"127.0.0.1:9180\"",                                            \
   .check = status_check_listen,                                               \
   .help = STATUS_LISTEN_HELP},                                                \
      {.name = "UnhealthyAt",                                                  \
       .kind = OPTION_WORD,                                                    \
       .offset = offsetof(struct outer, member.unhealthy),                     \
       .words = status_unhealthy_words,                                        \
       .default_text = "failure",                                              \
       .help = STATUS_UNHEALTHY_HELP},                                         \
      {.name = "ControlSocket",                                                \
       .kind = OPTION_STRING,                                                  \
       .offset = offsetof(struct outer, member.control_socket),                \
       .example = "\"/run/collectd/resource_alert.sock\"",                     \
       .check = status_check_socket,                                           \
       .help = STATUS_SOCKET_HELP},                                            \
  {                                                                            \
    .name = "ControlGroup", .kind = OPTION_STRING,                             \
    .offset = offsetof(struct outer, member.control_group),                    \
    .example = "\"adm\"", .help = STATUS_GROUP_HELP                            \
  }

#endif
