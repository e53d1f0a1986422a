/* SPDX-License-Identifier: MIT */
/* state_dir: the StateDir of one daemon: its lock, and the identity that marks
 * what its responses have changed. Both are in StateDir/identity:
 *   32 hexadecimal digits, made once
 *   HOST, process PID: of the daemon that holds the lock, or held it last */
#pragma once

#include "core/log.h"

#define STATE_DIR_IDENTITY_BYTES 33 /* with a NUL */

struct state_dir;

/* Makes the directory (0750) and the file (0640) where they are missing, and
 * locks the file until state_dir_close(). Does disk I/O. What fails is logged,
 * with what follows from it, and is not a failure of the start.
 * path, host, log: borrowed for the call; path NULL: there is no StateDir.
 * Returns yours, state_dir_close(); NULL for no StateDir or memory. */
struct state_dir *state_dir_open(const char *path, const char *host,
                                 const struct log_sink *log);

/* Has a thread look whether the file is still there, and make it again. Never
 * waits. To be called every few seconds. Accepts NULL. */
void state_dir_request_check(struct state_dir *dir);

/* Frees the lock; waits for a disk that hangs for 1 s. Accepts NULL. */
void state_dir_close(struct state_dir *dir);

/* NULL if there is none: no StateDir, or one that cannot be used. */
const char *state_dir_identity(const struct state_dir *dir);

/* What other daemon holds the lock, for people; NULL: none does. Then this
 * daemon must not act and must not write to the directory. */
const char *state_dir_holder(const struct state_dir *dir);
