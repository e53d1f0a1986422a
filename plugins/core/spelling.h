/* SPDX-License-Identifier: MIT */
/* spelling: which name was probably meant by one that is unknown. */
#ifndef CORE_SPELLING_H
#define CORE_SPELLING_H

#include <stddef.h>

/* Candidates are offered one by one; all strings borrowed. */
struct spelling {
  const char *name;
  const char *nearest; /* NULL: none is near */
  size_t fewest;       /* edits */
};

struct spelling spelling_of(const char *name);

/* Takes CANDIDATE for the nearest if it is, letters' case aside. */
void spelling_offer(struct spelling *spelling, const char *candidate);

#endif
