/* SPDX-License-Identifier: MIT */
/* haproxy_socket: HAProxy's runtime API: commands, and the servers of a
 * backend.
 *
 * Responses are tables of text: a heading that begins with "#", then a line for
 * each server, with columns at spaces. They are parsed by the names in the
 * heading. */
#include "resource_alert/clients/haproxy_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Not option_check_name(): HAProxy allows ':', and any of these first. Nobody
 * needs the names of directories. */
int haproxy_socket_check_name(const char *value, struct error *error) {
  static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_-.:"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  size_t length = strlen(value);
  if (length == 0 || length >= HAPROXY_SOCKET_NAME_BYTES) {
    return error_set(error, -EINVAL, "must have 1 to %d characters",
                     HAPROXY_SOCKET_NAME_BYTES - 1);
  }
  return strspn(value, allowed) == length && strspn(value, ".") < length
             ? 0
             : error_set(error, -EINVAL,
                         "may hold letters, digits, '_', '-', '.' and ':'");
}

/* Each command has its own connection: HAProxy closes it after the response. */
static int connect_haproxy(const char *path, int *ret_fd, struct error *error) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof(address.sun_path)) {
    return error_set(error, -ENAMETOOLONG, "%s: path is too long", path);
  }
  memcpy(address.sun_path, path, strlen(path) + 1);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0 ||
      connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
    int code = -errno;
    if (fd >= 0) {
      (void)close(fd);
    }
    /* -EAGAIN, for a full backlog, would mean that a step was done. */
    return error_set(error, code == -EAGAIN ? -EBUSY : code, "%s: %s", path,
                     strerror(-code));
  }
  *ret_fd = fd;
  return 0;
}

/* MSG_NOSIGNAL: a SIGPIPE would end the daemon. */
static int write_command(int fd, const char *line,
                         const struct action_call *call) {
  size_t bytes = strlen(line);
  for (size_t sent = 0; sent < bytes;) {
    ssize_t put = send(fd, line + sent, bytes - sent, MSG_NOSIGNAL);
    if (put > 0) {
      sent += (size_t)put;
      continue;
    }
    if (errno != EAGAIN && errno != EINTR) {
      int code = -errno;
      return error_set(call->error, code, "HAProxy: %s", strerror(-code));
    }
    int code = action_call_wait(call, fd, POLLOUT, "HAProxy");
    if (code != 0) {
      return code;
    }
  }
  return 0;
}

/* Up to the end of the connection, which ends the response. */
static int read_whole_response(int fd, char *response,
                               const struct action_call *call) {
  size_t bytes = 0;
  for (;;) {
    int code = action_call_wait(call, fd, POLLIN, "HAProxy");
    if (code != 0) {
      return code;
    }
    ssize_t got = recv(fd, response + bytes,
                       HAPROXY_SOCKET_RESPONSE_BYTES - 1 - bytes, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
      continue;
    }
    if (got < 0) {
      code = -errno;
      return error_set(call->error, code, "HAProxy: %s", strerror(-code));
    }
    bytes += (size_t)got;
    if (bytes + 1 >= HAPROXY_SOCKET_RESPONSE_BYTES) {
      return error_set(call->error, -EMSGSIZE,
                       "HAProxy's response is too long");
    }
    if (got == 0) {
      response[bytes] = '\0';
      return 0;
    }
  }
}

/* A newline or a semicolon would begin another command. The end of what we send
 * makes the master process close the connection, too, after its response. */
static int exchange_command(const struct haproxy_socket *haproxy,
                            const char *line, char *response,
                            const struct action_call *call) {
  char text[1024];
  int fd = -1;
  if (strpbrk(line, "\r\n;") != NULL ||
      snprintf(text, sizeof(text), "%s%s\n", haproxy->is_master ? "@1 " : "",
               line) >= (int)sizeof(text)) {
    return error_set(call->error, -EINVAL,
                     "HAProxy: the command is longer than %zu bytes or "
                     "contains a newline or semicolon",
                     sizeof(text) - 5);
  }
  int code = connect_haproxy(haproxy->path, &fd, call->error);
  if (code == 0) {
    code = write_command(fd, text, call);
    (void)shutdown(fd, SHUT_WR);
    code = code == 0 ? read_whole_response(fd, response, call) : code;
    (void)close(fd);
  }
  return code;
}

