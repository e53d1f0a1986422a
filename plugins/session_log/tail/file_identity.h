/* SPDX-License-Identifier: MIT */
/* file_identity: which file this is, and whether it still has the content that
 * was read. */
#ifndef SESSION_LOG_TAIL_FILE_IDENTITY_H
#define SESSION_LOG_TAIL_FILE_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of content that are compared: at a file's head and before an offset. */
#define FILE_IDENTITY_HEAD_BYTES 1024
#define FILE_IDENTITY_MARKER_BYTES 256

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

/* A hash of what a file held at one place. bytes == 0: nothing is known. */
struct file_identity_mark {
  uint64_t from; /* offset in the file */
  uint32_t bytes;
  uint64_t hash;
};

/* The mark of DATA, which was read at FROM; of at most its first
 * FILE_IDENTITY_HEAD_BYTES. */
struct file_identity_mark file_identity_make_mark(const void *data,
                                                  size_t bytes, uint64_t from);

/* Returns 1 if the file still holds the same bytes there (or nothing is
 * known), 0 if not, negative errno where it cannot be read. */
int file_identity_mark_holds(const struct file_identity_mark *mark, int fd);

/* Returns 1 if both files hold the same bytes in [from, from + bytes), 0 if
 * not, negative errno. bytes: at most FILE_IDENTITY_HEAD_BYTES. */
int file_identity_same_content(int a, int b, uint64_t from, size_t bytes);

/* pread(2), repeated after a signal and a short read.
 * Returns the bytes read, less only at the end of the file; negative errno. */
int64_t file_identity_read_at(int fd, void *data, size_t bytes, uint64_t from);

/* The place of the first byte that is not NUL: a writer without O_APPEND
 * leaves a hole in front of its lines after a truncation.
 * Returns 0 and *ret_offset (the size where there is none), or negative
 * errno. */
int file_identity_first_data(int fd, uint64_t size, uint64_t *ret_offset);

#endif
