/* SPDX-License-Identifier: MIT */
/* file_identity: which file this is, whatever its name. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A free inode number is reused at once; the two files differ in their time of
 * birth. */
struct file_identity {
  uint64_t device;
  uint64_t inode;
  int64_t born_ns; /* 0 where the file system does not keep it */
};

struct file_identity_stat {
  struct file_identity identity;
  uint64_t size;
  int64_t modified_ns; /* since the epoch */
  bool is_regular;
  bool is_directory;
  bool is_linked; /* its path is a symbolic link to it */
};

/* Follow symbolic links. Return 0 or negative errno. */
int file_identity_stat_path(const char *path,
                            struct file_identity_stat *ret_status);
int file_identity_stat_fd(int fd, struct file_identity_stat *ret_status);

bool file_identity_is_same(const struct file_identity *a,
                           const struct file_identity *b);
