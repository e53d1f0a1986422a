/* SPDX-License-Identifier: MIT */
/* short_memory: memory, or the number of threads, that runs short for one
 * loaded object. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* From now on the allocations of the object (a module, a library) that ADDRESS
 * lies in are counted, in all threads. Returns how many functions it takes
 * memory from; 0: it cannot be watched. */
size_t short_memory_watch(const void *address);

enum short_memory_kind {
  SHORT_MEMORY_ONCE,
  SHORT_MEMORY_FOREVER, /* every later one, too */
  SHORT_MEMORY_THREADS, /* pthread_create() instead of allocations, once */
};

/* Lets the next COUNT watched allocations succeed. The one behind them fails,
 * until short_memory_stop(). */
void short_memory_after(size_t count, enum short_memory_kind kind);

/* All is there again. True if something failed meanwhile. */
bool short_memory_stop(void);
