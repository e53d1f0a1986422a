/* SPDX-License-Identifier: MIT */
/* action_call: one call of an action's driver, handed on to the clients that it
 * uses: its deadline, its cancellation and its journal. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"

/* What the errors of drivers, stores and clients mean, whatever the target is:
 *   -ETIMEDOUT     no answer in time; whether it was done is unknown
 *   -ECONNRESET    the connection ended before the answer; unknown as well
 *   -ECONNREFUSED  the target cannot be reached: its name, port or certificate
 *   -EPROTO, -EMSGSIZE  the answer makes no sense, or is too long
 *   -EACCES        not allowed: login, token, privilege, a server that is
 *                  read-only
 *   -ENOENT        gone: the target is not there
 *   -EBUSY         busy or not ready: it asks to come back later
 *   -EINVAL        ours to mend: it refuses the request itself
 *   -ENOTSUP       it cannot do this in its present state
 *   -EIO           it failed by itself
 *   -ECANCELED     collectd stops
 * Others are of this machine: its files and its memory. */

/* One call of a driver. A function that fails writes the reason into the call's
 * error. */
struct action_call {
  int64_t deadline_ms; /* monotonic */
  int cancel_fd;       /* becomes readable when collectd stops; -1: never */
  /* What the action must remember, for instance what it found before it changed
   * it: an object, changed by the driver, saved over a restart. */
  json_t *memory;
  bool is_refresh;     /* the last known state is already the desired one */
  int64_t replicas;    /* out: the present number; -1: it has none */
  int64_t again_in_ms; /* out: call set again after this time, on success or
                          with -EAGAIN; 0: no need */
  int64_t pause_ms;    /* out: the pause that the target has asked for */
  struct error *error; /* borrowed, never NULL */
  /* Saves the memory to the disk; called before a change. */
  void (*save)(void *context);
  /* Writes one line to the journal. fields: taken. */
  void (*note)(void *context, const char *step, json_t *fields);
  void *context;
};

/* Journals the response to a request that was journaled: {"error": null}, or
 * the text of the call's error when CODE is not 0. */
void action_call_note_response(const struct action_call *call, int code);

/* Waits until FD is ready for EVENTS, of poll(). Returns 0; -ETIMEDOUT at the
 * call's deadline; -ECANCELED when it is cancelled. PEER: for the error. */
int action_call_wait(const struct action_call *call, int fd, short events,
                     const char *peer);
