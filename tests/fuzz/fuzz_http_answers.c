/* SPDX-License-Identifier: MIT */
/* fuzz_http_answers: any answers of the Kubernetes API and of etcd, through the
 * actions that ask them.
 *
 * The input's first byte chooses the action. Answers follow, separated by 0x1d:
 * a byte for the status, then the body; after the last one there is no answer.
 */
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/config.h"
#include "resource_alert/clients/haproxy_socket.h"
#include "resource_alert/clients/http_client.h"
#include "resource_alert/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int __wrap_http_client_perform(struct http_client *client,
                               const struct http_client_request *question,
                               struct http_client_response *answer,
                               struct error *error);

int __wrap_haproxy_socket_request(const struct haproxy_socket *haproxy,
                                  const char *line, char **ret_answer,
                                  const struct action_call *call);
int __wrap_haproxy_socket_read_slots(struct haproxy_socket_slots *slots,
                                     struct haproxy_socket *haproxy,
                                     const char *backend,
                                     const struct action_call *call);

#define QUESTIONS_MAX 2000 /* lists have pages */

static char secret[] = "/dev/shm/fuzz_http_answers.XXXXXX";
static struct resource_alert_options options;
static struct action_deps deps = {.response = "r", .host = "h"};

/* ---- the server ---- */

static const uint8_t *next, *end;
static int questions;

static const long statuses[] = {200, 200, 200, 201, 401, 404, 409, 429, 500};

/* Stands in the place of the client (--wrap). */
int __wrap_http_client_perform(struct http_client *client,
                               const struct http_client_request *question,
                               struct http_client_response *answer,
                               struct error *error) {
  (void)client;
  if (++questions > QUESTIONS_MAX) {
    abort(); /* an answer has led it in a circle */
  }
  if (strpbrk(question->url, " \r\n") != NULL) {
    abort(); /* an answer has got into the next question */
  }
  if (next >= end) {
    return error_set(error, -ETIMEDOUT, "no answer");
  }
  const uint8_t *body = next + 1;
  const uint8_t *stop = memchr(next, 0x1d, (size_t)(end - next));
  stop = stop == NULL ? end : stop;
  body = body > stop ? stop : body;
  size_t bytes = (size_t)(stop - body);
  *answer = (struct http_client_response){.status = statuses[*next % 9],
                                          .body = malloc(bytes + 1),
                                          .body_bytes = bytes,
                                          .retry_after_ms = 1000};
  if (answer->body == NULL) {
    abort();
  }
  memcpy(answer->body, body, bytes);
  answer->body[bytes] = '\0';
  next = stop + 1;
  return 0;
}

/* Stands in the place of HAProxy: what the API server said is in no command. */
int __wrap_haproxy_socket_request(const struct haproxy_socket *haproxy,
                                  const char *line, char **ret_answer,
                                  const struct action_call *call) {
  static const char harmless[] =
      "abcdefghijklmnopqrstuvwxyzABCDEF0123456789 /.:";
  (void)haproxy;
  (void)call;
  if (line[strspn(line, harmless)] != '\0') {
    abort();
  }
  if (ret_answer != NULL) {
    *ret_answer = calloc(1, 1);
  }
  return 0;
}

/* Three servers, of which one is free and one has an address. */
int __wrap_haproxy_socket_read_slots(struct haproxy_socket_slots *slots,
                                     struct haproxy_socket *haproxy,
                                     const char *backend,
                                     const struct action_call *call) {
  (void)haproxy;
  (void)backend;
  (void)call;
  slots->len = 3;
  slots->items[0] = (struct haproxy_socket_slot){
      .name = "s1", .is_disabled = true, .is_out = true};
  slots->items[1] = (struct haproxy_socket_slot){
      .name = "s2", .address = "10.0.0.1", .port = 80};
  slots->items[2] = (struct haproxy_socket_slot){
      .name = "s3", .is_disabled = true, .is_out = true};
  return 0;
}

/* ---- the actions ---- */

