/* SPDX-License-Identifier: MIT */
/* file_util: files that are replaced as a whole, read with a bound, set aside;
 * and the directories they are in. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/error.h"

/* Writes DATA beside PATH, into a hidden file, and renames it over PATH. Any
 * number of threads and processes may do so at once: the last one wins.
 * mode: permission bits of the new file. is_durable: also fdatasync the file
 * and fsync its directory (about 0.4 ms on a disk; pointless on a tmpfs).
 * Returns 0 or negative errno; on failure PATH is untouched and nothing is
 * left beside it. */
int file_replace(const char *path, const void *data, size_t bytes, mode_t mode,
                 bool is_durable, struct error *error);

/* The same in two steps, for a file that is appended to from the start.
 * make_mode: of directories that are missing. beside: the name of the new file
 * until it is committed.
 * Returns its descriptor, open for appending and yours, or negative errno. */
#define FILE_BESIDE_BYTES 256
int file_replace_begin(const char *path, mode_t mode, mode_t make_mode,
                       char beside[FILE_BESIDE_BYTES], struct error *error);

/* Renames it over PATH, unless CODE, of the writing, is not 0. fd: stays open.
 * Returns 0 or negative errno; then PATH is untouched and nothing is left
 * beside it, unless it is its directory that could not be synced. */
int file_replace_commit(const char *path, const char *beside, int fd, int code,
                        bool is_durable, struct error *error);

/* Reads all of PATH, at most max_bytes.
 * *ret_data: yours, free(); a NUL is put behind the last byte and not counted.
 * Returns 0, -ENOENT, -EFBIG for a larger file, -EINVAL for one that is not a
 * regular file, or another negative errno; then the results are untouched. */
int file_read(const char *path, size_t max_bytes, char **ret_data,
              size_t *ret_bytes, struct error *error);

/* The same of a file that is open; FD is closed. fd: or a negative errno. */
int file_read_and_close(int fd, const char *path, size_t max_bytes,
                        char **ret_data, size_t *ret_bytes,
                        struct error *error);

/* The content of a file that is read repeatedly, whose memory is reused; all
 * zero is empty. */
struct file_content {
  char *data; /* owned, free(); a NUL follows the last byte */
  size_t bytes;
  size_t capacity; /* allocated */
};

/* Reads FD from its start. Returns 0, -EFBIG for more than max_bytes, or
 * another negative errno; the content is then incomplete. */
int file_read_again(int fd, size_t max_bytes, struct file_content *content);

/* Writes all of DATA to FD. Returns 0 or negative errno. */
int file_write_all(int fd, const char *data, size_t bytes);

/* Syncs the directory that PATH is in: a new name is on the disk when its
 * directory is. Returns 0 or negative errno. */
int file_sync_parent(const char *path);

/* True if PATH names the file that FD is open for: it was not moved, replaced
 * or removed. True also where EIO or a lack of descriptors or memory hides
 * this: a file that is open is kept. */
bool file_is_at(const char *path, int fd);

/* Makes the directory and those above it, where they are not there, with MODE
 * whatever the umask is. Returns 0 or negative errno. */
int file_make_directory(const char *path, mode_t mode);

/* Removes from DIRECTORY the temporary files (.resource-alert.NAME.RANDOM) of
 * writers that were killed before the rename. older_than_s: only files last
 * modified at least this many seconds ago, which is longer than a write takes;
 * 0 if no process writes there. A file dated as far in the future is removed,
 * too: the clock was set back. */
void file_sweep_leftovers(const char *directory, int64_t older_than_s);

/* Moves an invalid file to PATH.bad, so that its content is not lost.
 * Returns 0 or negative errno. */
int file_set_aside(const char *path, struct error *error);
