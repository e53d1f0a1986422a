/* SPDX-License-Identifier: MIT */
/* tail_file_status: which file a path names, and its size and times. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "session_log/tail/tail_file.h"

#define NS_PER_S INT64_C(1000000000)

static int64_t convert_timestamp_ns(const struct statx_timestamp *time) {
  return (int64_t)time->tv_sec * NS_PER_S + (int64_t)time->tv_nsec;
}

/* statx(2) is the only call that reports the time of birth. */
static int read_stat(int fd, const char *path, int flags,
                     struct tail_file_status *ret_status) {
  struct statx found;
  if (statx(fd, path, flags, STATX_BASIC_STATS | STATX_BTIME, &found) != 0) {
    return -errno;
  }
  bool has_birth = (found.stx_mask & STATX_BTIME) != 0;
  *ret_status = (struct tail_file_status){
      .identity = {.device = ((uint64_t)found.stx_dev_major << 32) |
                             found.stx_dev_minor,
                   .inode = found.stx_ino,
                   .born_ns =
                       has_birth ? convert_timestamp_ns(&found.stx_btime) : 0},
      .size = found.stx_size,
      .modified_ns = convert_timestamp_ns(&found.stx_mtime),
      .is_regular = S_ISREG(found.stx_mode),
      .is_directory = S_ISDIR(found.stx_mode),
      .is_linked = S_ISLNK(found.stx_mode),
  };
  return 0;
}

int tail_file_stat_path(const char *path, struct tail_file_status *ret_status) {
  int code = read_stat(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, ret_status);
  if (code == 0 && ret_status->is_linked) {
    code = read_stat(AT_FDCWD, path, 0, ret_status);
    ret_status->is_linked = true;
  }
  return code;
}

int tail_file_stat_fd(int fd, struct tail_file_status *ret_status) {
  return read_stat(fd, "", AT_EMPTY_PATH, ret_status);
}

bool tail_file_is_same(const struct tail_file_identity *a,
                       const struct tail_file_identity *b) {
  return a->device == b->device && a->inode == b->inode &&
         a->born_ns == b->born_ns;
}
