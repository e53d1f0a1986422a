/* SPDX-License-Identifier: MIT */
/* http_options: the options of everything that is reached through HTTP. */
#include "resource_alert/actions/http_options.h"

#include <errno.h>

struct http_target http_options_target(const struct http_options *options) {
  return (struct http_target){
      .ca_file = options->ca_file,
      .cert_file = options->cert_file,
      .key_file = options->key_file,
      .proxy = options->proxy,
  };
}

int http_options_check_url(const struct http_options *options, const char *name,
                           const char *url, struct error *error) {
  struct error reason = {{0}};
  if (http_check_url(url, options->allows_plain, &reason) == 0) {
    return 0;
  }
  return error_set(error, -EINVAL, "%s \"%s\" %s", name, url, reason.text);
}
