/* SPDX-License-Identifier: MIT */
/* null_driver: for systems of which libstatgrab alone tells. */
#include <errno.h>

#include "statgrab/source.h"

const struct source *driver_source(const char *root) {
  static const struct source nothing = {0};
  (void)root;
  return &nothing;
}

int driver_new(const char *root, struct driver **ret_driver,
               struct error *error) {
  if (root[0] != '\0') {
    return error_set(error, -ENOTSUP, "RootFS is for Linux only");
  }
  *ret_driver = NULL;
  return 0;
}

void driver_free(struct driver *driver) { (void)driver; }
