/* SPDX-License-Identifier: MIT */
/* failing: memory that runs short at a chosen allocation. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Lets the next COUNT allocations (malloc, calloc, realloc, strdup, strndup of
 * the code under test) of this thread succeed and every later one fail, until
 * failing_stop(). */
void failing_after(size_t count);

/* Memory is there again. True if an allocation failed meanwhile: a test counts
 * up until none does, and so has seen each of them fail. */
bool failing_stop(void);
