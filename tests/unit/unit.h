/* SPDX-License-Identifier: MIT */
/* unit: what every unit test includes: cmocka with the headers it wants,
 * and a wait for other threads. */
#pragma once

/* cmocka.h needs these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Waits for CONDITION, which another thread makes true within WAIT_MS; for
 * tests that include core/clock.h and poll.h. */
#define EVENTUALLY(condition, wait_ms)                                         \
  for (int64_t until_ms = clock_monotonic_ms() + (wait_ms); !(condition);) {   \
    assert_true(clock_monotonic_ms() < until_ms);                              \
    (void)poll(NULL, 0, 1);                                                    \
  }