static bool begins_with(const char *text, const char *beginning) {
  return strncmp(text, beginning, strlen(beginning)) == 0;
}

/* Nothing, or what "set server ... addr" responds. */
static bool is_success(const char *response) {
  return response[strspn(response, " \n")] == '\0' ||
         begins_with(response, "IP changed") ||
         begins_with(response, "port changed") ||
         begins_with(response, "no need to change") ||
         begins_with(response, "nothing changed");
}

/* Returns what a response that is no success means. */
static int set_refusal(const char *line, const char *response,
                       struct error *error) {
  bool is_denied = begins_with(response, "Permission denied");
  bool is_missing = begins_with(response, "No such ") ||
                    begins_with(response, "Can't find backend");
  return error_set(error,
                   is_denied    ? -EACCES
                   : is_missing ? -ENOENT
                                : -EIO,
                   "HAProxy: %s: %.*s%s", line, (int)strcspn(response, "\n"),
                   response,
                   is_denied ? "; the socket must have level admin" : "");
}

int haproxy_socket_request(const struct haproxy_socket *haproxy,
                           const char *line, char **ret_text,
                           const struct action_call *call) {
  char *response = malloc(HAPROXY_SOCKET_RESPONSE_BYTES);
  if (response == NULL) {
    return error_set(call->error, -ENOMEM, "out of memory");
  }
  int code = exchange_command(haproxy, line, response, call);
  if (code == 0 && ret_text != NULL) {
    *ret_text = response;
    return 0;
  }
  if (code == 0 && !is_success(response)) {
    code = set_refusal(line, response, call->error);
  }
  free(response);
  return code;
}

int haproxy_socket_check_level(const struct haproxy_socket *haproxy,
                               const struct action_call *call) {
  char *level = NULL;
  int code = haproxy_socket_request(haproxy, "show cli level", &level, call);
  if (code == 0 && !begins_with(level, "admin\n")) {
    code = error_set(call->error, -EACCES,
                     "%s has level \"%.*s\"; write \"level admin\" into the "
                     "line of HAProxy's configuration that makes it",
                     haproxy->path, (int)strcspn(level, "\n"), level);
  }
  free(level);
  return code;
}

#define COLUMNS_MAX 64

/* Bits of srv_admin_state. DISABLED only remembers what the configuration says,
 * and stays when the server is made ready. */
enum {
  ADMIN_MAINTENANCE = 0x63,
  ADMIN_DISABLED = 0x04,
  ADMIN_DRAIN = 0x18,
};

bool haproxy_socket_format_address(const char *text,
                                   char address[HAPROXY_SOCKET_ADDRESS_BYTES]) {
  struct in6_addr parsed;
  const unsigned char *bytes = parsed.s6_addr;
  int family = inet_pton(AF_INET, text, &parsed) == 1 ? AF_INET : AF_INET6;
  if (family == AF_INET6 && inet_pton(family, text, &parsed) != 1) {
    return false;
  }
  if (family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&parsed)) {
    family = AF_INET;
    bytes += 12;
  }
  return inet_ntop(family, bytes, address, HAPROXY_SOCKET_ADDRESS_BYTES) !=
         NULL;
}

struct line {
  char *columns[COLUMNS_MAX];
  size_t len;
};

/* Splits at spaces and leaves out the "#" before a heading. Columns beyond the
 * maximum are dropped. */
static struct line split_columns(char *text) {
  struct line line = {.len = 0};
  char *rest = text;
  char *word;
  while (line.len < COLUMNS_MAX && (word = strsep(&rest, " ")) != NULL) {
    if (word[0] != '\0' && strcmp(word, "#") != 0) {
      line.columns[line.len++] = word;
    }
  }
  return line;
}

/* The column of that name; COLUMNS_MAX: there is none. */
static size_t find_column(const struct line *head, const char *name) {
  for (size_t i = 0; i < head->len; i++) {
    if (strcmp(head->columns[i], name) == 0) {
      return i;
    }
  }
  return COLUMNS_MAX;
}

/* "" where the line is shorter than its heading. */
static const char *get_column(const struct line *line, size_t column) {
  return column < line->len ? line->columns[column] : "";
}

/* By the names of the columns, whose order has changed between versions of
 * HAProxy. */
