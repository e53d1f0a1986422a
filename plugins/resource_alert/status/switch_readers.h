/* SPDX-License-Identifier: MIT */
/* switch_readers: which applications read the switches, and when they did last.
 *
 * A reader over HTTP is noted when it asks. A reader of the file store leaves a
 * mark in PATH/.readers, a directory that every user can write to; a thread
 * looks there every 5 s. The newest 256 pairs of reader and switch are kept. */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "core/error.h"

struct switch_readers;

/* path: of the file store, NULL: none; copied. The directory of the marks is
 * made there. *ret: yours, switch_readers_free(). Returns 0 or negative
 * errno. */
int switch_readers_new(const char *path, struct switch_readers **ret,
                       struct error *error);

/* Ends the thread; one that hangs on its disk is left behind. Accepts NULL. */
void switch_readers_free(struct switch_readers *readers);

/* READER, any text, has asked for the switch NAME, "" for all of them, at at_s
 * since the epoch. Any thread. readers may be NULL. */
void switch_readers_note(struct switch_readers *readers, const char *reader,
                         const char *name, int64_t at_s);

/* The readers of a switch within the hour before now_s: an array of {"reader",
 * "seen": epoch}. Yours, json_decref(). Any thread. readers may be NULL. */
json_t *switch_readers_to_json(struct switch_readers *readers, const char *name,
                               int64_t now_s);
