/* SPDX-License-Identifier: MIT */
/* fuzz_undo: any order of what we write of a number and what others write: we
 * take back at most what we have added, and never go below what was found. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "resource_alert/actions/undo_book.h"

#define NUMBERS 16
#define PAUSE_S 10

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool is) {
  if (!is) {
    abort();
  }
}

static void check_book(const struct undo_book *book) {
  require(book->found >= 0 && book->found <= book->from &&
          book->found <= book->to);
}

/* How a write of ours ends. */
enum { SEEN, REFUSED, KILLED_BEFORE, KILLED_AFTER };

/* Returns what stands afterwards. */
static int64_t write_number(struct undo_book *book, int64_t value, int64_t to,
                            int end) {
  undo_book_begin_write(book, to);
  check_book(book);
  if (end == SEEN) {
    undo_book_end_write(book);
  } else if (end == REFUSED) {
    undo_book_cancel_write(book);
  }
  return end == SEEN || end == KILLED_AFTER ? to : value;
}

static int64_t release(struct undo_book *book, int64_t value, int64_t added,
                       int end) {
  int64_t step = 1 + added % 3;
  int64_t next = undo_book_plan_release(book, added, step);
  require(next <= value && next >= value - step && next >= value - added &&
          next >= book->found);
  return next == value ? value : write_number(book, value, next, end);
}

static void add_revert(struct undo_reverts *reverts, int64_t now_s) {
  undo_book_add_revert(reverts, PAUSE_S, now_s);
  require(reverts->until_s >= now_s &&
          reverts->until_s <= now_s + UNDO_PAUSE_MAX_S);
}

/* Each byte is what is done (2 bits), how it ends (2 bits), a number. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  int64_t value = size == 0 ? 0 : data[0] % NUMBERS;
  struct undo_book book = undo_book_begin(value);
  struct undo_reverts reverts = {0};
  for (size_t i = 1; i < size; i++) {
    int64_t number = data[i] >> 4;
    int end = (data[i] >> 2) & 3;
    switch (data[i] & 3) {
    case 0:
      value = write_number(&book, value, value + number, end);
      break;
    case 1: /* somebody else writes */
      value = number;
      break;
    case 2:
      add_revert(&reverts, number);
      break;
    default:
      value = release(&book, value, number, end);
      break;
    }
    (void)undo_book_observe(&book, value);
    check_book(&book);
    require(book.to == value);
  }
  return 0;
}
