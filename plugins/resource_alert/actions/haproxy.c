/* SPDX-License-Identifier: MIT */
/* haproxy: keeps the servers of an HAProxy backend in step with the endpoints.
 */
#include "resource_alert/actions/haproxy.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json_util.h"
#include "resource_alert/actions/action.h"
#include "resource_alert/actions/endpoints.h"
#include "resource_alert/actions/exec_command.h"
#include "resource_alert/clients/haproxy_socket.h"
#include "resource_alert/clients/kubernetes.h"
#include "resource_alert/journal.h"

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

static const struct option option_rows[] = {
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
     .example = "\"trading/api\"",
     .check = check_endpoints,
     .help = "Namespace and name of the Kubernetes Service whose ready "
             "addresses the servers are to have."},
    {.name = "EndpointsCommand",
     .kind = OPTION_STRINGS,
     .offset = FIELD(command),
     .example = "\"/usr/local/bin/list-api\"",
     .help = "In place of B<Endpoints>, outside of Kubernetes: a program, with "
             "its absolute path, and its arguments, that prints the addresses, "
             "one a line. It is run as B<Command> of B<E<lt>ExecE<gt>> is."},
    {.name = "User",
     .kind = OPTION_STRING,
     .offset = FIELD(user),
     .help = EXEC_COMMAND_USER_HELP},
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

static int check_block(const void *target, struct error *error) {
  const struct haproxy_options *options = target;
  if ((options->endpoints != NULL) == (options->command.len > 0)) {
    return error_set(error, -EINVAL,
                     "needs either Endpoints or EndpointsCommand: write "
                     "Endpoints \"trading/api\"");
  }
  return exec_command_check_words("EndpointsCommand", &options->command, error);
}

const struct option_block action_haproxy_block = {
    .name = "HAProxy",
    .label = OPTION_LABEL_NONE,
    .is_repeatable = true,
    .size = sizeof(struct haproxy_options),
    .help = "Lets the servers of a HAProxy backend follow the endpoints of a "
            "Kubernetes Service, or a list of your own, through the runtime "
            "API. It does so at all times, engaged or not, in Mode C<auto>.",
    .options = option_rows,
    .options_len = OPTION_COUNT(option_rows),
    .check = check_block,
};

#define OUTPUT_BYTES 65536 /* of the command: more than all addresses take */

struct haproxy {
  const struct haproxy_options *options;
  struct kubernetes *kubernetes; /* NULL: the command */
  char space[254];
  const char *service; /* within the options */
  struct exec_command command;
  char output[OUTPUT_BYTES];
  struct endpoints endpoints;
  struct haproxy_socket_slots slots;
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
  int code = haproxy_socket_request(haproxy->options->socket, line, ret_answer,
                                    call, &reason);
  call->note(call->context, "response",
             json_pack("{s:o}", "error",
                       code == 0 ? json_null() : json_util_text(reason.text)));
  return code == 0 ? 0 : error_set(error, code, "%s", reason.text);
}

static int order(const struct haproxy *haproxy,
                 const struct haproxy_socket_slot *slot, const char *what,
                 const struct action_call *call, struct error *error) {
  char line[512];
  (void)snprintf(line, sizeof(line), "set server %s/%s %s",
                 haproxy->options->backend, slot->name, what);
  return send_line(haproxy, line, NULL, call, error);
}

/* Gives a free slot an address. HAProxy answers this one with a text. */
static int fill_slot(const struct haproxy *haproxy,
                     const struct haproxy_socket_slot *slot,
                     const char *address, const struct action_call *call,
                     struct error *error) {
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
    struct haproxy_socket_slot *slot = &haproxy->slots.items[i];
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

static struct haproxy_socket_slot *find_slot(struct haproxy *haproxy,
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

/* Addresses that have no slot yet, and those that were drained and are back. */
static int fill_slots(struct haproxy *haproxy, const struct action_call *call,
                      struct error *error) {
  int code = 0;
  for (size_t i = 0; i < haproxy->endpoints.len && code == 0; i++) {
    const char *address = haproxy->endpoints.addresses[i];
    struct haproxy_socket_slot *slot = find_slot(haproxy, address);
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
             ? haproxy_socket_read_slots(&haproxy->slots,
                                         haproxy->options->socket,
                                         haproxy->options->backend, call, error)
             : code;
}

static int set(void *self, const struct action_request *request,
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
    int second = empty_slots(haproxy, request->now_s, call, error);
    code = code == 0 ? second : code;
  }
  call->again_in_ms = haproxy->options->every_s * 1000;
  return code;
}

static int drill(void *self, struct action_call *call, struct error *error) {
  return look(self, call, error);
}

const struct action_driver action_haproxy_driver = {
    .block = &action_haproxy_block,
    .describe = describe,
    .is_standing = true,
    .check = check,
    .new = create,
    .set = set,
    .self_test = drill,
    .free = destroy,
};
