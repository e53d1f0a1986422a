/* SPDX-License-Identifier: MIT */
/* fuzz_status: any requests to the status page and the control socket: the
 * first line is "METHOD PATH HOST", the rest is the body; requests are
 * separated by 0x1d. Each is handled both read only and with commands; USER is
 * the part of HOST before its first '@'. */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "resource_alert/alerts/silence.h"
#include "resource_alert/status/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ignore_line(void *context, enum log_level level, const char *line) {
  (void)context;
  (void)level;
  (void)line;
}

static void check_reply(const struct http_server_reply *reply) {
  if (reply->status == 0) {
    return; /* 404, by the server */
  }
  if (strcmp(reply->type, "application/json") == 0) {
    const char *text = reply->body == NULL ? reply->constant_body : reply->body;
    json_t *json = json_loadb(text, reply->bytes, 0, NULL);
    if (json == NULL) {
      abort();
    }
    json_decref(json);
  }
}

static char upper_case(char c) {
  return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}

/* Case and the port make no difference; another name in front does. */
static void check_host(const char *host) {
  static char own[] = "web1.example.com";
  static char *items[] = {own};
  const struct option_strings patterns = {.items = items, .len = 1};
  const struct http_server_names names = {.own = {"node.example.org", NULL},
                                          .patterns = &patterns};
  char other[512];
  bool is = http_server_accepts_host(&names, host);
  size_t length = strlen(host);
  if (length > 250) {
    return;
  }
  for (size_t i = 0; i <= length; i++) {
    other[i] = upper_case(host[i]);
  }
  bool has_port = strchr(host, ':') != NULL;
  (void)strcat(other, has_port ? "" : ":80");
  if (http_server_accepts_host(&names, other) != is) {
    abort();
  }
  (void)snprintf(other, sizeof(other), "evil.%s", host);
  if (http_server_accepts_host(&names, other)) {
    abort();
  }
}

static void handle_both_ways(struct status *status, char *text) {
  static char none[] = "";
  char *line = strsep(&text, "\n");
  char *method = strsep(&line, " ");
  char *path = strsep(&line, " ");
  char *host = line == NULL ? none : line;
  check_host(host);
  const struct http_server_request request = {
      .method = method,
      .path = path == NULL ? none : path,
      .body = text == NULL ? none : text,
      .pid = 1,
      .user = strsep(&host, "@")};
  for (int is_writable = 0; is_writable <= 1; is_writable++) {
    struct http_server_reply reply = {0};
    status_handle_request(status, is_writable == 1, &request, &reply);
    check_reply(&reply);
    free(reply.body);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const struct status_options options = {.unhealthy = 0};
  const struct log_sink log = {.write = ignore_line};
  struct silences *silences = NULL;
  struct status *status = NULL;
  char *text = calloc(1, size + 1);
  if (text == NULL || silences_open(NULL, 0, &log, &silences, NULL) != 0) {
    abort();
  }
  const struct status_deps deps = {.options = &options,
                                   .host = "host",
                                   .mode = "auto",
                                   .silences = silences,
                                   .log = log};
  if (status_start(&deps, &status, NULL) != 0) { /* without any socket */
    abort();
  }
  memcpy(text, data, size);
  char *rest = text;
  for (char *one; (one = strsep(&rest, "\x1d")) != NULL;) {
    handle_both_ways(status, one);
  }
  status_stop(status);
  silences_close(silences);
  free(text);
  return 0;
}
