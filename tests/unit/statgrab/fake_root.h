/* SPDX-License-Identifier: MIT */
/* fake_root: a directory whose proc and sys say what a test wants. */
#pragma once

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"

static char fake_root[64];

static inline void fake_root_make(void) {
  (void)snprintf(fake_root, sizeof(fake_root), "/tmp/statgrab-root.XXXXXX");
  assert_non_null(mkdtemp(fake_root));
}

/* PATH below the root holds BYTES of TEXT; directories are made. */
static inline void fake_bytes(const char *path, const void *text,
                              size_t bytes) {
  char whole[PATH_MAX];
  (void)snprintf(whole, sizeof(whole), "%s%s", fake_root, path);
  for (char *at = strchr(whole + 1, '/'); at != NULL;
       at = strchr(at + 1, '/')) {
    *at = '\0';
    assert_true(mkdir(whole, 0700) == 0 || errno == EEXIST);
    *at = '/';
  }
  FILE *file = fopen(whole, "we");
  assert_non_null(file);
  assert_int_equal(fwrite(text, 1, bytes, file), bytes);
  assert_int_equal(fclose(file), 0);
}

static inline void fake_file(const char *path, const char *text) {
  fake_bytes(path, text, strlen(text));
}

static inline int fake_root_remove_one(const char *path,
                                       const struct stat *status, int type,
                                       struct FTW *place) {
  (void)status;
  (void)type;
  (void)place;
  return remove(path);
}

static inline void fake_root_remove(void) {
  (void)nftw(fake_root, fake_root_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
