/* SPDX-License-Identifier: MIT */
/* haproxy_options: what a <HAProxy> may hold. */
#include "resource_alert/actions/haproxy_options.h"

#include <errno.h>
#include <string.h>

#include "resource_alert/actions/drivers.h"
#include "resource_alert/actions/exec_command.h"
#include "resource_alert/actions/kubernetes.h"

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

const struct option_block haproxy_block = {
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
