/* SPDX-License-Identifier: MIT */
/* undo_book: what a release may take back of a number that others write, too,
 * and how often we write what others take back. Pure. */
#pragma once

#include "resource_alert/clients/action_call.h"

/* What is known of one number. 0 <= found <= from, to. */
struct undo_book {
  int64_t found; /* what would stand without us, as far as that was seen */
  int64_t from;  /* what stood before our last write */
  int64_t to;    /* what that writes; equal to from: its end was seen */
};

enum undo_seen {
  UNDO_AS_LEFT,    /* our last write stands */
  UNDO_NOT_DONE,   /* a write whose end was not seen has not been done */
  UNDO_CHANGED,    /* somebody else has written the number */
  UNDO_TAKEN_BACK, /* the same, and it is less than what we had left */
};

/* VALUE is the first number that is seen of a target. */
struct undo_book undo_book_begin(int64_t value);

/* VALUE stands now. A number that somebody else has written counts as found:
 * nothing of it is ours to take back. */
enum undo_seen undo_book_observe(struct undo_book *book, int64_t value);

/* A write begins, from the number observed last; it was seen to be done, or to
 * be refused. */
void undo_book_begin_write(struct undo_book *book, int64_t to);
void undo_book_end_write(struct undo_book *book);
void undo_book_cancel_write(struct undo_book *book);

/* What a release writes next: at most STEP less, of which ADDED is the most
 * that is ours. The number observed last where there is nothing to take
 * back. */
int64_t undo_book_plan_release(const struct undo_book *book, int64_t added,
                               int64_t step);

/* How often in succession somebody else has taken a write of ours back. The
 * pause before the next write doubles with each time; after the last one we do
 * not write any more. */
#define UNDO_REVERTS_MAX 5
#define UNDO_PAUSE_MAX_S 3600

struct undo_reverts {
  int64_t count;
  int64_t until_s; /* no write before this time, since the epoch */
};

/* One more, seen at now_s. pause_s: the second pause; the first one is 0. */
void undo_book_add_revert(struct undo_reverts *reverts, int64_t pause_s,
                          int64_t now_s);

/* Returns true if there is to be no write now: the outcome of the call is then
 * LEFT_ALONE, and its again_in_ms the pause. what: as it is, "replicas is 6".
 */
bool undo_book_forbid_write(const struct undo_reverts *reverts, int64_t now_s,
                            const char *what, struct action_call *call);

/* In an action's memory, which is kept over a restart. */
struct undo_reverts undo_book_get_reverts(const json_t *memory);
void undo_book_set_reverts(const struct undo_reverts *reverts, json_t *memory);
