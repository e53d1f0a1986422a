/* SPDX-License-Identifier: MIT */
/* status_options: where the plugin answers questions and takes orders. */
#include "resource_alert/status/status_options.h"

#include <errno.h>
#include <string.h>
#include <sys/un.h>

#include "resource_alert/status/http_listen.h"

const char *const status_unhealthy_words[] = {"warning", "failure", "never",
                                              NULL};

int status_check_listen(const char *value, struct error *error) {
  struct sockaddr_storage address;
  socklen_t bytes = 0;
  return http_parse_address(value, &address, &bytes, error);
}

int status_check_socket(const char *value, struct error *error) {
  if (value[0] != '/') {
    return error_set(error, -EINVAL, "is not an absolute path");
  }
  if (strlen(value) >= sizeof(((struct sockaddr_un *)NULL)->sun_path)) {
    return error_set(error, -EINVAL, "is too long for a unix socket");
  }
  return 0;
}
