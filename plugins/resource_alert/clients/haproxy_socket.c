/* SPDX-License-Identifier: MIT */
/* haproxy_socket: HAProxy's runtime API: commands, and the servers of a
 * backend.
 *
 * Responses are tables of text: a heading that begins with "#", then a line for
 * each server, with columns at spaces. They are parsed by the names in the
 * heading. */
#include "resource_alert/clients/haproxy_socket.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/option.h"

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
    return error_set(error, code, "%s: %s", path, strerror(-code));
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

/* A newline or a semicolon would begin another command. */
static int exchange_command(const char *path, const char *line, char *response,
                            const struct action_call *call) {
  char text[1024];
  int fd = -1;
  if (strpbrk(line, "\r\n;") != NULL ||
      snprintf(text, sizeof(text), "%s\n", line) >= (int)sizeof(text)) {
    return error_set(call->error, -EINVAL,
                     "HAProxy: the command is longer than %zu bytes or "
                     "contains a newline or semicolon",
                     sizeof(text) - 2);
  }
  int code = connect_haproxy(path, &fd, call->error);
  if (code == 0) {
    code = write_command(fd, text, call);
    code = code == 0 ? read_whole_response(fd, response, call) : code;
    (void)close(fd);
  }
  return code;
}

int haproxy_socket_request(const char *socket_path, const char *line,
                           char **ret_text, const struct action_call *call) {
  char *response = malloc(HAPROXY_SOCKET_RESPONSE_BYTES);
  if (response == NULL) {
    return error_set(call->error, -ENOMEM, "out of memory");
  }
  int code = exchange_command(socket_path, line, response, call);
  if (code == 0 && ret_text != NULL) {
    *ret_text = response;
    return 0;
  }
  if (code == 0 && response[strspn(response, " \n")] != '\0') {
    code = error_set(call->error, -EIO, "HAProxy: %s: %.*s", line,
                     (int)strcspn(response, "\n"), response);
  }
  free(response);
  return code;
}

#define COLUMNS_MAX 64

/* Bits of srv_admin_state. 0x04 only remembers that the configuration says
 * "disabled", and stays when the server is made ready. */
enum { ADMIN_MAINTENANCE = 0x63, ADMIN_DRAIN = 0x18 };

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

/* The slot of that name, a new one where there is none yet; NULL: no room. */
static struct haproxy_socket_slot *
find_or_add_slot(struct haproxy_socket_slots *slots, const char *name,
                 bool may_add) {
  for (size_t i = 0; i < slots->len; i++) {
    if (strcmp(slots->items[i].name, name) == 0) {
      return &slots->items[i];
    }
  }
  if (!may_add || slots->len == HAPROXY_SOCKET_SLOTS_MAX ||
      option_check_name(name, NULL) != 0) {
    return NULL;
  }
  struct haproxy_socket_slot *slot = &slots->items[slots->len++];
  *slot = (struct haproxy_socket_slot){0};
  memcpy(slot->name, name, strlen(name) + 1);
  return slot;
}

/* By the names of the columns, whose order has changed between versions of
 * HAProxy. */
static void parse_state_line(struct haproxy_socket_slots *slots,
                             const struct line *head, const struct line *line) {
  struct haproxy_socket_slot *slot = find_or_add_slot(
      slots, get_column(line, find_column(head, "srv_name")), true);
  const char *address = get_column(line, find_column(head, "srv_addr"));
  long admin =
      strtol(get_column(line, find_column(head, "srv_admin_state")), NULL, 10);
  if (slot != NULL && strlen(address) < sizeof(slot->address)) {
    memcpy(slot->address, address, strlen(address) + 1);
    slot->is_out = (admin & ADMIN_MAINTENANCE) != 0;
    slot->is_draining = (admin & ADMIN_DRAIN) != 0;
  }
}

/* "# bkname/svname bkid/svid addr port - purge_delay used_cur ..." */
static void parse_sessions_line(struct haproxy_socket_slots *slots,
                                const struct line *head,
                                const struct line *line) {
  const char *name = strchr(get_column(line, 0), '/');
  struct haproxy_socket_slot *slot =
      name == NULL ? NULL : find_or_add_slot(slots, name + 1, false);
  if (slot != NULL) {
    slot->sessions =
        strtoll(get_column(line, find_column(head, "used_cur")), NULL, 10);
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
  struct line head = parse_table(slots, state, parse_state_line);
  if (find_column(&head, "srv_admin_state") == COLUMNS_MAX || slots->len == 0) {
    return error_set(error, -EPROTO, "HAProxy lists no servers");
  }
  (void)parse_table(slots, sessions, parse_sessions_line);
  return 0;
}

int haproxy_socket_read_slots(struct haproxy_socket_slots *slots,
                              const char *socket_path, const char *backend,
                              const struct action_call *call) {
  char line[256];
  char *state = NULL;
  char *sessions = NULL;
  (void)snprintf(line, sizeof(line), "show servers state %s", backend);
  int code = haproxy_socket_request(socket_path, line, &state, call);
  if (code == 0) {
    (void)snprintf(line, sizeof(line), "show servers conn %s", backend);
    code = haproxy_socket_request(socket_path, line, &sessions, call);
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
