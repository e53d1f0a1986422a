/* SPDX-License-Identifier: MIT */
/* draw: random numbers for tests of properties. SEED repeats a run. */
#pragma once

#include "unit.h"

#include <stdlib.h>
#include <time.h>

static uint64_t random_state;

static inline uint64_t draw(void) { /* xorshift64 */
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state;
}

/* Prints the seed: that of SEED, or one of the time. */
static inline void begin_drawing(void) {
  const char *seed = getenv("SEED");
  random_state = seed == NULL ? (uint64_t)time(NULL) : strtoull(seed, NULL, 10);
  print_message("SEED=%llu\n", (unsigned long long)random_state);
  random_state |= 1;
}
