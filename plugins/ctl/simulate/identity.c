/* SPDX-License-Identifier: MIT */
/* identity: a series' name as people and files write it, and as collectd
 * holds it. */
#include "ctl/simulate/identity.h"

#include <errno.h>
#include <stdbool.h>
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

static int parse(const char *text, bool needs_type,
                 struct reading_names *ret_names) {
  struct reading_names names = {.host = ""};
  const char *end = text + strlen(text);
  const char *first = strchr(text, '/');
  const char *second = first == NULL ? NULL : strchr(first + 1, '/');
  if (first == NULL || first == text || (second == NULL && needs_type)) {
    return -EINVAL;
  }
  int code = copy_part(names.host, text, first);
  if (code == 0) {
    code = split(first + 1, second == NULL ? end : second, names.plugin,
                 names.plugin_instance);
  }
  if (code == 0 && second != NULL) {
    code = split(second + 1, end, names.type, names.type_instance);
  }
  if (code == 0) {
    *ret_names = names;
  }
  return code;
}

int identity_parse(const char *text, struct reading_names *ret_names,
                   struct error *error) {
  return parse(text, true, ret_names) == 0
             ? 0
             : error_set(error, -EINVAL,
                         "\"%s\" is no series; write "
                         "host/plugin-instance/type-instance",
                         text);
}

int identity_parse_speaker(const char *text, struct reading_names *ret_names,
                           struct error *error) {
  return parse(text, false, ret_names) == 0
             ? 0
             : error_set(error, -EINVAL,
                         "\"%s\" says no notification; write "
                         "host/plugin-instance or "
                         "host/plugin-instance/type-instance",
                         text);
}
