/* SPDX-License-Identifier: MIT */
/* response_state_file: keeps over a restart what each response has engaged.
 *
 * StateDir/responses.jsonl, an append_log; a line is
 *   {"response": NAME, "state": "ENGAGED", "since": EPOCH,
 *    "rules": ["pool_used"], "acted": [EPOCH], "tripped": false,
 *    "mode": "auto" or null,
 *    "actions": {"Switch x in file": {"on": true, "memory": {}}}}
 * "rules" are those in breach; "acted" are the actions of the last hour that
 * the rate limit counts; "on" is null for an attempt that had begun but not
 * ended. */
#pragma once

#include "core/error.h"
#include "core/log.h"
#include "resource_alert/responses/action_runner.h"

struct response_state_file;

/* What is saved of a response besides its own struct and its runners. */
struct response_saved {
  enum response_state state;
  int64_t engaged_s; /* since the epoch; 0: not engaged yet */
  int mode;          /* enum action_mode that a person has set; -1: none */
};

/* Reads the file, as append_log_open() does. path: copied; NULL: nothing is
 * kept. log: copied. Returns 0, -ENOMEM or -EAGAIN (no thread). */
int response_state_file_open(const char *path, const struct log_sink *log,
                             struct response_state_file **ret,
                             struct error *error);

/* As append_log_close(). Accepts NULL. */
void response_state_file_close(struct response_state_file *file);

/* Fills in what was saved of response NAME: which of its rules were in breach,
 * what its rate limit has counted and whether it is tripped, the real_state of
 * its actions and the memory of their RUNNERS (as many; NULL if there are
 * none); *ret_saved: the rest. An action that was on and is not configured any
 * more is logged. Returns false, and changes nothing, where nothing was saved.
 */
bool response_state_file_apply(struct response_state_file *file,
                               const char *name, struct response *response,
                               struct action_runner *runners,
                               struct response_saved *ret_saved);

/* Saves it, with what the actions remember as it was saved last: with the
 * kernel at once, on the disk about a second later; waits for neither. The
 * state is that of RESPONSE, not of SAVED. Any thread, one for each name. */
void response_state_file_save(struct response_state_file *file,
                              const char *name, const struct response *response,
                              const struct action_runner *runners,
                              const struct response_saved *saved);

/* Saves what one action of response NAME remembers, where it has changed. KEY:
 * of its runner. memory: copied. As response_state_file_save(), but from the
 * action's thread. */
void response_state_file_save_memory(struct response_state_file *file,
                                     const char *name, const char *key,
                                     const json_t *memory);

/* Waits, for 0.3 s at most, until all that was saved before is on the disk. Any
 * thread; holds up no other one. */
void response_state_file_sync(struct response_state_file *file);

/* As append_log_is_saving(). Any thread. */
bool response_state_file_is_saving(const struct response_state_file *file);

/* Rewrites the file after a failed write; to be called every few seconds. Any
 * thread; waits for no disk. */
void response_state_file_rewrite_if_due(struct response_state_file *file);
