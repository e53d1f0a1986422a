/* SPDX-License-Identifier: MIT */
/* file_status: which file this is, and whether its content is still the one
 * that was read. */
#include "session_log/follow/file_status.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "session_log/hash.h"

#define NS_PER_S INT64_C(1000000000)

static int64_t ns_of(const struct statx_timestamp *time) {
  return (int64_t)time->tv_sec * NS_PER_S + (int64_t)time->tv_nsec;
}

static int status_of(int fd, const char *path, int flags,
                     struct file_status *ret_status) {
  struct statx found;
  if (statx(fd, path, flags, STATX_BASIC_STATS | STATX_BTIME, &found) != 0) {
    return -errno;
  }
  bool has_birth = (found.stx_mask & STATX_BTIME) != 0;
  *ret_status = (struct file_status){
      .identity = {.device = ((uint64_t)found.stx_dev_major << 32) |
                             found.stx_dev_minor,
                   .inode = found.stx_ino,
                   .born_ns = has_birth ? ns_of(&found.stx_btime) : 0},
      .size = found.stx_size,
      .modified_ns = ns_of(&found.stx_mtime),
      .is_regular = S_ISREG(found.stx_mode),
      .is_directory = S_ISDIR(found.stx_mode),
      .is_linked = S_ISLNK(found.stx_mode),
  };
  return 0;
}

int file_status_of_path(const char *path, struct file_status *ret_status) {
  int code = status_of(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, ret_status);
  if (code == 0 && ret_status->is_linked) {
    code = status_of(AT_FDCWD, path, 0, ret_status);
    ret_status->is_linked = true;
  }
  return code;
}

int file_status_of_fd(int fd, struct file_status *ret_status) {
  return status_of(fd, "", AT_EMPTY_PATH, ret_status);
}

bool file_identity_is_same(const struct file_identity *a,
                           const struct file_identity *b) {
  return a->device == b->device && a->inode == b->inode &&
         a->born_ns == b->born_ns;
}

int64_t read_at(int fd, void *data, size_t bytes, uint64_t from) {
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

struct fingerprint fingerprint_of(const void *data, size_t bytes,
                                  uint64_t from) {
  bytes = bytes < FINGERPRINT_BYTES ? bytes : FINGERPRINT_BYTES;
  return (struct fingerprint){
      .from = from,
      .bytes = (uint32_t)bytes,
      .hash = hash_bytes(data, bytes, 0),
  };
}

int fingerprint_holds(const struct fingerprint *fingerprint, int fd) {
  char data[FINGERPRINT_BYTES];
  if (fingerprint->bytes == 0) {
    return 1;
  }
  int64_t got = read_at(fd, data, fingerprint->bytes, fingerprint->from);
  if (got < 0) {
    return (int)got;
  }
  return got == fingerprint->bytes &&
         hash_bytes(data, fingerprint->bytes, 0) == fingerprint->hash;
}

int files_agree(int a, int b, uint64_t from, size_t bytes) {
  char data_a[FINGERPRINT_BYTES];
  char data_b[FINGERPRINT_BYTES];
  int64_t got_a = read_at(a, data_a, bytes, from);
  int64_t got_b = read_at(b, data_b, bytes, from);
  if (got_a < 0 || got_b < 0) {
    return (int)(got_a < 0 ? got_a : got_b);
  }
  return got_a == (int64_t)bytes && got_b == got_a &&
         memcmp(data_a, data_b, bytes) == 0;
}

int find_first_data(int fd, uint64_t size, uint64_t *ret_offset) {
  char data[16384];
  uint64_t at = 0;
  while (at < size) {
    off_t next = lseek(fd, (off_t)at, SEEK_DATA); /* steps over the holes */
    if (next < 0 && errno == ENXIO) {
      break;
    }
    at = next < 0 ? at : (uint64_t)next;
    int64_t got = read_at(fd, data, sizeof(data), at);
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
