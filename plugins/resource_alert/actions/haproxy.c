/* SPDX-License-Identifier: MIT */
/* haproxy: the servers of a backend follow the endpoints of a Service, at all
 * times: for what is scaled, by whomever, must get its share, and what goes
 * must not. The backend has slots, made by server-template; a slot that is
 * free is in maintenance. HAProxy forgets all of it at a reload, so it is
 * asserted again and again. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json_util.h"
#include "resource_alert/actions/drivers.h"
#include "resource_alert/actions/endpoints.h"
#include "resource_alert/actions/exec_command.h"
#include "resource_alert/actions/haproxy_options.h"
#include "resource_alert/actions/haproxy_slots.h"
#include "resource_alert/actions/haproxy_socket.h"
#include "resource_alert/journal.h"

#define OUTPUT_BYTES 65536 /* of the command: more than all addresses take */

struct haproxy {
  const struct haproxy_options *options;
  struct kubernetes *kubernetes; /* NULL: the command */
  char space[254];
  const char *service; /* within the options */
  struct exec_command command;
  char output[OUTPUT_BYTES];
  struct endpoints endpoints;
  struct haproxy_slots slots;
};

static void describe(const void *options, char *text, size_t bytes) {
  const struct haproxy_options *own = options;
  (void)snprintf(text, bytes, "%s", own->backend);
}

static void destroy(void *self) {
  struct haproxy *haproxy = self;
  if (haproxy != NULL) {
    kubernetes_free(haproxy->kubernetes);
    free(haproxy);
  }
}

/* Where the addresses come from. */
static int init_source(struct haproxy *haproxy, const struct action_deps *deps,
                       struct error *error) {
  const struct haproxy_options *options = haproxy->options;
  if (options->endpoints == NULL) {
    return exec_command_init(&haproxy->command, &options->command,
                             options->user, deps, error);
  }
  const char *name = options->endpoints;
  haproxy->service = strchr(name, '/') + 1;
  memcpy(haproxy->space, name, (size_t)(haproxy->service - 1 - name));
  return kubernetes_new(deps->kubernetes, &haproxy->kubernetes, error);
}

