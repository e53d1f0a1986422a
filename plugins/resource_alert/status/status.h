/* SPDX-License-Identifier: MIT */
/* status: the HTTP servers for status requests and control commands, and their
 * options. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/glob.h"
#include "core/log.h"
#include "core/option.h"
#include "resource_alert/status/health_values.h"
#include "resource_alert/status/http_listen.h"
#include "resource_alert/status/http_server.h"

/* ---- the options ---- */

enum status_unhealthy { /* the words of UnhealthyAt */
                        STATUS_UNHEALTHY_WARNING,
                        STATUS_UNHEALTHY_FAILURE,
                        STATUS_UNHEALTHY_NEVER,
};

/* A part of the plugin's outermost block. */
struct status_options {
  char *listen; /* "ADDRESS:PORT"; NULL: no HTTP */
  struct option_strings hosts;
  int unhealthy;        /* enum status_unhealthy */
  char *control_socket; /* NULL: none */
  char *control_group;  /* NULL: only the daemon's user */
  bool has_switches;
  char *token_file;            /* NULL: everybody may read */
  struct option_blocks health; /* struct health_options, one */
};

extern const char *const status_unhealthy_words[]; /* in status_api.c */

#define STATUS_LISTEN_HELP                                                     \
  "Address of the HTTP server. It serves C</health> (200 or 503, for a load "  \
  "balancer or a probe), C</status> (JSON) and C</> (a page for people). All " \
  "are read only and need no password. Use a loopback address, or a proxy "    \
  "that asks for a password. Without this option no port is opened."
#define STATUS_HOST_HELP                                                       \
  "Further name under which the HTTP server may be addressed, such as that "   \
  "of a proxy or of a Kubernetes Service; may contain C<*>, C<?> and C<[a-z]>" \
  ". May be given several times. A request is served if its C<Host> header "   \
  "is "                                                                        \
  "an IP address, C<localhost>, the name of this host in collectd or of the "  \
  "system, the first label of these names, or missing. Other requests get "    \
  "the "                                                                       \
  "status 421, because a web page could read the status from a visitor's "     \
  "browser (DNS rebinding)."
#define STATUS_UNHEALTHY_HELP                                                  \
  "C</health> returns 503 if the worst rule has this state or a worse one. "   \
  "C<never>: always 200. A rule whose series is missing counts as a warning."
#define STATUS_SOCKET_HELP                                                     \
  "Unix socket that serves the same, and also accepts the commands of "        \
  "L<resource-alertctl(1)>. Its mode is 0600."
#define STATUS_GROUP_HELP                                                      \
  "Members of this group may also use the B<ControlSocket>; its mode is then " \
  "0660."

#define STATUS_SWITCHES_HELP                                                   \
  "Serve the switches over HTTP: C</ofrep/v1/evaluate/flags> for any SDK of "  \
  "OpenFeature, and C</check/NAME> for nginx, cron and curl. See "             \
  "L</\"Switches "                                                             \
  "over HTTP\">."
#define STATUS_TOKEN_HELP                                                      \
  "File with a token. Requests that do not come from this machine must then "  \
  "have the header C<Authorization: Bearer TOKEN>, else the status is 401; "   \
  "C</health> and C</live> need none. Others must not be able to read the "    \
  "file. It is read when collectd starts."

/* The entries of the outermost table. outer: its struct's tag; member: its
 * field of struct status_options. */
