/* SPDX-License-Identifier: MIT */
/* short_memory: memory that runs short for one loaded object. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* From now on the allocations of the object (a module, a library) that ADDRESS
 * lies in are counted, in all threads. Returns how many functions it takes
 * memory from; 0: it cannot be watched. */
size_t short_memory_watch(const void *address);

/* Lets the next COUNT watched allocations succeed. The one behind them fails,
 * or with LASTS that and every later one, until short_memory_stop(). */
void short_memory_after(size_t count, bool lasts);

/* Memory is there again. True if an allocation failed meanwhile. */
bool short_memory_stop(void);
