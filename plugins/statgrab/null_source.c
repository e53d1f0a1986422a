/* SPDX-License-Identifier: MIT */
/* null_source: the driver for systems that have only libstatgrab. */
#include <errno.h>

#include "statgrab/source.h"

int source_driver_new(const char *root, struct source *ret_source,
                      struct source_driver **ret_driver, struct error *error) {
  if (root[0] != '\0') {
    return error_set(error, -ENOTSUP, "RootFS is supported on Linux only");
  }
  *ret_source = (struct source){0};
  *ret_driver = NULL;
  return 0;
}

void source_driver_free(struct source_driver *driver) { (void)driver; }