#define STATUS_OPTION_ROWS(outer, member)                                      \
  {OPTION("StatusListen", STRING, struct outer, member.listen),                \
   .example = "\"127.0.0.1:9180\"", .check = http_listen_check_address,        \
   .help = STATUS_LISTEN_HELP},                                                \
      {OPTION("StatusHost", STRINGS, struct outer, member.hosts),              \
       .example = "\"status.example.org\"", .check = glob_check,               \
       .help = STATUS_HOST_HELP},                                              \
      {OPTION("UnhealthyAt", WORD, struct outer, member.unhealthy),            \
       .words = status_unhealthy_words, .default_text = "failure",             \
       .help = STATUS_UNHEALTHY_HELP},                                         \
      {OPTION("ControlSocket", STRING, struct outer, member.control_socket),   \
       .example = "\"/run/collectd/resource_alert.sock\"",                     \
       .check = http_listen_check_socket_path, .help = STATUS_SOCKET_HELP},    \
      {OPTION("StatusSwitches", BOOLEAN, struct outer, member.has_switches),   \
       .default_text = "false", .help = STATUS_SWITCHES_HELP},                 \
      {OPTION("StatusTokenFile", STRING, struct outer, member.token_file),     \
       .example = "\"/etc/collectd/status-token\"",                            \
       .check = option_check_absolute_path, .help = STATUS_TOKEN_HELP},        \
      {OPTION("Health", BLOCK, struct outer, member.health),                   \
       .block = &health_values_block},                                         \
  {                                                                            \
    OPTION("ControlGroup", STRING, struct outer, member.control_group),        \
        .example = "\"adm\"", .help = STATUS_GROUP_HELP                        \
  }

/* ---- the servers ---- */

#define STATUS_VERSION 1 /* of the JSON; additions do not change it */

struct engine;
struct journal;
struct responses;
struct silences;
struct snapshot;
struct snapshot_history;
struct status;
struct switch_readers;

/* All borrowed until status_stop() has returned. NULL: there is none. */
struct status_deps {
  const struct status_options *options;
  const char *host;
  int64_t started_ms;           /* since the epoch: when the daemon started */
  const char *mode;             /* of the plugin: "auto", "dryrun", "off" */
  const char *state_dir_holder; /* another daemon, so the mode is off */
  struct engine *engine;        /* the rules and their series */
  struct journal *journal;      /* commands are written there */
  struct responses *responses;  /* NULL: none */
  struct silences *silences;    /* never NULL */
  const char *marks_path;       /* of the file store; NULL: none */
  struct log_sink log;
  struct status *status; /* set by status_start(), as the next two */
  struct switch_readers *readers;
  struct health_values *health;
};

/* Listens where the options say and starts the threads. A socket that cannot
 * be opened is logged as an error, and the plugin works without it.
 * *ret: yours, status_stop(). Returns 0 or negative errno. */
int status_start(const struct status_deps *deps, struct status **ret,
                 struct error *error);

/* Keeps what /health shows. Any thread; waits for nothing. status may be
 * NULL. */
void status_take_reading(struct status *status, const struct reading *reading);

/* Ends the threads, removes the control socket. Accepts NULL. */
void status_stop(struct status *status);

/* As engine_report_problems(). status may be NULL. */
void status_report_problems(struct status *status, const struct log_sink *sink);

/* Handles a request as the servers do. is_writable: commands are accepted. Any
 * thread. */
void status_handle_request(struct status *status, bool is_writable,
                           const struct http_server_request *request,
                           struct http_server_reply *reply);

/* ---- what they reply ---- */

/* Handles a POST: a silence, a command to a response. Each one is written to
 * the journal. Returns false, with REPLY untouched, where there is no command
 * with this path. */
bool status_handle_command(const struct status_deps *deps,
                           const struct http_server_request *request,
                           struct http_server_reply *reply);

/* Sets {"healthy", "worst", "reasons", "problems", "values"}: 200, or 503 from
 * the state of UnhealthyAt on, or if a thread hangs. patterns: of the rules
 * that count, with commas; NULL: all; 400 where one matches no rule. */
void status_set_health(const struct status_deps *deps,
                       const struct snapshot *snapshot, const char *patterns,
                       struct http_server_reply *reply);

/* The whole status, as the manual describes it. Yours; NULL without memory. */
json_t *status_to_json(const struct status_deps *deps,
                       const struct snapshot *snapshot,
                       const struct snapshot_history *history);

/* The page for people: made from page/ by CMake. */
struct status_page {
  const unsigned char *text;
  size_t bytes;
};
extern const struct status_page status_page_en, status_page_zh;

/* True if a client with this Accept-Language (NULL: none) reads Chinese rather
 * than English. */
bool status_prefers_chinese(const char *languages);
