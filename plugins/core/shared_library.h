/* SPDX-License-Identifier: MIT */
/* shared_library: loads a library of the system when an option first needs it.
 * A daemon without that option does not hold its pages in memory, nor those of
 * the libraries that it needs itself. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"

struct shared_library {
  const char *file; /* its soname */
  const char *const *names;
  size_t len;
  void *functions; /* a pointer for each name; set once the library is loaded */
  pthread_mutex_t lock;
  _Atomic bool is_loaded;
};

/* Defines VARIABLE, with a pointer to each function that FUNCTIONS lists, and
 * VARIABLE_library to load them:
 *
 *   #define PQ_FUNCTIONS(X) X(PQ, finish) X(PQ, flush)
 *   SHARED_LIBRARY(pq, PQ_FUNCTIONS, "libpq.so.5");
 *   pq.finish(session);
 *
 * A call of a function by its own name would link the library as usual. */
#define SHARED_LIBRARY(variable, functions_list, soname)                       \
  static struct { functions_list(SHARED_LIBRARY_POINTER) } variable;           \
  static const char *const variable##_names[] = {                              \
      functions_list(SHARED_LIBRARY_NAME)};                                    \
  static struct shared_library variable##_library = {                          \
      .file = (soname),                                                        \
      .names = variable##_names,                                               \
      .len = sizeof(variable##_names) / sizeof(variable##_names[0]),           \
      .functions = &(variable),                                                \
      .lock = PTHREAD_MUTEX_INITIALIZER}
#define SHARED_LIBRARY_POINTER(prefix, name) __typeof__(prefix##name) *name;
#define SHARED_LIBRARY_NAME(prefix, name) #prefix #name,

/* Loads the library unless that is done; it stays until the process ends.
 * initialize: called once, before the functions are used; NULL: nothing; it
 * returns 0 or a negative errno. Any thread. Returns 0, or -ELIBACC with what
 * to do. */
int shared_library_load(struct shared_library *library, int (*initialize)(void),
                        struct error *error);
