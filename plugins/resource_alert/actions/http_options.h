/* SPDX-License-Identifier: MIT */
/* http_options: the options of everything that is reached through HTTP. */
#ifndef RESOURCE_ALERT_ACTIONS_HTTP_OPTIONS_H
#define RESOURCE_ALERT_ACTIONS_HTTP_OPTIONS_H

#include "core/option.h"
#include "resource_alert/actions/http.h"

struct http_options {
  char *ca_file;
  char *cert_file;
  char *key_file;
  char *proxy;
  bool allows_plain;
};

/* What a client is made of; borrows from the options. */
struct http_target http_options_target(const struct http_options *options);

/* As http_check_url(), with the option's name before the reason and the URL. */
int http_options_check_url(const struct http_options *options, const char *name,
                           const char *url, struct error *error);

/* The rules of a table. outer: its struct's tag; member: its field of struct
 * http_options. */
#define HTTP_OPTION_ROWS(outer, member)                                        \
  {.name = "CAFile",                                                           \
   .kind = OPTION_STRING,                                                      \
   .offset = offsetof(struct outer, member.ca_file),                           \
   .check = action_check_absolute,                                             \
   .help = "The certificates, PEM, that the server's certificate must come "   \
           "from. The default are the system's."},                             \
      {.name = "CertFile",                                                     \
       .kind = OPTION_STRING,                                                  \
       .offset = offsetof(struct outer, member.cert_file),                     \
       .check = action_check_absolute,                                         \
       .help = "A client certificate, PEM."},                                  \
      {.name = "KeyFile",                                                      \
       .kind = OPTION_STRING,                                                  \
       .offset = offsetof(struct outer, member.key_file),                      \
       .check = action_check_absolute,                                         \
       .help = "The key of the client certificate, PEM."},                     \
      {.name = "Proxy",                                                        \
       .kind = OPTION_STRING,                                                  \
       .offset = offsetof(struct outer, member.proxy),                         \
       .example = "\"http://proxy.example.net:3128\"",                         \
       .help = "Go through this proxy. Without it none is used, whatever the " \
               "environment says."},                                           \
  {                                                                            \
    .name = "AllowPlainHTTP", .kind = OPTION_BOOLEAN,                          \
    .offset = offsetof(struct outer, member.allows_plain),                     \
    .default_text = "false",                                                   \
    .help = "Allow a URL that begins with C<http:> and leads to another "      \
            "machine: everybody on the way can then read and change what is "  \
            "sent."                                                            \
  }

#endif
