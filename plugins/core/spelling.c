/* SPDX-License-Identifier: MIT */
/* spelling: which name was probably meant by one that is unknown. */
#include "core/spelling.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define NAME_MAX_LENGTH 48 /* a longer name is near to none */

/* Edits that turn A into B, letters' case aside (Levenshtein). */
static size_t edits_between(const char *a, const char *b) {
  size_t previous[NAME_MAX_LENGTH + 1];
  size_t current[NAME_MAX_LENGTH + 1];
  size_t a_length = strlen(a);
  size_t b_length = strlen(b);
  if (a_length > NAME_MAX_LENGTH || b_length > NAME_MAX_LENGTH) {
    return NAME_MAX_LENGTH;
  }
  for (size_t j = 0; j <= b_length; j++) {
    previous[j] = j;
  }
  for (size_t i = 1; i <= a_length; i++) {
    current[0] = i;
    for (size_t j = 1; j <= b_length; j++) {
      bool is_same =
          tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[j - 1]);
      size_t best = previous[j - 1] + (is_same ? 0 : 1);
      best = previous[j] + 1 < best ? previous[j] + 1 : best;
      current[j] = current[j - 1] + 1 < best ? current[j - 1] + 1 : best;
    }
    memcpy(previous, current, sizeof(previous));
  }
  return previous[b_length];
}

struct spelling spelling_of(const char *name) {
  return (struct spelling){
      .name = name, .fewest = 1 + strlen(name) / 3, /* more is another word */
  };
}

void spelling_offer(struct spelling *spelling, const char *candidate) {
  size_t edits = edits_between(spelling->name, candidate);
  if (edits <= spelling->fewest) {
    spelling->fewest = edits;
    spelling->nearest = candidate;
  }
}