static int create(const void *options, const struct action_deps *deps,
                  void **ret, struct error *error) {
  struct haproxy *haproxy = calloc(1, sizeof(*haproxy));
  if (haproxy == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  haproxy->options = options;
  int code = init_source(haproxy, deps, error);
  if (code != 0) {
    destroy(haproxy);
    return code;
  }
  *ret = haproxy;
  return 0;
}

static int check(const void *options, const struct action_deps *deps,
                 struct error *error) {
  const struct haproxy_options *own = options;
  return own->endpoints != NULL
             ? action_check_kubernetes(options, deps, error)
             : exec_command_check("EndpointsCommand", &own->command, own->user,
                                  deps, error);
}

/* ---- following ---- */

/* Sends a line that changes something; it and the answer stand in the journal.
 */
static int send_line(const struct haproxy *haproxy, const char *line,
                     char **ret_answer, const struct action_call *call,
                     struct error *error) {
  struct error reason = {{0}};
  call->note(call->context, "request", json_pack("{s:s}", "line", line));
  int code =
      haproxy_ask(haproxy->options->socket, line, ret_answer, call, &reason);
  call->note(call->context, "answer",
             json_pack("{s:o}", "error",
                       code == 0 ? json_null() : json_util_text(reason.text)));
  return code == 0 ? 0 : error_set(error, code, "%s", reason.text);
}

static int order(const struct haproxy *haproxy, const struct haproxy_slot *slot,
                 const char *what, const struct action_call *call,
                 struct error *error) {
  char line[512];
  (void)snprintf(line, sizeof(line), "set server %s/%s %s",
                 haproxy->options->backend, slot->name, what);
  return send_line(haproxy, line, NULL, call, error);
}

/* Gives a free slot an address. HAProxy answers this one with a text. */
static int fill_slot(const struct haproxy *haproxy,
                     const struct haproxy_slot *slot, const char *address,
                     const struct action_call *call, struct error *error) {
  char line[512];
  char *answer = NULL;
  (void)snprintf(line, sizeof(line), "set server %s/%s addr %s port %" PRId64,
                 haproxy->options->backend, slot->name, address,
                 haproxy->options->port);
  int code = send_line(haproxy, line, &answer, call, error);
  if (code == 0 && strstr(answer, "changed") == NULL &&
      strstr(answer, "nothing") == NULL && strstr(answer, "no need") == NULL &&
      answer[strspn(answer, " \n")] != '\0') {
    code = error_set(error, -EIO, "HAProxy: %s: %.*s", line,
                     (int)strcspn(answer, "\n"), answer);
  }
  free(answer);
  return code == 0 ? order(haproxy, slot, "state ready", call, error) : code;
}

/* Slots whose address has gone: first drained, then out. */
static int empty_slots(struct haproxy *haproxy, int64_t now_s,
                       const struct action_call *call, struct error *error) {
  int code = 0;
  for (size_t i = 0; i < haproxy->slots.len && code == 0; i++) {
    struct haproxy_slot *slot = &haproxy->slots.items[i];
    if (slot->is_out || endpoints_have(&haproxy->endpoints, slot->address)) {
      slot->draining_s = 0;
      continue;
    }
    if (slot->draining_s == 0) {
      slot->draining_s = now_s;
      code = order(haproxy, slot, "state drain", call, error);
    }
    if (code == 0 && (slot->sessions == 0 ||
                      now_s - slot->draining_s >= haproxy->options->drain_s)) {
      code = order(haproxy, slot, "state maint", call, error);
      slot->is_out = code == 0;
    }
  }
  return code;
}

static struct haproxy_slot *find_slot(struct haproxy *haproxy,
                                      const char *address) {
  for (size_t i = 0; i < haproxy->slots.len; i++) {
    struct haproxy_slot *slot = &haproxy->slots.items[i];
    if (address == NULL
            ? slot->is_out
            : !slot->is_out && strcmp(slot->address, address) == 0) {
      return slot;
    }
  }
  return NULL;
}

/* Addresses that have no slot yet, and those that were drained and are back. */
static int fill_slots(struct haproxy *haproxy, const struct action_call *call,
                      struct error *error) {
  int code = 0;
  for (size_t i = 0; i < haproxy->endpoints.len && code == 0; i++) {
    const char *address = haproxy->endpoints.addresses[i];
    struct haproxy_slot *slot = find_slot(haproxy, address);
    if (slot != NULL) {
      code = slot->is_draining
                 ? order(haproxy, slot, "state ready", call, error)
                 : 0;
      continue;
    }
    slot = find_slot(haproxy, NULL);
    if (slot == NULL) {
      return error_set(error, -ENOSPC,
                       "backend %s has %zu slots, which do not suffice: more "
                       "in its server-template",
                       haproxy->options->backend, haproxy->slots.len);
    }
    code = fill_slot(haproxy, slot, address, call, error);
    slot->is_out = false;
    memcpy(slot->address, address, strlen(address) + 1);
  }
  return code;
}

static int fetch_endpoints(struct haproxy *haproxy, struct action_call *call,
                           struct error *error) {
  if (haproxy->kubernetes != NULL) {
    return endpoints_read(haproxy->kubernetes, haproxy->space, haproxy->service,
                          &haproxy->endpoints, call, error);
  }
  int code = exec_command_run(&haproxy->command, "", false, haproxy->output,
                              sizeof(haproxy->output), call, error);
  return code == 0
             ? endpoints_parse(&haproxy->endpoints, haproxy->output, error)
             : code;
}

static int look(struct haproxy *haproxy, struct action_call *call,
                struct error *error) {
  int code = fetch_endpoints(haproxy, call, error);
  return code == 0
             ? haproxy_slots_read(&haproxy->slots, haproxy->options->socket,
                                  haproxy->options->backend, call, error)
             : code;
}

static int set(void *self, const struct action_wish *wish,
               struct action_call *call, struct error *error) {
  struct haproxy *haproxy = self;
  int code = look(haproxy, call, error);
  if (code == 0 && haproxy->endpoints.len == 0) {
    /* All gone at once is more likely a mistake than the truth. */
    code =
        error_set(error, -ENODATA,
                  "%s has no ready endpoint; its servers are left as they "
                  "are",
                  haproxy->kubernetes == NULL ? haproxy->command.words->items[0]
                                              : haproxy->options->endpoints);
  }
  if (code == 0) {
    code = fill_slots(haproxy, call, error);
  }
  if (code == 0 || code == -ENOSPC) {
    int second = empty_slots(haproxy, wish->now_s, call, error);
    code = code == 0 ? second : code;
  }
  call->again_in_ms = haproxy->options->every_s * 1000;
  return code;
}

static int drill(void *self, struct action_call *call, struct error *error) {
  return look(self, call, error);
}

const struct action_driver haproxy_driver = {
    .block = &haproxy_block,
    .describe = describe,
    .is_standing = true,
    .check = check,
    .new = create,
    .set = set,
    .drill = drill,
    .free = destroy,
};
