/* SPDX-License-Identifier: MIT */
/* undo_book: what a release may take back of a number that others write, too.
 *
 * Others write absolute numbers: a deploy, an operator and a person with
 * kubectl all say how many there should be. So the last number of somebody else
 * is what would stand without us, whether it is above or below ours. A number
 * that is written while it stands already changes nothing and is not seen. */
#include "resource_alert/actions/undo_book.h"

#include <inttypes.h>

struct undo_book undo_book_begin(int64_t value) {
  return (struct undo_book){.found = value, .from = value, .to = value};
}

enum undo_seen undo_book_observe(struct undo_book *book, int64_t value) {
  enum undo_seen seen = UNDO_AS_LEFT;
  if (value == book->to) {
    book->from = value;
  } else if (value == book->from) {
    seen = UNDO_NOT_DONE;
    book->to = value;
  } else {
    /* Of a write whose end was not seen nobody knows whether it stood. */
    int64_t left = book->from < book->to ? book->from : book->to;
    seen = left > book->found && value < left ? UNDO_TAKEN_BACK : UNDO_CHANGED;
    *book = undo_book_begin(value);
  }
  return seen;
}

void undo_book_begin_write(struct undo_book *book, int64_t to) {
  book->from = book->to;
  book->to = to;
}

void undo_book_end_write(struct undo_book *book) { book->from = book->to; }

void undo_book_cancel_write(struct undo_book *book) { book->to = book->from; }

int64_t undo_book_plan_release(const struct undo_book *book, int64_t added,
                               int64_t step) {
  int64_t less = book->to - book->found;
  less = added < less ? added : less;
  less = step < less ? step : less;
  return less > 0 ? book->to - less : book->to;
}

void undo_book_add_revert(struct undo_reverts *reverts, int64_t pause_s,
                          int64_t now_s) {
  reverts->count++;
  /* Once is a deploy, which does not come again. */
  int64_t wait_s = reverts->count < 2 ? 0 : pause_s;
  for (int64_t i = 2; i < reverts->count && wait_s < UNDO_PAUSE_MAX_S; i++) {
    wait_s *= 2;
  }
  reverts->until_s =
      now_s + (wait_s < UNDO_PAUSE_MAX_S ? wait_s : UNDO_PAUSE_MAX_S);
}

bool undo_book_forbid_write(const struct undo_reverts *reverts, int64_t now_s,
                            const char *what, struct action_call *call) {
  int64_t wait_s = reverts->until_s - now_s;
  if (reverts->count >= UNDO_REVERTS_MAX) {
    call->again_in_ms = 0;
    (void)action_call_set_outcome(
        call, ACTION_LEFT_ALONE,
        "%s: something else has set it back %" PRId64
        " times; no further attempt before the next engagement",
        what, reverts->count);
    return true;
  }
  /* A clock that was set back must not make the pause longer. */
  if (wait_s <= 0 || wait_s > UNDO_PAUSE_MAX_S) {
    return false;
  }
  call->again_in_ms = wait_s * 1000;
  (void)action_call_set_outcome(call, ACTION_LEFT_ALONE,
                                "%s: something else has set it back %" PRId64
                                " times; next attempt in %" PRId64 " s",
                                what, reverts->count, wait_s);
  return true;
}

/* A time before the epoch is none: a state file may hold anything. */
struct undo_reverts undo_book_get_reverts(const json_t *memory) {
  json_int_t count = json_integer_value(json_object_get(memory, "reverts"));
  json_int_t until_s = json_integer_value(json_object_get(memory, "until"));
  return (struct undo_reverts){.count = count < 0 ? 0
                                        : count > UNDO_REVERTS_MAX
                                            ? UNDO_REVERTS_MAX
                                            : count,
                               .until_s = until_s < 0 ? 0 : until_s};
}

void undo_book_set_reverts(const struct undo_reverts *reverts, json_t *memory) {
  (void)json_object_set_new(memory, "reverts", json_integer(reverts->count));
  (void)json_object_set_new(memory, "until", json_integer(reverts->until_s));
}
