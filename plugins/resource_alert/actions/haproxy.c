/* SPDX-License-Identifier: MIT */
/* haproxy: keeps the servers of an HAProxy backend equal to the endpoints of a
 * Kubernetes Service.
 *
 * Servers are slots of a server-template: at run time HAProxy can change the
 * address of a slot, but makes none. What is set here lives until HAProxy
 * reloads; the next comparison then sets it again. So this action is standing:
 * it compares both sides all the time.
 *
 * The memory holds the slots that were filled here, by name: {"address",
 * "port", "phase", "since_ms"}. It is saved before a slot is filled, and counts
 * only as far as HAProxy shows the same. Other servers are never changed. The
 * phases:
 *   filling   gets its address, and is made ready
 *   serving   was seen ready; if it is not ready now, somebody else did it
 *   draining  since since_ms: its address is not wanted any more; it is
 *             forgotten when it is seen in maintenance */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
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
     .help = "Path of HAProxy's stats socket or master socket, which must have "
             "level admin."},
    {OPTION("Backend", STRING, struct haproxy_options, backend),
     .is_required = true, .example = "\"api\"",
     .check = haproxy_socket_check_name,
     .help = "Name of the backend. It needs free servers, created with "
             "C<server-template> and C<disabled>."},
    {OPTION("Endpoints", STRING, struct haproxy_options, endpoints),
     .is_required = true, .example = "\"trading/api\"",
     .check = check_endpoints_option,
     .help = "Namespace and name of a Kubernetes Service. The servers get the "
             "ready addresses of this Service; if it has IPv4 and IPv6 "
             "addresses, the IPv4 addresses."},
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

/* The addresses that the servers are to have. */
struct haproxy_endpoints {
  size_t len;
  char addresses[ENDPOINTS_MAX][HAPROXY_SOCKET_ADDRESS_BYTES];
};

