/* SPDX-License-Identifier: MIT */
/* untold: changes that were kept and are still to be told, oldest first. */
#include "resource_alert/event/untold.h"

#include <stdlib.h>

static bool raise_mark(uint64_t *mark, uint64_t other) {
  bool is_higher = other > *mark;
  *mark = is_higher ? other : *mark;
  return is_higher;
}

bool untold_marks_raise(struct untold_marks *marks,
                        const struct untold_marks *other) {
  bool is_news = raise_mark(&marks->notified, other->notified);
  return raise_mark(&marks->journaled, other->journaled) || is_news;
}

void untold_put(struct untold *untold, uint64_t number, char *line) {
  struct untold_change *change =
      line != NULL && untold->len < UNTOLD_MAX ? malloc(sizeof(*change)) : NULL;
  if (change == NULL) {
    free(line);
    return;
  }
  *change = (struct untold_change){.number = number, .line = line};
  if (untold->last == NULL) {
    untold->first = change;
  } else {
    untold->last->next = change;
  }
  untold->last = change;
  untold->len++;
}

static void drop_first(struct untold *untold) {
  struct untold_change *change = untold->first;
  untold->first = change->next;
  untold->last = change->next == NULL ? NULL : untold->last;
  untold->len--;
  free(change->line);
  free(change);
}

void untold_settle(struct untold *untold, const struct untold_marks *marks) {
  uint64_t both =
      marks->notified < marks->journaled ? marks->notified : marks->journaled;
  while (untold->first != NULL && untold->first->number <= both) {
    drop_first(untold);
  }
}

void untold_fini(struct untold *untold) {
  while (untold->first != NULL) {
    drop_first(untold);
  }
}
