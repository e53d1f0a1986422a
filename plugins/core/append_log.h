/* SPDX-License-Identifier: MIT */
/* append_log: a file of JSON lines that keeps a state over a restart.
 *
 * The owner appends a line for each change; the last line about a thing counts.
 * A thread does all disk I/O, since a sync takes 4 to 30 ms on ext4 and any
 * call may hang on a failing disk. It writes a line at once, so that it
 * outlives a kill -9 some microseconds later, and syncs once a second, so that
 * it outlives the machine. When the file has grown, was removed or replaced, or
 * when something could not be written, the owner rewrites it:
 *
 *   if (append_log_wants_rewrite(log) && append_log_rewrite_begin(log)) {
 *     for each thing: append_log_rewrite_add(log, line);
 *     append_log_rewrite_end(log);
 *   }
 *
 * The owner checks this after each append and every few seconds, because only a
 * rewrite recovers from a failed write. The thread puts the new file in the
 * place of the old one. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "core/error.h"
#include "core/log.h"

struct append_log;

/* path is copied; what and consequence are borrowed until the end. */
struct append_log_options {
  const char *path;        /* NULL: nothing is kept, all calls do nothing */
  const char *what;        /* begins each log line: "alert states" */
  const char *consequence; /* of a file that cannot be written, in the log */
  const char *format;      /* with the version it makes the first line: */
  int version;             /*   {"format":FORMAT,"version":VERSION} */
  struct log_sink log;
};

/* Hands each line of the file but the first to TAKE, oldest first, makes the
 * directory (0750) and the file (0640) where they are not there, and starts the
 * thread. TAKE borrows the line, and returns 0, -EINVAL for an invalid line, or
 * another negative errno, which ends the loading and is returned.
 *
 * Invalid content is logged and never prevents the start:
 *   a line: copied to PATH.bad; all other lines count;
 *   a last line without its end, as a kill leaves it, or NULs, as a crash of
 *     the machine leaves them: ignored, not logged;
 *   another first line, a file of another user, or no regular file: all of it
 *     is moved to PATH.bad, and nothing is loaded.
 * A file that is there and cannot be read (EIO, EACCES) is not changed: this is
 * logged, and nothing is written to it until the next start.
 *
 * *ret_log: yours, append_log_close(). Returns 0, -ENOMEM, -EAGAIN (no thread),
 * or what TAKE returned; a file that cannot be written is not a failure: it is
 * logged hourly and tried again, and its recovery is logged. */
int append_log_open(const struct append_log_options *options,
                    int (*take)(void *context, const json_t *line),
                    void *context, struct append_log **ret_log,
                    struct error *error);

/* Queues LINE, an object (borrowed; NULL when memory was short), for the
 * thread. At most 16 MiB wait for a disk that hangs; further lines are dropped,
 * and a rewrite makes up for them. Any thread; the lines about one thing must
 * come in order. */
void append_log_append(struct append_log *log, const json_t *line);

/* True if the file should be rewritten now: it has more than doubled and grown
 * by 1 MiB, it had invalid lines, or a write has failed; in that case not
 * before a pause of 1 s and of ten times what the last rewrite took the owner.
 * Any thread. */
bool append_log_wants_rewrite(struct append_log *log);

/* A rewrite: the owner adds what counts now. begin returns false while another
 * one is under way. Lines that are appended after begin, by any thread, count
 * after those that are added. One thread from begin to end; waits for no disk.
 */
bool append_log_rewrite_begin(struct append_log *log);
void append_log_rewrite_add(struct append_log *log, const json_t *line);
void append_log_rewrite_end(struct append_log *log);

/* Waits at most WAIT_MS until all that was appended and added before is on the
 * disk. Returns false if it is not, or if a write has failed and was not made
 * up for. Holds up no append. Any thread. */
bool append_log_sync(struct append_log *log, int wait_ms);

/* False while changes are not saved: the file cannot be read or written, or the
 * disk has not responded for 5 s. True without a path. Any thread. */
bool append_log_is_saving(struct append_log *log);

/* Syncs everything to the disk and ends the thread. Waits at most 1 s for a
 * disk that hangs, not at all if it has hung for longer; then abandons the
 * thread, which frees everything when it ends, and logs this. Accepts NULL. */
void append_log_close(struct append_log *log);
