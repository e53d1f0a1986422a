/* SPDX-License-Identifier: MIT */
/* identity: a series' name as people and files write it, and as collectd
 * holds it. */
#include "ctl/identity.h"

#include <errno.h>
#include <string.h>

/* Copies FROM..TO. Returns -EINVAL where it does not fit. */
static int copy_part(char *part, const char *from, const char *to) {
  size_t length = (size_t)(to - from);
  if (length >= READING_NAME_BYTES) {
    return -EINVAL;
  }
  memcpy(part, from, length);
  part[length] = '\0';
  return 0;
}

/* "name-instance" up to TO; the instance may be missing. */
static int split(const char *from, const char *to, char *name, char *instance) {
  const char *dash = memchr(from, '-', (size_t)(to - from));
  const char *end = dash == NULL ? to : dash;
  if (end == from || copy_part(name, from, end) != 0) {
    return -EINVAL;
  }
  return dash == NULL ? 0 : copy_part(instance, dash + 1, to);
}

int identity_parse(const char *text, struct reading_names *ret_names,
                   struct error *error) {
  struct reading_names names = {.host = ""};
  const char *first = strchr(text, '/');
  const char *second = first == NULL ? NULL : strchr(first + 1, '/');
  if (second == NULL || first == text ||
      copy_part(names.host, text, first) != 0 ||
      split(first + 1, second, names.plugin, names.plugin_instance) != 0 ||
      split(second + 1, second + strlen(second), names.type,
            names.type_instance) != 0) {
    return error_set(error, -EINVAL,
                     "\"%s\" is no series; write "
                     "host/plugin-instance/type-instance",
                     text);
  }
  *ret_names = names;
  return 0;
}
