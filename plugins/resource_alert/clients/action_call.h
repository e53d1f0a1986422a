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
 *   -ESTALE        not as desired, or changed by another meanwhile
 *   -ENOTSUP       it cannot do this in its present state
 *   -EIO           it failed by itself
 *   -ECANCELED     collectd stops
 *   -EAGAIN        of a driver's set alone: a step is done, more are to follow
 * Others are of this machine: its files and its memory. An error while looking
 * says nothing about the target. */

/* What an attempt that returned 0 has found. */
enum action_outcome {
  ACTION_OUTCOME_NONE, /* nothing was said yet */
  ACTION_CONFIRMED,    /* the target was seen to be as desired */
  ACTION_UNCONFIRMED,  /* done, but the target cannot be read back */
  ACTION_LEFT_ALONE,   /* not changed: another's, or so on purpose */
  ACTION_GONE,         /* there is no target; an error while engaging */
};

#define ACTION_FINDING_BYTES 256

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
  enum action_outcome outcome;        /* out; action_call_set_outcome() */
  char finding[ACTION_FINDING_BYTES]; /* out: what was found, for people */
  struct error *error;                /* borrowed, never NULL */
  /* Saves the memory to the disk; called before a change. */
  void (*save)(void *context);
  /* Writes one line to the journal. fields: taken. */
  void (*note)(void *context, const char *step, json_t *fields);
  void *context;
};

/* Notes what the attempt has found, with one line of text for people: "is
 * suspended by admin". Control characters in it become spaces. After LEFT_ALONE
 * and GONE the target is not read back. Returns 0, so that it can end a driver:
 *   return action_call_set_outcome(call, ACTION_GONE, "there is no CronJob");
 */
int action_call_set_outcome(struct action_call *call,
                            enum action_outcome outcome, const char *format,
                            ...) __attribute__((format(printf, 3, 4)));

/* Journals the response to a request that was journaled: {"error": null}, or
 * the text of the call's error when CODE is not 0. */
void action_call_note_response(const struct action_call *call, int code);

/* Waits until FD is ready for EVENTS, of poll(). Returns 0; -ETIMEDOUT at the
 * call's deadline; -ECANCELED when it is cancelled. PEER: for the error. */
int action_call_wait(const struct action_call *call, int fd, short events,
                     const char *peer);
