/* SPDX-License-Identifier: MIT */
/* haproxy: the servers of a backend follow the endpoints of a Service, at all
 * times: for what is scaled, by whomever, must get its share, and what goes
 * must not. The backend has slots, made by server-template; a slot that is
 * free is in maintenance. HAProxy forgets all of it at a reload, so it is
 * asserted again and again. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "resource_alert/actions/drivers.h"
#include "resource_alert/actions/endpoints.h"
#include "resource_alert/actions/haproxy_slots.h"
#include "resource_alert/actions/haproxy_socket.h"

struct haproxy_options {
  struct action_options common;
  char *socket;
  char *backend;
  char *endpoints; /* "NAMESPACE/SERVICE" */
  int64_t port;
  int64_t every_s;
  int64_t drain_s;
};

struct haproxy {
  const struct haproxy_options *options;
  struct kubernetes *kubernetes;
  char space[254];
  const char *service; /* within the options */
  struct endpoints endpoints;
  struct haproxy_slots slots;
};

#define FIELD(name) offsetof(struct haproxy_options, name)

static int check_endpoints(const char *value, struct error *error) {
  char space[254];
  const char *slash = strchr(value, '/');
  if (slash == NULL || slash - value >= (int)sizeof(space)) {
    return error_set(error, -EINVAL, "is not \"NAMESPACE/SERVICE\"");
  }
  memcpy(space, value, (size_t)(slash - value));
  space[slash - value] = '\0';
  int code = kubernetes_check_name(space, error);
  return code == 0 ? kubernetes_check_name(slash + 1, error) : code;
}

static const struct option rows[] = {
    ACTION_OPTION_ROWS("5"),
    {.name = "Socket",
     .kind = OPTION_STRING,
     .offset = FIELD(socket),
     .is_required = true,
     .example = "\"/run/haproxy/admin.sock\"",
     .check = action_check_absolute,
     .help = "HAProxy's stats socket, at level admin."},
    {.name = "Backend",
     .kind = OPTION_STRING,
     .offset = FIELD(backend),
     .is_required = true,
     .example = "\"api\"",
     .check = action_check_name,
     .help = "The backend, whose servers are made by server-template, "
             "C<disabled>."},
    {.name = "Endpoints",
     .kind = OPTION_STRING,
     .offset = FIELD(endpoints),
     .is_required = true,
     .example = "\"trading/api\"",
     .check = check_endpoints,
     .help = "Namespace and name of the Kubernetes Service whose ready "
             "addresses the servers are to have."},
    {.name = "Port",
     .kind = OPTION_INTEGER,
     .offset = FIELD(port),
     .min = 1,
     .max = 65535,
     .is_required = true,
     .example = "8000",
     .help = "The port on these addresses."},
    {.name = "Every",
     .kind = OPTION_INTEGER,
     .offset = FIELD(every_s),
     .min = 1,
     .max = 3600,
     .default_text = "5",
     .unit = "seconds",
     .help = "How often both sides are looked at."},
    {.name = "Drain",
     .kind = OPTION_INTEGER,
     .offset = FIELD(drain_s),
     .min = 0,
     .max = 3600,
     .default_text = "30",
     .unit = "seconds",
     .help = "A server whose address has gone gets no new sessions, and is "
             "taken out when its last one has ended or after this time."},
};

const struct option_block haproxy_block = {
    .name = "HAProxy",
    .label = OPTION_LABEL_NONE,
    .is_repeatable = true,
    .size = sizeof(struct haproxy_options),
    .help = "Lets the servers of a HAProxy backend follow the endpoints of a "
            "Kubernetes Service, through the runtime API. It does so at all "
            "times, engaged or not, in Mode C<auto>.",
    .options = rows,
    .options_len = OPTION_COUNT(rows),
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

static int create(const void *options, const struct action_site *site,
                  void **ret, struct error *error) {
  struct haproxy *haproxy = calloc(1, sizeof(*haproxy));
  if (haproxy == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  haproxy->options = options;
  const char *name = haproxy->options->endpoints;
  haproxy->service = strchr(name, '/') + 1;
  memcpy(haproxy->space, name, (size_t)(haproxy->service - 1 - name));
  int code = kubernetes_new(site->kubernetes, &haproxy->kubernetes, error);
  if (code != 0) {
    destroy(haproxy);
    return code;
  }
  *ret = haproxy;
  return 0;
}

/* ---- following ---- */

static int order(const struct haproxy *haproxy, const struct haproxy_slot *slot,
                 const char *what, const struct action_call *call,
                 struct error *error) {
  char line[512];
  (void)snprintf(line, sizeof(line), "set server %s/%s %s",
                 haproxy->options->backend, slot->name, what);
  return haproxy_ask(haproxy->options->socket, line, NULL, call, error);
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
  int code = haproxy_ask(haproxy->options->socket, line, &answer, call, error);
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

static int look(struct haproxy *haproxy, struct action_call *call,
                struct error *error) {
  int code = endpoints_read(haproxy->kubernetes, haproxy->space,
                            haproxy->service, &haproxy->endpoints, call, error);
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
    code = error_set(error, -ENODATA,
                     "service %s has no ready endpoint; its "
                     "servers are left as they are",
                     haproxy->options->endpoints);
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
    .check = action_check_kubernetes,
    .new = create,
    .set = set,
    .drill = drill,
    .free = destroy,
};