static void parse_state_line(struct haproxy_socket_slots *slots,
                             const struct line *head, const struct line *line) {
  if (slots->len == HAPROXY_SOCKET_SLOTS_MAX) {
    return;
  }
  const char *name = get_column(line, find_column(head, "srv_name"));
  const char *address = get_column(line, find_column(head, "srv_addr"));
  const char *port = get_column(line, find_column(head, "srv_port"));
  const char *state = get_column(line, find_column(head, "srv_admin_state"));
  long admin = strtol(state, NULL, 10);
  struct haproxy_socket_slot *slot = &slots->items[slots->len++];
  *slot = (struct haproxy_socket_slot){
      .port = strtoll(port, NULL, 10),
      .is_disabled = (admin & ADMIN_DISABLED) != 0,
      .is_out = (admin & ADMIN_MAINTENANCE) != 0,
      .is_draining = (admin & ADMIN_DRAIN) != 0,
  };
  if (haproxy_socket_check_name(name, NULL) == 0) {
    memcpy(slot->name, name, strlen(name) + 1);
  }
  (void)haproxy_socket_format_address(address, slot->address);
}

/* "# bkname/svname bkid/svid addr port - purge_delay used_cur ..." */
static void parse_sessions_line(struct haproxy_socket_slots *slots,
                                const struct line *head,
                                const struct line *line) {
  const char *name = strchr(get_column(line, 0), '/');
  for (size_t i = 0; name != NULL && i < slots->len; i++) {
    if (strcmp(slots->items[i].name, name + 1) == 0) {
      slots->items[i].sessions =
          strtoll(get_column(line, find_column(head, "used_cur")), NULL, 10);
    }
  }
}

typedef void line_parser(struct haproxy_socket_slots *slots,
                         const struct line *head, const struct line *line);

/* Hands each line of TEXT, which it cuts up, to PARSE, with the heading that
 * stands above it. Returns the last heading. */
static struct line parse_table(struct haproxy_socket_slots *slots, char *text,
                               line_parser *parse) {
  struct line head = {.len = 0};
  char *row;
  while ((row = strsep(&text, "\n")) != NULL) {
    bool is_head = row[0] == '#';
    struct line line = split_columns(row);
    if (is_head) {
      head = line;
    } else if (line.len > 4 && head.len > 0) {
      parse(slots, &head, &line);
    }
  }
  return head;
}

int haproxy_socket_parse_slots(struct haproxy_socket_slots *slots, char *state,
                               char *sessions, struct error *error) {
  slots->len = 0;
  struct line head = parse_table(slots, state, parse_state_line);
  if (find_column(&head, "srv_admin_state") == COLUMNS_MAX || slots->len == 0) {
    return error_set(error, -EPROTO, "HAProxy lists no servers");
  }
  (void)parse_table(slots, sessions, parse_sessions_line);
  return 0;
}

/* The master process knows no command about servers, and a worker none with
 * "@1". An empty line ends a table: one that was cut would seem to have fewer
 * servers. */
static int request_table(struct haproxy_socket *haproxy, const char *what,
                         const char *backend, char **ret_text,
                         const struct action_call *call) {
  char line[256];
  (void)snprintf(line, sizeof(line), "show servers %s %s", what, backend);
  int code = haproxy_socket_request(haproxy, line, ret_text, call);
  if (code == 0 && begins_with(*ret_text, "Unknown command")) {
    free(*ret_text);
    *ret_text = NULL;
    haproxy->is_master = !haproxy->is_master;
    code = haproxy_socket_request(haproxy, line, ret_text, call);
  }
  if (code != 0) {
    return code;
  }
  const char *end = strstr(*ret_text, "\n\n");
  return strchr(*ret_text, '#') == NULL
             ? set_refusal(line, *ret_text, call->error)
         : end == NULL
             ? error_set(call->error, -EPROTO,
                         "HAProxy: %s: the response is not whole", line)
             : 0;
}

int haproxy_socket_read_slots(struct haproxy_socket_slots *slots,
                              struct haproxy_socket *haproxy,
                              const char *backend,
                              const struct action_call *call) {
  char *state = NULL;
  char *sessions = NULL;
  int code = request_table(haproxy, "state", backend, &state, call);
  if (code == 0) {
    code = request_table(haproxy, "conn", backend, &sessions, call);
  }
  if (code == 0) {
    code = haproxy_socket_parse_slots(slots, state, sessions, call->error);
    if (code != 0) {
      error_prefix(call->error, "backend %s", backend);
    }
  }
  free(state);
  free(sessions);
  return code;
}
