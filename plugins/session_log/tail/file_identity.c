/* SPDX-License-Identifier: MIT */
/* file_identity: which file this is, and whether it still has the content that
 * was read. */
#include "session_log/tail/file_identity.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "core/hash_map.h"

#define NS_PER_S INT64_C(1000000000)

static int64_t timestamp_ns(const struct statx_timestamp *time) {
  return (int64_t)time->tv_sec * NS_PER_S + (int64_t)time->tv_nsec;
}

static int read_stat(int fd, const char *path, int flags,
                     struct file_identity_stat *ret_status) {
  struct statx found;
  if (statx(fd, path, flags, STATX_BASIC_STATS | STATX_BTIME, &found) != 0) {
    return -errno;
  }
  bool has_birth = (found.stx_mask & STATX_BTIME) != 0;
  *ret_status = (struct file_identity_stat){
      .identity = {.device = ((uint64_t)found.stx_dev_major << 32) |
                             found.stx_dev_minor,
                   .inode = found.stx_ino,
                   .born_ns = has_birth ? timestamp_ns(&found.stx_btime) : 0},
      .size = found.stx_size,
      .modified_ns = timestamp_ns(&found.stx_mtime),
      .is_regular = S_ISREG(found.stx_mode),
      .is_directory = S_ISDIR(found.stx_mode),
      .is_linked = S_ISLNK(found.stx_mode),
  };
  return 0;
}

int file_identity_stat_path(const char *path,
                            struct file_identity_stat *ret_status) {
  int code = read_stat(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, ret_status);
  if (code == 0 && ret_status->is_linked) {
    code = read_stat(AT_FDCWD, path, 0, ret_status);
    ret_status->is_linked = true;
  }
  return code;
}

int file_identity_stat_fd(int fd, struct file_identity_stat *ret_status) {
  return read_stat(fd, "", AT_EMPTY_PATH, ret_status);
}

bool file_identity_is_same(const struct file_identity *a,
                           const struct file_identity *b) {
  return a->device == b->device && a->inode == b->inode &&
         a->born_ns == b->born_ns;
}

int64_t file_identity_read_at(int fd, void *data, size_t bytes, uint64_t from) {
  size_t done = 0;
  while (done < bytes) {
    ssize_t got =
        pread(fd, (char *)data + done, bytes - done, (off_t)(from + done));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return -errno;
    }
    if (got == 0) {
      break;
    }
    done += (size_t)got;
  }
  return (int64_t)done;
}

struct file_identity_mark file_identity_make_mark(const void *data,
                                                  size_t bytes, uint64_t from) {
  bytes = bytes < FILE_IDENTITY_HEAD_BYTES ? bytes : FILE_IDENTITY_HEAD_BYTES;
  return (struct file_identity_mark){
      .from = from,
      .bytes = (uint32_t)bytes,
      .hash = hash_map_hash_seeded(data, bytes, 0),
  };
}

int file_identity_mark_holds(const struct file_identity_mark *mark, int fd) {
  char data[FILE_IDENTITY_HEAD_BYTES];
  if (mark->bytes == 0) {
    return 1;
  }
  int64_t got = file_identity_read_at(fd, data, mark->bytes, mark->from);
  if (got < 0) {
    return (int)got;
  }
  return got == mark->bytes &&
         hash_map_hash_seeded(data, mark->bytes, 0) == mark->hash;
}

int file_identity_same_content(int a, int b, uint64_t from, size_t bytes) {
  char data_a[FILE_IDENTITY_HEAD_BYTES];
  char data_b[FILE_IDENTITY_HEAD_BYTES];
  int64_t got_a = file_identity_read_at(a, data_a, bytes, from);
  int64_t got_b = file_identity_read_at(b, data_b, bytes, from);
  if (got_a < 0 || got_b < 0) {
    return (int)(got_a < 0 ? got_a : got_b);
  }
  return got_a == (int64_t)bytes && got_b == got_a &&
         memcmp(data_a, data_b, bytes) == 0;
}

int file_identity_first_data(int fd, uint64_t size, uint64_t *ret_offset) {
  char data[16384];
  uint64_t at = 0;
  while (at < size) {
    off_t next = lseek(fd, (off_t)at, SEEK_DATA); /* steps over the holes */
    if (next < 0 && errno == ENXIO) {
      break;
    }
    at = next < 0 ? at : (uint64_t)next;
    int64_t got = file_identity_read_at(fd, data, sizeof(data), at);
    if (got < 0) {
      return (int)got;
    }
    for (int64_t i = 0; i < got; i++) {
      if (data[i] != '\0') {
        *ret_offset = at + (uint64_t)i;
        return 0;
      }
    }
    if (got == 0) {
      break;
    }
    at += (uint64_t)got;
  }
  *ret_offset = size;
  return 0;
}
