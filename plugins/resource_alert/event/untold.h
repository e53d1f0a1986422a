/* SPDX-License-Identifier: MIT */
/* untold: changes that were kept and are still to be told, oldest first, so
 * that a kill in between loses none of them. */
#ifndef RESOURCE_ALERT_EVENT_UNTOLD_H
#define RESOURCE_ALERT_EVENT_UNTOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* More than wait for a slow listener and a slow disk together; what comes on
 * top is not held here. */
#define UNTOLD_MAX 8192

/* Up to which change each of those who are told has heard of it. */
struct untold_marks {
  uint64_t notified;
  uint64_t journaled;
};

/* Raises each mark to that of OTHER. Returns false if none was lower. */
bool untold_marks_raise(struct untold_marks *marks,
                        const struct untold_marks *other);

/* All zero: none. One thread at a time. */
struct untold {
  struct untold_change *first, *last;
  size_t len;
};

/* One line of the state file; both must have heard of it. */
struct untold_change {
  struct untold_change *next;
  uint64_t number;
  char *line; /* owned */
};

/* Takes LINE, also where there is no room or no memory; NULL: nothing. */
void untold_put(struct untold *untold, uint64_t number, char *line);

/* Forgets what both have heard of. */
void untold_settle(struct untold *untold, const struct untold_marks *marks);

void untold_fini(struct untold *untold);

#endif
