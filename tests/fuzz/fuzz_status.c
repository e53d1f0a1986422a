/* SPDX-License-Identifier: MIT */
/* fuzz_status: any requests to the status page and the control socket: the
 * first line is "METHOD PATH", the rest is the body; requests are separated by
 * 0x1d. All of them are sent to both doors. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "resource_alert/status/status_parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void say(void *context, enum log_level level, const char *line) {
  (void)context;
  (void)level;
  (void)line;
}

static void check(const struct http_reply *reply) {
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

static void send(struct status *status, bool takes_orders,
                 const struct http_request *request) {
  struct status_door door = {status, takes_orders};
  struct http_reply reply = {0};
  status_answer(&door, request, &reply);
  check(&reply);
  free(reply.body);
}

static void send_both(struct status *status, char *text) {
  static char none[] = "";
  char *line = strsep(&text, "\n");
  char *method = strsep(&line, " ");
  const struct http_request request = {.method = method,
                                       .path = line == NULL ? none : line,
                                       .body = text == NULL ? none : text};
  send(status, false, &request);
  send(status, true, &request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const struct status_options options = {.unhealthy = 0};
  const struct log_sink log = {.write = say};
  struct silences *silences = NULL;
  char *text = calloc(1, size + 1);
  if (text == NULL || silences_new(NULL, &log, &silences, NULL) != 0) {
    abort();
  }
  memcpy(text, data, size);
  struct status status = {.deps = {.options = &options,
                                   .host = "host",
                                   .mode = "auto",
                                   .silences = silences,
                                   .log = log},
                          .lock = PTHREAD_MUTEX_INITIALIZER};
  char *rest = text;
  for (char *one; (one = strsep(&rest, "\x1d")) != NULL;) {
    send_both(&status, one);
  }
  json_decref(status.snapshot);
  silences_free(silences);
  free(text);
  return 0;
}
