/* SPDX-License-Identifier: MIT */
/* haproxy: keeps the servers of an HAProxy backend equal to the endpoints of a
 * Kubernetes Service.
 *
 * Servers are slots of a server-template: at run time HAProxy can change the
 * address of a slot, but makes none. What is set here lives until HAProxy
 * reloads; the next comparison then sets it again. So this action is standing:
 * it compares both sides all the time. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "resource_alert/actions/action.h"
#include "resource_alert/clients/haproxy_socket.h"
#include "resource_alert/clients/kubernetes.h"

struct haproxy_options {
  struct action_options common;
  char *socket;
  char *backend;
  char *endpoints; /* "NAMESPACE/SERVICE" */
  int64_t port;
  int64_t every_s;
  int64_t drain_s;
};

/* Both parts become parts of a URL path. 253 is the maximum length of a name in
 * Kubernetes. */
static int check_endpoints_option(const char *value, struct error *error) {
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

static const struct option option_rows[] = {
    ACTION_OPTION_ROWS("5"),
    {OPTION("Socket", STRING, struct haproxy_options, socket),
     .is_required = true, .example = "\"/run/haproxy/admin.sock\"",
     .check = option_check_absolute_path,
     .help = "Path of HAProxy's stats socket, which must have level admin."},
    {OPTION("Backend", STRING, struct haproxy_options, backend),
     .is_required = true, .example = "\"api\"", .check = option_check_name,
     .help = "Name of the backend. Its servers must be created with "
             "C<server-template>, and C<disabled>."},
    {OPTION("Endpoints", STRING, struct haproxy_options, endpoints),
     .is_required = true, .example = "\"trading/api\"",
     .check = check_endpoints_option,
     .help = "Namespace and name of a Kubernetes Service. The servers get the "
             "ready addresses of this Service."},
    {OPTION("Port", INTEGER, struct haproxy_options, port), .min = 1,
     .max = 65535, .is_required = true, .example = "8000",
     .help = "Port of the servers."},
    {OPTION("Every", INTEGER, struct haproxy_options, every_s), .min = 1,
     .max = 3600, .default_text = "5", .unit = "seconds",
     .help = "Time between two comparisons of the servers with the Service."},
    {OPTION("Drain", INTEGER, struct haproxy_options, drain_s), .min = 0,
     .max = 3600, .default_text = "30", .unit = "seconds",
     .help = "A server whose address is no longer in the Service gets no new "
             "sessions. It is removed when its last session has ended, or "
             "after this time."},
};

/* Kubernetes splits a Service into slices of 100 endpoints; ten of them are
 * more than any backend that is filled in this way. */
#define ENDPOINTS_MAX 1024
#define ENDPOINT_BYTES 64

/* The addresses that the servers are to have. */
struct haproxy_endpoints {
  size_t len;
  char addresses[ENDPOINTS_MAX][ENDPOINT_BYTES]; /* IPv4 or IPv6, checked */
};

/* The slots stay from one read to the next: since when a server drains is kept
 * in them. 220 KB in all, allocated once. */
struct haproxy {
  struct action base;
  const struct haproxy_options *options; /* of base */
  char space[254];
  const char *service; /* within the options */
  struct haproxy_endpoints endpoints;
  struct haproxy_socket_slots slots;
};

/* ---- endpoints ---- */

/* Linear: a backend has tens of servers, 1024 at most, and is read every 5
 * s. */
static bool has_endpoint(const struct haproxy_endpoints *endpoints,
                         const char *address) {
  for (size_t i = 0; i < endpoints->len; i++) {
    if (strcmp(endpoints->addresses[i], address) == 0) {
      return true;
    }
  }
  return false;
}

/* inet_pton() accepts no port, zone or name, so that the text is safe in a
 * command. */
static bool is_address(const char *text) {
  unsigned char parsed[16];
  return strlen(text) < ENDPOINT_BYTES &&
         (inet_pton(AF_INET, text, parsed) == 1 ||
          inet_pton(AF_INET6, text, parsed) == 1);
}

/* Anything but an address is ignored: it would be part of a command. */
static void add_endpoint(struct haproxy_endpoints *endpoints,
                         const char *address) {
  if (address != NULL && endpoints->len < ENDPOINTS_MAX &&
      is_address(address) && !has_endpoint(endpoints, address)) {
    memcpy(endpoints->addresses[endpoints->len++], address,
           strlen(address) + 1);
  }
}

/* Adds what GET_ADDRESS finds in each entry of the arrays OUTER of LIST and
 * INNER of its entries. */
static void add_all_endpoints(const json_t *list, const char *outer,
                              const char *inner,
                              const char *(*get_address)(const json_t *entry),
                              struct haproxy_endpoints *endpoints) {
  size_t i, j;
  const json_t *group;
  const json_t *entry;
  json_array_foreach(json_object_get(list, outer), i, group) {
    json_array_foreach(json_object_get(group, inner), j, entry) {
      add_endpoint(endpoints, get_address(entry));
    }
  }
}

/* Of an EndpointSlice: the addresses of one endpoint lead to the same. */
static const char *parse_slice_address(const json_t *entry) {
  const json_t *conditions = json_object_get(entry, "conditions");
  bool is_ready = /* absent means ready */
      !json_is_false(json_object_get(conditions, "ready"));
  const json_t *addresses = json_object_get(entry, "addresses");
  return is_ready ? json_string_value(json_array_get(addresses, 0)) : NULL;
}

/* Of an Endpoints object. */
static const char *parse_subset_address(const json_t *entry) {
  return json_string_value(json_object_get(entry, "ip"));
}

/* All slices of a Service together are its endpoints, and one may be in
 * several. v1 came with Kubernetes 1.21, v1beta1 with 1.17. */
static int read_slices(struct haproxy *haproxy, struct action_call *call) {
  static const char *const versions[] = {"v1", "v1beta1"};
  json_t *list = NULL;
  int code = -ENOENT;
  for (size_t i = 0; i < 2 && code == -ENOENT; i++) {
    code = kubernetes_request(
        haproxy->base.kubernetes, "GET", NULL, call, &list,
        "/apis/discovery.k8s.io/%s/namespaces/%s/endpointslices"
        "?labelSelector=kubernetes.io/service-name%%3D%s",
        versions[i], haproxy->space, haproxy->service);
  }
  if (code == 0) {
    add_all_endpoints(list, "items", "endpoints", parse_slice_address,
                      &haproxy->endpoints);
  }
  json_decref(list);
  return code;
}

/* Reads EndpointSlices, or Endpoints on a cluster that has none. */
static int read_endpoints(struct haproxy *haproxy, struct action_call *call) {
  json_t *object = NULL;
  haproxy->endpoints.len = 0;
  int code = read_slices(haproxy, call);
  if (code == -ENOENT) {
    code = kubernetes_request(haproxy->base.kubernetes, "GET", NULL, call,
                              &object, "/api/v1/namespaces/%s/endpoints/%s",
                              haproxy->space, haproxy->service);
  }
  if (object != NULL) {
    add_all_endpoints(object, "subsets", "addresses", parse_subset_address,
                      &haproxy->endpoints);
  }
  json_decref(object);
  return code;
}

/* ---- servers ---- */

/* Sends a command that changes something; it and the response are journaled. */
static int send_server_command(const struct haproxy *haproxy, const char *line,
                               char **ret_text,
                               const struct action_call *call) {
  call->note(call->context, "request", json_pack("{s:s}", "line", line));
  int code =
      haproxy_socket_request(haproxy->options->socket, line, ret_text, call);
  action_call_note_response(call, code);
  return code;
}

/* "set server BACKEND/SLOT STATE": changes live until a reload. */
static int set_server_state(const struct haproxy *haproxy,
                            const struct haproxy_socket_slot *slot,
                            const char *what, const struct action_call *call) {
  char line[512];
  (void)snprintf(line, sizeof(line), "set server %s/%s %s",
                 haproxy->options->backend, slot->name, what);
  return send_server_command(haproxy, line, NULL, call);
}

/* Gives a free slot an address. HAProxy responds to this command with text. */
static int assign_slot_address(const struct haproxy *haproxy,
                               const struct haproxy_socket_slot *slot,
                               const char *address,
                               const struct action_call *call) {
  char line[512];
  char *text = NULL;
  (void)snprintf(line, sizeof(line), "set server %s/%s addr %s port %" PRId64,
                 haproxy->options->backend, slot->name, address,
                 haproxy->options->port);
  int code = send_server_command(haproxy, line, &text, call);
  if (code == 0 && strstr(text, "changed") == NULL &&
      strstr(text, "nothing") == NULL && strstr(text, "no need") == NULL &&
      text[strspn(text, " \n")] != '\0') {
    code = error_set(call->error, -EIO, "HAProxy: %s: %.*s", line,
                     (int)strcspn(text, "\n"), text);
  }
  free(text);
  return code == 0 ? set_server_state(haproxy, slot, "state ready", call)
                   : code;
}

/* Servers whose address is gone: first drained, then put into maintenance. */
static int drain_servers(struct haproxy *haproxy, int64_t now_s,
                         const struct action_call *call) {
  int code = 0;
  for (size_t i = 0; i < haproxy->slots.len && code == 0; i++) {
    struct haproxy_socket_slot *slot = &haproxy->slots.items[i];
    if (slot->is_out || has_endpoint(&haproxy->endpoints, slot->address)) {
      slot->draining_s = 0;
      continue;
    }
    if (slot->draining_s == 0) {
      slot->draining_s = now_s;
      code = set_server_state(haproxy, slot, "state drain", call);
    }
    if (code == 0 && (slot->sessions == 0 ||
                      now_s - slot->draining_s >= haproxy->options->drain_s)) {
      code = set_server_state(haproxy, slot, "state maint", call);
      slot->is_out = code == 0;
    }
  }
  return code;
}

/* The slot that serves ADDRESS; a free one where ADDRESS is NULL. NULL: there
 * is none. */
static struct haproxy_socket_slot *find_server_slot(struct haproxy *haproxy,
                                                    const char *address) {
  for (size_t i = 0; i < haproxy->slots.len; i++) {
    struct haproxy_socket_slot *slot = &haproxy->slots.items[i];
    if (address == NULL
            ? slot->is_out
            : !slot->is_out && strcmp(slot->address, address) == 0) {
      return slot;
    }
  }
  return NULL;
}

/* Addresses that have no slot yet, and those that were drained and came back.
 */
static int assign_slots(struct haproxy *haproxy,
                        const struct action_call *call) {
  int code = 0;
  for (size_t i = 0; i < haproxy->endpoints.len && code == 0; i++) {
    const char *address = haproxy->endpoints.addresses[i];
    struct haproxy_socket_slot *slot = find_server_slot(haproxy, address);
    if (slot != NULL) {
      code = slot->is_draining
                 ? set_server_state(haproxy, slot, "state ready", call)
                 : 0;
      continue;
    }
    slot = find_server_slot(haproxy, NULL);
    if (slot == NULL) {
      return error_set(call->error, -ENOSPC,
                       "backend %s: all %zu slots are in use; add slots to its "
                       "server-template",
                       haproxy->options->backend, haproxy->slots.len);
    }
    code = assign_slot_address(haproxy, slot, address, call);
    slot->is_out = false;
    memcpy(slot->address, address, strlen(address) + 1);
  }
  return code;
}

/* Both before anything is changed: a side that cannot be read must not empty
 * the other one. */
static int read_endpoints_and_slots(struct haproxy *haproxy,
                                    struct action_call *call) {
  int code = read_endpoints(haproxy, call);
  return code == 0 ? haproxy_socket_read_slots(&haproxy->slots,
                                               haproxy->options->socket,
                                               haproxy->options->backend, call)
                   : code;
}

/* New servers come before old ones go, so that there is never none. */
static int set_haproxy(void *self, const struct action_request *request,
                       struct action_call *call) {
  struct haproxy *haproxy = self;
  int code = read_endpoints_and_slots(haproxy, call);
  if (code == 0 && haproxy->endpoints.len == 0) {
    /* That all are gone at once is more likely a mistake. */
    code = error_set(call->error, -ENODATA,
                     "%s has no ready endpoint; the servers are not changed",
                     haproxy->options->endpoints);
  }
  if (code == 0) {
    code = assign_slots(haproxy, call);
  }
  if (code == 0 || code == -ENOSPC) {
    int second = drain_servers(haproxy, request->now_s, call);
    code = code == 0 ? second : code;
  }
  call->again_in_ms = haproxy->options->every_s * 1000;
  return code;
}

/* Reads both sides and compares nothing: that the API server and HAProxy
 * respond is what can be tested without a change. */
static int self_test_haproxy(void *self, struct action_call *call) {
  return read_endpoints_and_slots(self, call);
}

/* ---- the driver ---- */

/* A backend is kept equal to one Service, so its name suffices. */
static void format_haproxy_subject(const void *options, char *text,
                                   size_t bytes) {
  const struct haproxy_options *own = options;
  (void)snprintf(text, bytes, "%s", own->backend);
}

/* The option table has checked that there is a slash and how long the parts
 * are. */
static int init_haproxy(void *self, struct error *error) {
  struct haproxy *haproxy = self;
  (void)error;
  haproxy->options = haproxy->base.options;
  const char *path = haproxy->options->endpoints;
  haproxy->service = strchr(path, '/') + 1;
  memcpy(haproxy->space, path, (size_t)(haproxy->service - 1 - path));
  return 0;
}

const struct action_driver action_haproxy_driver = {
    .block =
        {
            .name = "HAProxy",
            .label = OPTION_LABEL_NONE,
            .is_repeatable = true,
            .size = sizeof(struct haproxy_options),
            .help =
                "Sets the servers of an HAProxy backend to the endpoints of a "
                "Kubernetes Service, through the runtime API. In Mode C<auto> "
                "it always does so, even while the response is not engaged.",
            OPTION_ROWS(option_rows),
        },
    .is_standing = true,
    .needs_kubernetes = true,
    .size = sizeof(struct haproxy),
    .format_subject = format_haproxy_subject,
    .init = init_haproxy,
    .set = set_haproxy,
    .self_test = self_test_haproxy,
};