/* What was read last. 260 KB in all, allocated once. */
struct haproxy {
  struct action base;
  const struct haproxy_options *options; /* of base */
  struct haproxy_socket socket;
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

/* Anything but an address is ignored: it would be part of a command. */
static void add_endpoint(struct haproxy_endpoints *endpoints,
                         const char *text) {
  char address[HAPROXY_SOCKET_ADDRESS_BYTES];
  if (text != NULL && endpoints->len < ENDPOINTS_MAX &&
      haproxy_socket_format_address(text, address) &&
      !has_endpoint(endpoints, address)) {
    memcpy(endpoints->addresses[endpoints->len++], address, sizeof(address));
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

/* Slices of that family only; NULL: of all. Returns how many endpoints they
 * have, ready or not. */
static size_t add_slices(const json_t *list, const char *family,
                         struct haproxy_endpoints *endpoints) {
  size_t i, j, count = 0;
  const json_t *slice;
  const json_t *entry;
  json_array_foreach(json_object_get(list, "items"), i, slice) {
    const char *type = json_string_value(json_object_get(slice, "addressType"));
    if (family != NULL && (type == NULL || strcmp(type, family) != 0)) {
      continue;
    }
    json_array_foreach(json_object_get(slice, "endpoints"), j, entry) {
      add_endpoint(endpoints, parse_slice_address(entry));
      count++;
    }
  }
  return count;
}

/* Of an Endpoints object; NULL: there is none. */
static void add_subsets(const json_t *object,
                        struct haproxy_endpoints *endpoints) {
  size_t i, j;
  const json_t *subset;
  const json_t *entry;
  json_array_foreach(json_object_get(object, "subsets"), i, subset) {
    json_array_foreach(json_object_get(subset, "addresses"), j, entry) {
      add_endpoint(endpoints, json_string_value(json_object_get(entry, "ip")));
    }
  }
}

/* All slices of a Service together are its endpoints, and one may be in
 * several. A dual-stack Service has each pod in a slice of each family. v1 came
 * with Kubernetes 1.21, v1beta1 with 1.17. */
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
  if (code == 0 && add_slices(list, "IPv4", &haproxy->endpoints) == 0) {
    (void)add_slices(list, NULL, &haproxy->endpoints);
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
  add_subsets(object, &haproxy->endpoints);
  json_decref(object);
  return code;
}

/* ---- slots ---- */

static const struct haproxy_socket_slot *
find_slot_by_name(const struct haproxy *haproxy, const char *name) {
  for (size_t i = 0; i < haproxy->slots.len; i++) {
    if (strcmp(haproxy->slots.items[i].name, name) == 0) {
      return &haproxy->slots.items[i];
    }
  }
  return NULL;
}

static bool is_ready(const struct haproxy_socket_slot *slot) {
  return !slot->is_out && !slot->is_draining;
}

/* Disabled in the configuration, not by a person, of a server-template, whose
 * names end in a number, and not filled here. */
static bool is_foreign_slot(const struct haproxy_socket_slot *slot,
                            const json_t *memory) {
  size_t length = strlen(slot->name);
  return slot->is_disabled && length > 0 &&
         isdigit((unsigned char)slot->name[length - 1]) &&
         json_object_get(memory, slot->name) == NULL;
}

/* HAProxy takes no address for a slot that began with none. */
static bool is_free(const struct haproxy_socket_slot *slot,
                    const json_t *memory) {
  return slot->is_out && slot->address[0] != '\0' &&
         is_foreign_slot(slot, memory);
}

/* NULL: there is none. */
static const struct haproxy_socket_slot *
find_free_slot(const struct haproxy *haproxy, const json_t *memory) {
  for (size_t i = 0; i < haproxy->slots.len; i++) {
    if (is_free(&haproxy->slots.items[i], memory)) {
      return &haproxy->slots.items[i];
    }
  }
  return NULL;
}

/* The server of that endpoint, ours or not; NULL: there is none. A free
 * slot keeps the address that it had before. */
static const struct haproxy_socket_slot *
find_server(const struct haproxy *haproxy, const char *address,
            const json_t *memory) {
  for (size_t i = 0; i < haproxy->slots.len; i++) {
    const struct haproxy_socket_slot *slot = &haproxy->slots.items[i];
    if (strcmp(slot->address, address) == 0 &&
        slot->port == haproxy->options->port && !is_free(slot, memory)) {
      return slot;
    }
  }
  return NULL;
}

/* ---- what was filled here ---- */

/* "" for an entry that is broken: it is like no slot, and forgotten. */
static const char *get_text(const json_t *own, const char *key) {
  const char *text = json_string_value(json_object_get(own, key));
  return text == NULL ? "" : text;
}

static int64_t get_number(const json_t *own, const char *key) {
  return json_integer_value(json_object_get(own, key));
}

static bool is_in_phase(const json_t *own, const char *phase) {
  return strcmp(get_text(own, "phase"), phase) == 0;
}

static void set_phase(json_t *own, const char *phase) {
  (void)json_object_set_new(own, "phase", json_string(phase));
  (void)json_object_set_new(own, "since_ms",
                            json_integer((json_int_t)clock_monotonic_ms()));
}

static bool is_wanted(const struct haproxy *haproxy, const json_t *own) {
  return get_number(own, "port") == haproxy->options->port &&
         has_endpoint(&haproxy->endpoints, get_text(own, "address"));
}

/* Compares a slot that was filled here with what HAProxy shows. False: forget
 * it, because it is empty or was changed by another, which is journaled. */
static bool settle_slot(const struct haproxy *haproxy, const char *name,
                        json_t *own, const struct action_call *call) {
  const struct haproxy_socket_slot *slot = find_slot_by_name(haproxy, name);
  const char *finding = "was reset or changed by another";
  bool wanted = is_wanted(haproxy, own);
  if (slot == NULL) {
    finding = "is not shown by HAProxy any more";
  } else if (strcmp(slot->address, get_text(own, "address")) == 0 &&
             slot->port == get_number(own, "port")) {
    if (slot->is_out && !wanted) {
      return false;
    }
    if (is_in_phase(own, "draining") && wanted) {
      set_phase(own, "filling"); /* it came back */
    }
    if (is_in_phase(own, "filling") && is_ready(slot)) {
      set_phase(own, "serving");
    }
    if (!is_in_phase(own, "draining") || !is_ready(slot)) {
      return true;
    }
    finding = "was made ready by another";
  }
  if (!is_in_phase(own, "filling")) {
    call->note(call->context, "left_alone",
               json_pack("{s:s, s:s}", "server", name, "finding", finding));
  }
  return false;
}

static void settle_slots(const struct haproxy *haproxy,
                         const struct action_call *call) {
  const char *name;
  void *next;
  json_t *own;
  json_object_foreach_safe(call->memory, next, name, own) {
    if (!settle_slot(haproxy, name, own, call)) {
      (void)json_object_del(call->memory, name);
    }
  }
}

static int set_no_slot_error(const struct haproxy *haproxy,
                             const json_t *memory, const char *address,
                             struct error *error) {
  return error_set(error, -ENOSPC,
                   "backend %s: no free slot for %s, %zu are in use; its "
                   "server-template needs more slots, and \"disabled\"",
                   haproxy->options->backend, address,
                   json_object_size(memory));
}

/* Chooses a slot for each endpoint that has no server; only in MEMORY. Returns
 * 0; -ENOSPC, when those that got one are to be filled all the same. */
static int assign_slots(const struct haproxy *haproxy, json_t *memory,
                        struct error *error) {
  for (size_t i = 0; i < haproxy->endpoints.len; i++) {
    const char *address = haproxy->endpoints.addresses[i];
    if (find_server(haproxy, address, memory) != NULL) {
      continue;
    }
    const struct haproxy_socket_slot *slot = find_free_slot(haproxy, memory);
    if (slot == NULL) {
      return set_no_slot_error(haproxy, memory, address, error);
    }
    (void)json_object_set_new(
        memory, slot->name,
        json_pack("{s:s, s:I, s:s}", "address", address, "port",
                  (json_int_t)haproxy->options->port, "phase", "filling"));
  }
  return 0;
}

/* ---- commands ---- */

/* Sends "set server BACKEND/SLOT WHAT"; it and the response are journaled. */
static int set_server(const struct haproxy *haproxy, const char *name,
                      const char *what, const struct action_call *call) {
  char line[512];
  (void)snprintf(line, sizeof(line), "set server %s/%s %s",
                 haproxy->options->backend, name, what);
  call->note(call->context, "request", json_pack("{s:s}", "line", line));
  int code = haproxy_socket_request(&haproxy->socket, line, NULL, call);
  action_call_note_response(call, code);
  return code;
}

static int fill_slot(const struct haproxy *haproxy, const char *name,
                     const json_t *own, const struct action_call *call) {
  char what[128];
  (void)snprintf(what, sizeof(what), "addr %s port %" PRId64,
                 get_text(own, "address"), haproxy->options->port);
  int code = set_server(haproxy, name, what, call);
  return code == 0 ? set_server(haproxy, name, "state ready", call) : code;
}

/* First drained, then put into maintenance. A clock that began anew ends the
 * draining. */
static int empty_slot(const struct haproxy *haproxy,
                      const struct haproxy_socket_slot *slot, json_t *own,
                      const struct action_call *call) {
  if (!is_in_phase(own, "draining")) {
    int code = set_server(haproxy, slot->name, "state drain", call);
    if (code != 0) {
      return code;
    }
    set_phase(own, "draining");
  }
  int64_t lasted_ms = clock_monotonic_ms() - get_number(own, "since_ms");
  bool is_over = slot->sessions == 0 || lasted_ms < 0 ||
                 lasted_ms >= haproxy->options->drain_s * 1000;
  return is_over ? set_server(haproxy, slot->name, "state maint", call) : 0;
}

/* Fills or empties each slot that needs it; one that fails delays no other.
 * is_filling: new servers come before old ones go, so that there is never
 * none. */
static int change_slots(const struct haproxy *haproxy, bool is_filling,
                        const struct action_call *call) {
  const char *name;
  json_t *own;
  int code = 0;
  json_object_foreach(call->memory, name, own) {
    const struct haproxy_socket_slot *slot = find_slot_by_name(haproxy, name);
    bool wanted = is_wanted(haproxy, own);
    int changed = 0;
    if (is_filling && wanted && is_in_phase(own, "filling")) {
      changed = fill_slot(haproxy, name, own, call);
    } else if (!is_filling && !wanted && slot != NULL) {
      changed = empty_slot(haproxy, slot, own, call);
    }
    code = code == 0 ? changed : code;
  }
  return code;
}

/* ---- looking and acting ---- */

static int read_slots(struct haproxy *haproxy, struct action_call *call) {
  return haproxy_socket_read_slots(&haproxy->slots, &haproxy->socket,
                                   haproxy->options->backend, call);
}

/* Both before anything is changed: a side that cannot be read must not empty
 * the other one. */
static int read_endpoints_and_slots(struct haproxy *haproxy,
                                    struct action_call *call) {
  int code = read_endpoints(haproxy, call);
  if (code == 0 && haproxy->endpoints.len == 0) {
    /* That all are gone at once is more likely a mistake. */
    return error_set(call->error, -ENODATA,
                     "%s has no ready endpoint; the servers are not changed",
                     haproxy->options->endpoints);
  }
  return code == 0 ? read_slots(haproxy, call) : code;
}

/* BEFORE: the memory as it was saved last. */
static int set_slots(const struct haproxy *haproxy, const json_t *before,
                     const struct action_call *call) {
  struct error no_slot = {{0}};
  settle_slots(haproxy, call);
  int assigned = assign_slots(haproxy, call->memory, &no_slot);
  if (!json_equal(before, call->memory)) {
    call->save(call->context);
  }
  int filled = change_slots(haproxy, true, call);
  int emptied = change_slots(haproxy, false, call);
  if (filled != 0 || emptied != 0) {
    return filled != 0 ? filled : emptied;
  }
  return assigned == 0 ? 0
                       : error_set(call->error, assigned, "%s", no_slot.text);
}

/* Each endpoint has a server that is ready, unless another keeps it out. A slot
 * that another has filled, or this action before its memory was lost, may lead
 * nowhere. */
static int check_servers(const struct haproxy *haproxy,
                         struct action_call *call) {
  (void)action_call_set_outcome(call, ACTION_CONFIRMED, "%s", "");
  for (size_t i = 0; i < haproxy->slots.len; i++) {
    const struct haproxy_socket_slot *slot = &haproxy->slots.items[i];
    if (!slot->is_out && is_foreign_slot(slot, call->memory) &&
        !has_endpoint(&haproxy->endpoints, slot->address)) {
      (void)action_call_set_outcome(call, ACTION_LEFT_ALONE,
                                    "server %s (%s) was filled by another",
                                    slot->name, slot->address);
    }
  }
  for (size_t i = 0; i < haproxy->endpoints.len; i++) {
    const char *address = haproxy->endpoints.addresses[i];
    const struct haproxy_socket_slot *slot =
        find_server(haproxy, address, call->memory);
    if (slot == NULL ||
        is_in_phase(json_object_get(call->memory, slot->name), "filling")) {
      return error_set(call->error, -ESTALE,
                       "backend %s: HAProxy shows no server with address %s "
                       "that is ready, though it took the commands",
                       haproxy->options->backend, address);
    }
    if (!is_ready(slot)) {
      (void)action_call_set_outcome(call, ACTION_LEFT_ALONE,
                                    "server %s (%s) was put out of service by "
                                    "another",
                                    slot->name, address);
    }
  }
  return 0;
}

/* What was changed is looked at again: done is what HAProxy shows. */
static int set_haproxy(void *self, const struct action_request *request,
                       struct action_call *call) {
  struct haproxy *haproxy = self;
  (void)request; /* standing */
  json_t *before = json_deep_copy(call->memory);
  call->again_in_ms = haproxy->options->every_s * 1000;
  int code = read_endpoints_and_slots(haproxy, call);
  code = code == 0 ? set_slots(haproxy, before, call) : code;
  if (code == 0 && !json_equal(before, call->memory)) {
    code = read_slots(haproxy, call);
    if (code == 0) {
      settle_slots(haproxy, call);
    }
  }
  json_decref(before);
  return code == 0 ? check_servers(haproxy, call) : code;
}

/* Reads both sides, and finds what would keep a change from being made. */
static int self_test_haproxy(void *self, struct action_call *call) {
  struct haproxy *haproxy = self;
  int code = read_endpoints_and_slots(haproxy, call);
  code = code == 0 ? haproxy_socket_check_level(&haproxy->socket, call) : code;
  json_t *memory = json_deep_copy(call->memory);
  code = code == 0 ? assign_slots(haproxy, memory, call->error) : code;
  if (code == 0 && json_object_size(memory) == 0 &&
      find_free_slot(haproxy, memory) == NULL) {
    code = set_no_slot_error(haproxy, memory, "the next endpoint", call->error);
  }
  json_decref(memory);
  return code;
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
  haproxy->socket.path = haproxy->options->socket;
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