static const char settings[] =
    "<SwitchStore \"etcd\">\n"
    "  URL \"http://127.0.0.1:1\" \"http://127.0.0.1:2\"\n"
    "  User \"u\"\n  PasswordFile \"%s\"\n  TTL 60\n"
    "</SwitchStore>\n"
    "<Kubernetes>\n"
    "  Server \"http://127.0.0.1:1\"\n  TokenFile \"%s\"\n"
    "</Kubernetes>\n"
    "<Threshold \"t\">\n  Metric \"*/*\"\n  WarningMax 1\n</Threshold>\n"
    "<Response \"r\">\n"
    "  When \"t\"\n"
    "  <Switch \"s\">\n  </Switch>\n"
    "  <Scale>\n"
    "    Namespace \"n\"\n    Deployment \"d\"\n    Min 1\n    Max 9\n"
    "  </Scale>\n"
    "  <SuspendCronJob>\n    Namespace \"n\"\n    Name \"c\"\n"
    "  </SuspendCronJob>\n"
    "  <HAProxy>\n    Socket \"/s\"\n    Backend \"b\"\n"
    "    Endpoints \"n/s\"\n    Port 80\n  </HAProxy>\n"
    "</Response>\n";

static void forget_secret(void) {
  (void)unlink(secret);
  option_fini(&resource_alert_options, &options);
}

static void begin(void) {
  char text[2048];
  struct config_item root = {0};
  struct error error = {{0}};
  char name[] = "Plugin";
  int fd = mkstemp(secret);
  int length = snprintf(text, sizeof(text), settings, secret, secret);
  if (fd < 0 || write(fd, "x", 1) != 1 || close(fd) != 0 ||
      option_init(&resource_alert_options, &options) != 0 ||
      config_text_parse(text, (size_t)length, &root, &error) != 0) {
    abort();
  }
  root.key = name;
  if (option_parse(&resource_alert_options, &root, &options, &error) != 0) {
    (void)fprintf(stderr, "%s\n", error.text);
    abort();
  }
  root.key = NULL;
  config_item_fini(&root);
  deps.stores = &options.responses.stores;
  deps.kubernetes = options.responses.kubernetes.items;
  (void)atexit(forget_secret);
}

static void save(void *context) { (void)context; }

static void note(void *context, const char *step, json_t *fields) {
  (void)context;
  (void)step;
  json_decref(fields);
}

static struct action_call new_call(struct error *error) {
  return (struct action_call){.cancel_fd = -1,
                              .error = error,
                              .deadline_ms = INT64_MAX / 2,
                              .memory = json_object(),
                              .replicas = -1,
                              .save = save,
                              .note = note};
}

/* On, confirmed, off, self-tested: all of it with the answers that there are.
 */
static void act(enum action_kind kind) {
  const struct response_options *response = options.responses.responses.items;
  const struct action_driver *driver = action_drivers[kind];
  struct action_request request = {.is_on = true,
                                   .is_breached = true,
                                   .response = "r",
                                   .host = "h",
                                   .cause = "t",
                                   .state = "WARNING",
                                   .value = 2.0,
                                   .now_s = 1600000000};
  struct error error = {{0}};
  struct action_call call = new_call(&error);
  struct action *action = NULL;
  if (action_new(driver, response->actions[kind].items,
                 options.responses.stores.items, &deps, &action, &error) != 0) {
    abort();
  }
  for (int round = 0; round < 4 && next < end; round++) {
    request.is_on = round % 2 == 0;
    request.now_s += 100000;
    (void)driver->set(action, &request, &call);
    if (driver->confirm != NULL) {
      (void)driver->confirm(action, &request, &call);
    }
  }
  (void)driver->self_test(action, &call);
  action_free(driver, action);
  json_decref(call.memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (deps.kubernetes == NULL) {
    begin();
  }
  if (size == 0) {
    return 0;
  }
  next = data + 1;
  end = data + size;
  questions = 0;
  switch (data[0] % 4) {
  case 0:
    act(ACTION_SCALE);
    break;
  case 1:
    act(ACTION_CRONJOB);
    break;
  case 2:
    act(ACTION_SWITCH);
    break;
  default:
    act(ACTION_HAPROXY);
  }
  return 0;
}
