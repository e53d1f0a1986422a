/* SPDX-License-Identifier: MIT */
/* failing: memory that runs short at a chosen allocation. The linker leads the
 * allocations of our own objects here (--wrap). */
#include "support/failing.h"

#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *memory, size_t bytes);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t length);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *memory, size_t bytes);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t length);

static _Thread_local bool is_armed;
static _Thread_local bool has_failed;
static _Thread_local size_t left;

void failing_after(size_t count) {
  is_armed = true;
  has_failed = false;
  left = count;
}

bool failing_stop(void) {
  is_armed = false;
  return has_failed;
}

static bool fails(void) {
  if (!is_armed) {
    return false;
  }
  if (left > 0) {
    left--;
    return false;
  }
  has_failed = true;
  return true;
}

void *__wrap_malloc(size_t bytes) {
  return fails() ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes) {
  return fails() ? NULL : __real_calloc(count, bytes);
}

void *__wrap_realloc(void *memory, size_t bytes) {
  return fails() ? NULL : __real_realloc(memory, bytes);
}

char *__wrap_strdup(const char *text) {
  return fails() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t length) {
  return fails() ? NULL : __real_strndup(text, length);
}
