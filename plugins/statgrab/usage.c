/* SPDX-License-Identifier: MIT */
/* usage: asks one file system how full it is. */
#include "statgrab/usage.h"

#include <errno.h>
#include <sys/statvfs.h>

int usage_read(const char *path, struct usage_facts *facts) {
  struct statvfs answer;
  while (statvfs(path, &answer) != 0) {
    if (errno != EINTR) {
      return -errno;
    }
  }
  uint64_t unit = answer.f_frsize != 0 ? answer.f_frsize : answer.f_bsize;
  *facts = (struct usage_facts){
      .size = answer.f_blocks * unit,
      .free = answer.f_bfree * unit,
      .available = answer.f_bavail * unit,
      .inodes = answer.f_files,
      .inodes_free = answer.f_ffree,
      .inodes_available = answer.f_favail,
  };
  return 0;
}
